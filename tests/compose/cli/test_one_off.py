"""The service as `run` wants it: the file's, with what the options say instead."""

from __future__ import annotations

import pytest

from compose.cli.one_off import one_off_service
from compose.cli.run_request import RunRequest
from compose.errors import UsageError
from compose.model.service import Deploy, DeployRestart, Mount, Port
from tests.fakes.projects import make_service

WEB = make_service(
    "web",
    image="busybox",
    command=("serve",),
    ports=(Port(80, "8080"),),
    restart="always",
    container_name="fixed",
    environment={"A": "1"},
    deploy=Deploy(restart_policy=DeployRestart("any")),
)


def test_a_one_off_container_keeps_the_command_but_neither_ports_nor_name_nor_restarts() -> None:
    service = one_off_service(WEB, RunRequest("web", ()), with_terminal=False)
    assert service.command == ("serve",)
    assert (service.ports, service.container_name, service.restart) == ((), "", "no")
    assert service.deploy is not None
    assert service.deploy.restart_policy is None
    assert (service.tty, service.stdin_open) == (False, True)


def test_options_take_the_place_of_what_the_file_says() -> None:
    request = RunRequest(
        "web",
        ("echo", "hi"),
        environment=("A=2", "B"),
        publish=("127.0.0.1:81:80/udp", "90"),
        service_ports=True,
        entrypoint="sh -c",
        user="1000",
        workdir="/tmp",
    )
    service = one_off_service(WEB, request, with_terminal=True)
    assert (service.command, service.entrypoint) == (("echo", "hi"), ("sh", "-c"))
    assert service.environment == {"A": "2", "B": None}
    assert service.ports == (Port(80, "8080"), Port(80, "81", "127.0.0.1", "udp"), Port(90))
    assert (service.user, service.working_dir, service.tty) == ("1000", "/tmp", True)


def test_volumes_are_paths_of_the_host_names_or_anonymous() -> None:
    request = RunRequest("web", (), volumes=("/srv:/data:ro", "name:/data2", "/scratch"))
    service = one_off_service(WEB, request, with_terminal=False)
    assert service.volumes == (
        Mount("bind", "/data", "/srv", read_only=True),
        Mount("volume", "/data2", "name"),
        Mount("volume", "/scratch"),
    )


def test_a_port_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="`x` is no port"):
        one_off_service(WEB, RunRequest("web", (), publish=("x",)), with_terminal=False)
