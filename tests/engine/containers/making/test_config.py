"""Merging a request with its image, and refusing what cannot be."""

from __future__ import annotations

import pytest

from engine.containers.making.config import (
    check_request,
    merged,
    process_arguments,
    process_environment,
)
from engine.errors import BadRequest
from engine.wire.containers import (
    ContainerConfig,
    ContainerCreateRequest,
    HealthConfig,
    HostConfig,
    LogConfig,
)

IMAGE = ContainerConfig(
    entrypoint=["/entry"],
    cmd=["serve"],
    env=["PATH=/image/bin", "MODE=image"],
    user="app",
    working_dir="/srv",
    labels={"a": "image", "b": "image"},
    exposed_ports={"80/tcp": {}},
    volumes={"/data": {}},
    stop_signal="SIGQUIT",
    healthcheck=HealthConfig(test=["CMD", "probe"], interval=7, retries=4),
)


@pytest.mark.parametrize(
    ("wish", "arguments"),
    [
        (ContainerConfig(), ("/entry", "serve")),
        (ContainerConfig(cmd=["other"]), ("/entry", "other")),
        (ContainerConfig(entrypoint=["/mine"]), ("/mine",)),
        (ContainerConfig(entrypoint=["/mine"], cmd=["x"]), ("/mine", "x")),
        (ContainerConfig(entrypoint=[], cmd=["x"]), ("x",)),
        (ContainerConfig(entrypoint=[""], cmd=["x"]), ("x",)),
        (ContainerConfig(cmd="one word"), ("/entry", "one word")),
    ],
)
def test_entrypoint_and_command_follow_dockers_rules(wish: ContainerConfig, arguments: tuple[str, ...]) -> None:
    assert process_arguments(merged(wish, IMAGE)) == arguments


def test_without_any_command_there_is_no_container() -> None:
    with pytest.raises(BadRequest, match="no command specified"):
        merged(ContainerConfig(), ContainerConfig())


def test_what_the_request_leaves_out_is_the_images() -> None:
    config = merged(ContainerConfig(labels={"a": "mine"}, env=["MODE=mine"]), IMAGE)
    assert config.labels == {"a": "mine", "b": "image"}
    assert config.env == ["MODE=mine", "PATH=/image/bin"]
    assert (config.user, config.working_dir, config.stop_signal) == ("app", "/srv", "SIGQUIT")
    assert (config.exposed_ports, config.volumes) == ({"80/tcp": {}}, {"/data": {}})


def test_a_health_check_is_inherited_field_by_field() -> None:
    config = merged(ContainerConfig(healthcheck=HealthConfig(interval=9)), IMAGE)
    assert config.healthcheck == HealthConfig(test=["CMD", "probe"], interval=9, retries=4)


def test_the_environment_has_defaults_and_a_bare_name_removes() -> None:
    config = ContainerConfig(env=["PATH=/x", "HOSTNAME"], tty=True)
    assert process_environment(config, "box") == ("PATH=/x", "TERM=xterm")


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (ContainerCreateRequest(env=["=x"]), "invalid environment variable"),
        (ContainerCreateRequest(working_dir="srv"), "needs to be an absolute path"),
        (ContainerCreateRequest(stop_signal="SIGNOPE"), "invalid signal: SIGNOPE"),
        (ContainerCreateRequest(host_config=HostConfig(log_config=LogConfig(type="fax"))), "no log driver named 'fax'"),
        (
            ContainerCreateRequest(host_config=HostConfig(log_config=LogConfig(config={"max-size": "big"}))),
            "invalid size",
        ),
    ],
)
def test_impossible_requests_are_refused_in_dockers_words(request_: ContainerCreateRequest, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        check_request(request_)
