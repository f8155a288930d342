"""The statuses that failures are answered with."""

from __future__ import annotations

import pytest

from engine.containers.making.checks.host import check_host
from engine.containers.making.mounts import plan_mounts
from engine.errors import BadRequest, NotFound, as_failure
from engine.runtime.failures import create_failure
from engine.wire.containers import ContainerConfig, HostConfig


def test_a_mistake_that_docker_takes_for_its_own_failure_stays_a_mistake_with_another_status() -> None:
    with pytest.raises(BadRequest) as refused, as_failure():
        raise BadRequest("no")
    assert refused.value.status == 500
    assert BadRequest("no").status == 400


def test_other_failures_keep_their_status() -> None:
    with pytest.raises(NotFound) as refused, as_failure():
        raise NotFound("no")
    assert refused.value.status == 404


@pytest.mark.parametrize("bind", ["a", ":", "/a:b", "a:/", "/a:/b:zz", "/a:/b:ro,rw", "/a:/b:c:d", "v:/b:shared"])
def test_binds_that_cannot_be_are_answered_with_500(bind: str) -> None:
    with pytest.raises(BadRequest) as refused:
        plan_mounts(ContainerConfig(), HostConfig(binds=[bind]), lambda _: [])
    assert refused.value.status == 500


def test_a_bind_for_the_place_of_another_is_answered_with_400() -> None:
    with pytest.raises(BadRequest, match="Duplicate mount point") as refused:
        plan_mounts(ContainerConfig(), HostConfig(binds=["/a:/x", "/b:/x"]), lambda _: [])
    assert refused.value.status == 400


@pytest.mark.parametrize("option", ["nope", "nope=x", "no-new-privileges=x"])
def test_security_options_that_nobody_knows_are_answered_with_500(option: str) -> None:
    with pytest.raises(BadRequest) as refused:
        check_host(HostConfig(security_opt=[option]), frozenset())
    assert refused.value.status == 500


@pytest.mark.parametrize(
    ("said", "status", "words"),
    [
        ("mount `/dev/null` to `etc`: Not a directory", 400, "Are you trying to mount a directory onto a file"),
        ("failed open()ing /dev/null: Is a directory", 400, "Are you trying to mount a directory onto a file"),
        ("chdir to `/etc/passwd`: Not a directory", 500, "Cannot mkdir: /etc/passwd is not a directory"),
        ("something else", 500, "something else"),
    ],
)
def test_what_the_runtime_says_of_directories_has_dockers_status(said: str, status: int, words: str) -> None:
    failure = create_failure(f"crun: {said}", "true")
    assert failure.status == status
    assert words in failure.message
