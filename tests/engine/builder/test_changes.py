"""Instructions that change an image's config and nothing else."""

from __future__ import annotations

import pytest

from engine.builder.changes import reconfigured
from engine.errors import BadRequest
from engine.wire.containers import ContainerConfig

OLD = ContainerConfig(cmd=["sh"], env=["PATH=/bin", "X=old"], labels={"a": "1"}, working_dir="/srv")


def test_every_instruction_of_a_commit_has_its_effect() -> None:
    changed = reconfigured(
        OLD,
        [
            'CMD ["a","b"]',
            "ENV X=y Z=$PATH",
            "EXPOSE 80 90/udp",
            "LABEL q=1",
            "ONBUILD RUN x",
            "USER 7",
            "VOLUME /v",
            "WORKDIR w",
            "ENTRYPOINT ep a",
            "STOPSIGNAL SIGINT",
            "HEALTHCHECK NONE",
        ],
    )
    assert changed.cmd == ["a", "b"]
    assert changed.env == ["PATH=/bin", "X=y", "Z=/bin"]
    assert changed.exposed_ports == {"80/tcp": {}, "90/udp": {}}
    assert changed.labels == {"a": "1", "q": "1"}
    assert changed.on_build == ["RUN x"]
    assert (changed.user, changed.volumes, changed.working_dir) == ("7", {"/v": {}}, "/srv/w")
    assert changed.entrypoint == ["/bin/sh", "-c", "ep a"]
    assert changed.stop_signal == "SIGINT"
    assert changed.healthcheck is not None
    assert changed.healthcheck.test == ["NONE"]


def test_one_change_may_have_several_lines_and_none_changes_nothing() -> None:
    assert reconfigured(OLD, ["USER a\nWORKDIR /b"]).user == "a"
    assert reconfigured(OLD, ["", " "]) is OLD


@pytest.mark.parametrize(("change", "word"), [("RUN x", "RUN"), ("FROM y", "FROM"), ("foo x", "FOO")])
def test_what_does_more_is_refused(change: str, word: str) -> None:
    with pytest.raises(BadRequest, match=f"^{word} is not a valid change command"):
        reconfigured(OLD, [change])


def test_a_mistake_is_told_with_its_line() -> None:
    with pytest.raises(BadRequest, match="change:2"):
        reconfigured(OLD, ["USER a", "EXPOSE x"])
