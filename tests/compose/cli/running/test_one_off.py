"""The service as `run` wants it: the file's, with what the options say instead."""

from __future__ import annotations

from compose.cli.running.request import RunRequest, one_off_service
from compose.model.service import Deploy, DeployRestart, Port
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
    service = one_off_service(WEB, RunRequest("web", ()))
    assert service.command == ("serve",)
    assert (service.ports, service.container_name, service.restart) == ((), "", "no")
    assert service.deploy is not None
    assert service.deploy.restart_policy is None
    assert (service.tty, service.stdin_open) == (False, True)


def test_options_take_the_place_of_what_the_file_says() -> None:
    request = RunRequest(
        "web",
        ("echo", "hi"),
        environment={"A": "2", "B": None},
        publish=(Port(80, "81", "127.0.0.1", "udp"), Port(90)),
        cap_add=("NET_ADMIN",),
        tty=True,
        service_ports=True,
        entrypoint="sh -c",
        user="1000",
        workdir="/tmp",
    )
    service = one_off_service(WEB, request)
    assert (service.command, service.entrypoint) == (("echo", "hi"), ("sh", "-c"))
    assert service.environment == {"A": "2", "B": None}
    assert service.ports == (Port(80, "8080"), Port(80, "81", "127.0.0.1", "udp"), Port(90))
    assert service.cap_add == ("NET_ADMIN",)
    assert (service.user, service.working_dir, service.tty) == ("1000", "/tmp", True)
