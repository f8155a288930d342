"""Variables replaced in every string of a document, then typed: what must be a number or a boolean becomes one.

Works on the raw document of one file, before merging, so that a variable is looked up where its file stands.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from compose.errors import Location, Problem
from compose.lazy import lazy_pattern
from compose.load.report import Report
from compose.load.rules import Rules, compile_rules
from compose.load.text.template import Lookup, TemplateError, substitute
from compose.load.tree import Map, Seq
from compose.model.numbers import parse_float, single_precision

_INTEGER = lazy_pattern(r"[+-]?[0-9]+")
TRUE_WORDS = ("y", "yes", "on")
FALSE_WORDS = ("n", "no", "off")

Cast = Callable[[str], Any]


def to_integer(text: str) -> int:
    """Return the number that `text` is, or raise `ValueError`."""
    if not _INTEGER.fullmatch(text) or not -(2**63) <= int(text) < 2**63:
        raise ValueError(f"`{text}` is not an integer")
    return int(text)


def to_float(text: str) -> float:
    """Return the number that `text` is, or raise `ValueError`."""
    return parse_float(text)


def to_single(text: str) -> float:
    """Return the number that `text` is in 32-bit floating point, or raise `ValueError`."""
    return single_precision(to_float(text))


def to_boolean(text: str) -> bool:
    """Return the boolean that `text` means (the words of YAML 1.1 included), or raise `ValueError`."""
    word = text.lower()
    if word == "true" or word in TRUE_WORDS:
        return True
    if word == "false" or word in FALSE_WORDS:
        return False
    raise ValueError(f"`{text}` is not a boolean: use `true` or `false`")


def _table() -> dict[str, Cast]:
    service: dict[Cast, tuple[str, ...]] = {
        to_integer: (
            "cpu_count",
            "cpu_period",
            "cpu_quota",
            "cpu_rt_period",
            "cpu_rt_runtime",
            "cpu_shares",
            "deploy.replicas",
            "deploy.update_config.parallelism",
            "deploy.rollback_config.parallelism",
            "deploy.restart_policy.max_attempts",
            "deploy.placement.max_replicas_per_node",
            "healthcheck.retries",
            "oom_score_adj",
            "pids_limit",
            "ports.[].target",
            "scale",
            "ulimits.*",
            "ulimits.*.hard",
            "ulimits.*.soft",
        ),
        to_float: ("cpu_percent", "deploy.update_config.max_failure_ratio", "deploy.rollback_config.max_failure_ratio"),
        to_single: ("cpus",),
        to_boolean: (
            "init",
            "healthcheck.disable",
            "oom_kill_disable",
            "privileged",
            "read_only",
            "stdin_open",
            "tty",
            "volumes.[].read_only",
            "volumes.[].volume.nocopy",
        ),
    }
    table = {f"services.*.{path}": cast for cast, paths in service.items() for path in paths}
    network = ("external", "internal", "attachable", "enable_ipv4", "enable_ipv6")
    table.update({f"networks.*.{name}": to_boolean for name in network})
    table.update({f"{kind}.*.external": to_boolean for kind in ("volumes", "secrets", "configs")})
    return table


CASTS: Rules[Cast] = compile_rules(_table())


class Interpolation:
    """Replaces variables by one environment; problems and warnings go to the report."""

    def __init__(self, lookup: Lookup, report: Report) -> None:
        self._lookup = lookup
        self._report = report

    def document(self, tree: Map) -> Map:
        """Return a copy of the document with variables replaced; nothing is shared with the original."""
        copy = self._value(tree, CASTS, tree.where)
        assert isinstance(copy, Map)
        return copy

    def text(self, text: str, where: Location) -> str:
        """Return one text with its variables replaced."""
        try:
            return substitute(text, self._lookup, lambda name: self._report.unset(name, where))
        except TemplateError as exc:
            self._report.problem(Problem(str(exc), where, exc.hint, part=exc.part))
            return text

    def _value(self, value: Any, rules: Rules[Cast] | None, where: Location) -> Any:
        if isinstance(value, Map):
            copy = value.fresh()
            for key, entry in value.items():
                copy[key] = self._value(entry, rules and rules.at(key), value.value_at(key))
            return copy
        if isinstance(value, Seq):
            below = rules and rules.at("[]")
            return Seq(value.where, (self._value(item, below, at) for item, at in value.pairs()), value.places)
        if isinstance(value, str):
            return self._string(value, rules.rule if rules else None, where)
        return value

    def _string(self, value: str, cast: Cast | None, where: Location) -> Any:
        text = self.text(value, where) if "$" in value else value
        if cast is None:
            return text
        try:
            typed = cast(text)
        except ValueError as exc:
            what = f"`{text}`" if text else "empty"
            hint = f"`{value}` is {what}: set the variable, or give it a default" if text != value else None
            self._report.problem(Problem(str(exc), where, hint))
            return text
        if cast is to_boolean and text.lower() in (*TRUE_WORDS, *FALSE_WORDS):
            word = "true" if typed else "false"
            self._report.warn(f'"{text}" for boolean is not supported by YAML 1.2, please use `{word}`')
        return typed
