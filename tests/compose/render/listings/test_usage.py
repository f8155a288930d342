"""The listing of `stats`, in Docker's words."""

from __future__ import annotations

import json

from compose.plan.usage import Usage
from compose.render.listings.formats import listing
from compose.render.listings.usage import COLUMNS, usage_record

BUSY = Usage(
    "a" * 64,
    "shop-web-1",
    is_known=True,
    cpu_percent=123.456,
    memory=12 * 1024 * 1024 + 1,
    memory_limit=2 * 1024**3,
    received=1_234_567,
    sent=999,
    read=4096,
    written=0,
    pids=7,
)
NEW = Usage("b" * 64, "shop-db-1")
OVER = Usage("c" * 64, "shop-job-1", is_known=True, is_over=True)


def test_a_container_that_runs_has_numbers_with_units() -> None:
    found = json.loads(listing("json", [usage_record(BUSY)], COLUMNS))
    assert found == {
        "BlockIO": "4.1kB / 0B",
        "CPUPerc": "123.46%",
        "Container": "a" * 64,
        "ID": "a" * 12,
        "MemPerc": "0.59%",
        "MemUsage": "12MiB / 2GiB",
        "Name": "shop-web-1",
        "NetIO": "1.23MB / 999B",
        "PIDs": "7",
    }


def test_a_container_that_has_not_been_measured_yet_has_dashes() -> None:
    header, row = listing("", [usage_record(NEW)], COLUMNS).splitlines()
    assert header.split("  ")[0] == "CONTAINER ID"
    assert row.split() == ["b" * 12, "shop-db-1", "--", *("--", "/", "--"), "--", *("--", "/", "--") * 2, "--"]


def test_a_container_that_does_not_run_has_noughts() -> None:
    _, row = listing("", [usage_record(OVER)], COLUMNS).splitlines()
    used = ["0.00%", "0B / 0B", "0.00%", "0B / 0B", "0B / 0B", "0"]
    assert row.split() == ["c" * 12, "shop-job-1", *" ".join(used).split()]


def test_ids_are_whole_on_request() -> None:
    assert usage_record(BUSY, truncate=False).fields["ID"] == "a" * 64
