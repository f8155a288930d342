"""What buildx asks for becomes an order of ours."""

from __future__ import annotations

import pytest

from engine.buildkit.solving.attributes import read_attributes
from engine.errors import BadRequest, NotImplementedHere
from engine.wire.containers import Ulimit


def test_arguments_labels_and_settings_become_an_order() -> None:
    wanted = read_attributes(
        {
            "filename": "My.Dockerfile",
            "target": "app",
            "build-arg:V": "1",
            "build-arg:BUILDKIT_INLINE_CACHE": "1",
            "label:a": "b",
            "no-cache": "",
            "image-resolve-mode": "pull",
            "force-network-mode": "host",
            "add-hosts": "one=1.2.3.4,six=fe80::1",
            "ulimit": "nofile=1:2,core=0",
            "shm-size": "1024",
            "cgroup-parent": "/limited",
            "platform": "linux/amd64",
        },
        ("security.insecure",),
    )
    order = wanted.order
    assert (order.dockerfile, order.target, order.args, order.labels) == (
        "My.Dockerfile",
        "app",
        {"V": "1"},
        {"a": "b"},
    )
    assert (order.no_cache, order.pull, order.network, order.shm_size) == (True, True, "host", 1024)
    assert order.extra_hosts == ("one:1.2.3.4", "six:fe80::1")
    assert order.ulimits == (Ulimit(name="nofile", soft=1, hard=2), Ulimit(name="core", soft=0, hard=0))
    assert (order.is_trusted, order.cgroup_parent) == (True, "/limited")
    assert wanted.dockerfile_name == "dockerfile"


def test_local_images_are_preferred_unless_they_are_to_be_pulled() -> None:
    assert not read_attributes({"image-resolve-mode": "local"}).order.pull


def test_single_stages_may_be_built_anew() -> None:
    order = read_attributes({"no-cache": "One,two"}).order
    assert (order.no_cache, order.no_cache_stages) == (False, ("one", "two"))


def test_contexts_are_directories_images_addresses_or_results() -> None:
    wanted = read_attributes(
        {
            "context:dir": "local:dir2",
            "context:img": "docker-image://alpine",
            "context:other": "input:context:other",
            "local-sessionid:dir2": "s",
        }
    )
    assert wanted.order.contexts == {"dir": "", "img": "docker-image://alpine", "other": ""}
    assert wanted.locals == {"dir": "dir2"}
    assert wanted.inputs == {"other": "context:other"}
    assert wanted.sessions == {"dir2": "s"}


def test_the_dockerfile_of_a_remote_context_is_in_it_unless_the_client_has_one() -> None:
    remote = {"context": "https://example.com/x.git"}
    assert read_attributes(remote).dockerfile_name == ""
    assert read_attributes({**remote, "dockerfilekey": "dockerfile"}).dockerfile_name == "dockerfile"


def test_caches_are_written_as_on_the_command_line() -> None:
    imports = '[{"Type":"registry","Attrs":{"ref":"a/b"}},{"Type":"local","Attrs":{"src":"/c"}}]'
    order = read_attributes({"cache-imports": imports, "cache-from": "x,y"}).order
    assert order.cache_from == ("type=registry,ref=a/b", "type=local,src=/c", "x", "y")


@pytest.mark.parametrize(
    "attributes",
    [{"shm-size": "much"}, {"ulimit": "nofile=a"}, {"cache-imports": "{"}],
    ids=lambda item: next(iter(item)),
)
def test_what_cannot_be_read_is_refused(attributes: dict[str, str]) -> None:
    with pytest.raises(BadRequest):
        read_attributes(attributes)


@pytest.mark.parametrize(
    "attributes", [{"platform": "linux/amd64,linux/arm64"}, {"context:x": "oci-layout://a@sha256:b"}]
)
def test_what_is_not_here_is_said_so(attributes: dict[str, str]) -> None:
    with pytest.raises(NotImplementedHere):
        read_attributes(attributes)
