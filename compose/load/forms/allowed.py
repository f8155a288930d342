"""The forms that the short and long syntax can have, for documents that the schema does not see.

A file that services are extended from is not held against the schema: what is extended is, once it is merged. But a
form that no syntax has is refused in all its services.
"""

from __future__ import annotations

from typing import Any

from compose.errors import Problem
from compose.load.report import Report
from compose.load.rules import Rules, compile_rules
from compose.load.tree import Map, Seq

_NAMES = {Map: "a mapping", Seq: "a list", str: "a string", int: "a number"}

FORMS: Rules[tuple[type, ...]] = compile_rules(
    {
        "services.*.build": (Map, str),
        "services.*.build.additional_contexts": (Map, Seq),
        "services.*.build.secrets.*": (Map, str),
        "services.*.build.ssh": (Map, Seq),
        "services.*.build.ulimits.*": (Map, int),
        "services.*.configs.*": (Map, str),
        "services.*.depends_on": (Map, Seq),
        "services.*.depends_on.*": (Map, str),
        "services.*.devices.*": (Map, str),
        "services.*.env_file": (Seq, str),
        "services.*.extends": (Map, str),
        "services.*.gpus": (Seq, str),
        "services.*.ports": (Seq,),
        "services.*.ports.*": (Map, str, int),
        "services.*.secrets.*": (Map, str),
        "services.*.ulimits.*": (Map, int),
        "services.*.volumes.*": (Map, str),
    }
)


def check_forms(tree: Map, report: Report) -> None:
    """Report the values of a document that no syntax allows."""
    _walk(tree, FORMS, "", report)


def _walk(value: Any, rules: Rules[tuple[type, ...]], path: str, report: Report) -> None:
    if isinstance(value, Map):
        parts = [(key, value[key], value.value_at(key), rules.at(key)) for key in value]
    elif isinstance(value, Seq):
        parts = [(str(index), item, place, rules.at("[]")) for index, (item, place) in enumerate(value.pairs())]
    else:
        return
    for key, entry, where, below in parts:
        if below is None:
            continue
        inner = f"{path}.{key}" if path else key
        if below.rule is not None and not _is_one_of(entry, below.rule):
            names = " or ".join(_NAMES[form] for form in below.rule)
            report.problem(Problem(f"{inner} must be {names}", where))
        else:
            _walk(entry, below, inner, report)


def _is_one_of(value: Any, forms: tuple[type, ...]) -> bool:
    return isinstance(value, forms) and not isinstance(value, bool)
