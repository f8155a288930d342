"""Which part of the files a refusal of the engine points at."""

from __future__ import annotations

import pytest

from compose.apply.subjects import subject_of
from compose.model.project import FileObject
from compose.model.service import FileMount, Mount, Port, ServiceNetwork
from compose.plan.actions import (
    Action,
    CreateContainer,
    CreateNetwork,
    CreateVolume,
    PullImage,
    StartContainer,
    StopContainer,
)
from tests.fakes.projects import data_volume, make_project, make_service

WEB = make_service(
    "web",
    image="web:1",
    command=("serve",),
    ports=(Port(80, "8080"), Port(90, "9000-9002")),
    volumes=(data_volume(), Mount("bind", "/x", "/srv/missing")),
    configs=(FileMount("c"),),
    networks={"default": ServiceNetwork(), "n": ServiceNetwork(ipv4_address="10.1.2.3")},
)
PROJECT = make_project(WEB, make_service("db"), configs={"c": FileObject("c", "app_c", file="/app/c.conf")})
CREATE = CreateContainer(WEB, 1, "app-web-1", "app-web-1", "web:1", "new")
START = StartContainer("app-web-1", "web", "new")


@pytest.mark.parametrize(
    ("action", "message", "subject"),
    [
        (PullImage("web:1", "new"), "not found", ("services", "web", "image")),
        (PullImage("other:1", "new"), "not found", ()),
        (CreateNetwork(PROJECT.networks["default"], "new"), "overlap", ("networks", "default")),
        (CreateVolume(PROJECT.volumes["data"], "new"), "no such driver", ("volumes", "data")),
        (CREATE, "bind source path does not exist: /srv/missing", ("services", "web", "volumes", 1)),
        (CREATE, "bind source path does not exist: /app/c.conf", ("configs", "c", "file")),
        (CREATE, "no such capability", ("services", "web")),
        (START, "port 0.0.0.0:8080/tcp is already in use by nginx (pid 1)", ("services", "web", "ports", 0)),
        (START, "Bind for 0.0.0.0:9001 failed: port is already allocated", ("services", "web", "ports", 1)),
        (START, "port 0.0.0.0:1/tcp is already in use by nginx (pid 1)", ()),
        (
            START,
            "invalid address 10.1.2.3: it does",
            ("services", "web", "networks", "n", "ipv4_address"),
        ),
        (START, "crun was not found", ()),
        (START, 'exec: "serve": executable file not found in $PATH', ("services", "web", "command")),
        (START, 'exec: "/docker-entrypoint.sh": permission denied', ()),
        (StartContainer("app-gone-1", "gone", "new"), "no", ()),
        (StopContainer("app-web-1", "id", "web", "gone"), "no", ()),
    ],
)
def test_a_refusal_is_about_the_narrowest_part_that_explains_it(
    action: Action, message: str, subject: tuple[str | int, ...]
) -> None:
    assert subject_of(PROJECT, action, message) == subject
