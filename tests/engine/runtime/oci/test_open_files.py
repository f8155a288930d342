"""Containers do not get the limit of open files that the engine needs for itself."""

from __future__ import annotations

from msgspec.structs import replace

from engine.wire.containers import HostConfig, Ulimit
from tests.engine.runtime.oci.test_spec import LEGACY, spec

RAISED = replace(LEGACY, open_files=(256, 1024))


def test_containers_begin_with_the_limit_that_the_engine_was_given() -> None:
    assert spec(host=RAISED)["process"]["rlimits"] == [{"type": "RLIMIT_NOFILE", "soft": 256, "hard": 1024}]


def test_a_limit_that_was_asked_for_counts() -> None:
    asked = HostConfig(ulimits=[Ulimit(name="nofile", soft=10, hard=20)])
    assert spec(asked, RAISED)["process"]["rlimits"] == [{"type": "RLIMIT_NOFILE", "soft": 10, "hard": 20}]
