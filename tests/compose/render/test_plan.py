"""A plan's summary on paper."""

from __future__ import annotations

import json

from msgspec import UNSET

from compose.plan.changes import Change
from compose.plan.telling.summary import Entry
from compose.render.plan import plan_json, plan_text

ENTRIES = (
    Entry("network", "shop_default", "create", "not there yet"),
    Entry("container", "shop-db-1", "keep", service="db"),
    Entry(
        "container",
        "shop-web-1",
        "recreate",
        "configuration changed",
        "web",
        (
            Change(("environment", "LOG"), "info", "debug"),
            Change(("environment", "OLD"), "1", UNSET),
            Change(("command",), UNSET, ["x" * 100]),
        ),
    ),
)


def origin(_: Entry, change: Change) -> str:
    return ".env:3" if change.path[-1] == "LOG" else ""


def test_every_service_has_a_block_and_everything_is_counted() -> None:
    assert plan_text(ENTRIES, origin, colour=False) == (
        "networks\n"
        "  + create shop_default (not there yet)\n"
        "service db\n"
        "    keep shop-db-1\n"
        "service web\n"
        "  ± recreate shop-web-1 (configuration changed)\n"
        '      environment.LOG  "info" → "debug"  .env:3\n'
        '      environment.OLD  "1" → nothing\n'
        f'      command          nothing → ["{"x" * 57}…\n'
        "\n"
        "Plan: 1 to create, 1 to recreate; 1 kept\n"
    )


def test_colours_mark_what_changes() -> None:
    text = plan_text(ENTRIES, origin, colour=True)
    assert "\x1b[33m  ± recreate shop-web-1\x1b[0m (configuration changed)" in text
    assert "    keep shop-db-1\n" in text


def test_nothing_to_do_is_said() -> None:
    assert plan_text((), origin, colour=False) == "Plan: nothing to do\n"


def test_json_has_the_whole_values_and_leaves_out_those_that_there_are_not() -> None:
    entry = json.loads(plan_json(ENTRIES, origin))["entries"][2]
    assert entry["action"] == "recreate"
    assert entry["changes"] == [
        {"path": ["environment", "LOG"], "before": "info", "after": "debug", "origin": ".env:3"},
        {"path": ["environment", "OLD"], "before": "1"},
        {"path": ["command"], "after": ["x" * 100]},
    ]
