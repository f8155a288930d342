"""The table of attributes tells the truth: what it does not name is read somewhere where things are done."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from compose.load.checks.attributes import attributes
from compose.model.support import RULES, Rule, rule_of
from engine.wire.containers import HostConfig

ROOT = Path(__file__).parents[3]
# Where attributes take effect, by reading a field of the model.
DOING = ("apply", "cli", "graph", "plan")
# Attributes that have done their work when the project is loaded.
LOADED = {"env_file", "extends", "include", "label_file", "name"}
# The places where other attributes stand.
STRUCTURES = {"build", "resources", "services"}
# Wishes of the API that our engine looks at nowhere, and the attributes which ask for them.
UNREAD_BY_THE_ENGINE = {
    "container_id_file": "",
    "userns_mode": "userns_mode",
}


def fields_read(files: Iterable[Path]) -> set[str]:
    """The names of all attributes that the code in these files reads."""
    nodes = (node for path in files for node in ast.walk(ast.parse(path.read_text("utf-8"))))
    return {node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)}


READ = fields_read(path for package in DOING for path in (ROOT / "compose" / package).rglob("*.py"))


def unexplained() -> Iterator[str]:
    for path in attributes():
        steps = path.split(".")
        if rule_of(path) is None and not LOADED.intersection(steps) and steps[-1] not in READ | STRUCTURES:
            yield path


def test_every_attribute_is_honoured_or_in_the_table() -> None:
    assert list(unexplained()) == []


def test_what_the_engine_does_not_look_at_is_in_the_table() -> None:
    read = fields_read(path for path in (ROOT / "engine").rglob("*.py") if path.parts[-2] not in ("wire", "client"))
    assert set(HostConfig.__struct_fields__) - read == set(UNREAD_BY_THE_ENGINE)
    asked_for = (f"services.*.{name}" for name in UNREAD_BY_THE_ENGINE.values() if name)
    assert all(RULES[path].here in ("no", "windows") for path in asked_for)


def test_every_rule_is_about_an_attribute_of_the_schema() -> None:
    known = set(attributes())
    # The schemas of configs and secrets differ in what Swarm knows about them.
    assert set(RULES) - known == {"configs.*.driver", "configs.*.driver_opts"}


def test_a_rule_goes_for_everything_below_its_attribute() -> None:
    assert rule_of("services.*.deploy.placement.constraints") is RULES["services.*.deploy.placement"]
    assert rule_of("services.*.image") is None


@pytest.mark.parametrize(
    ("rule", "value", "is_lost"),
    [
        (Rule("no", "yes", ""), "x", True),
        (Rule("no", "yes", ""), False, False),
        (Rule("no", "yes", ""), {}, False),
        (Rule("no", "yes", "", is_quiet=True), "x", False),
        (Rule("partly", "yes", ""), "x", False),
        (Rule("refused", "yes", ""), "x", False),
        (Rule("no", "yes", "", fine=frozenset({"host"})), "host", False),
        (Rule("no", "yes", "", fine=frozenset({"host"})), "x", True),
        (Rule("partly", "yes", "", fine=frozenset({"max-size"})), {"max-size": "1m"}, False),
        (Rule("partly", "yes", "", fine=frozenset({"max-size"})), {"max-size": "1m", "tag": "x"}, True),
        (Rule("partly", "yes", "", lost=frozenset({"global"})), "global", True),
        (Rule("partly", "yes", "", lost=frozenset({"global"})), "replicated", False),
    ],
)
def test_a_value_is_lost_by_its_rule(rule: Rule, value: object, is_lost: bool) -> None:
    assert rule.loses(value, with_docker=False) == is_lost
    assert not rule.loses(value, with_docker=True)
