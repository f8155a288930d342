"""The engine's socket inside containers."""

from __future__ import annotations

import base64
import json

import pytest

from compose.apply.requests.api_socket import with_api_socket
from compose.errors import ComposeError
from compose.model.service import FileMount, Mount
from engine.wire.images import AuthConfig
from tests.fakes.projects import make_project, make_service

CREDENTIALS = {"registry.example": AuthConfig(username="me", password="secret")}


def test_a_service_that_wants_it_gets_the_socket_and_the_credentials() -> None:
    project = make_project(make_service("ci", use_api_socket=True), make_service("web"))
    made = with_api_socket(project, "unix:///run/engine.sock", CREDENTIALS)
    ci = made.services["ci"]
    assert ci.volumes == (Mount("bind", "/var/run/docker.sock", "/run/engine.sock"),)
    assert ci.environment == {"DOCKER_CONFIG": "/run/secrets/docker"}
    [config] = ci.configs
    assert config == FileMount(config.source, "/run/secrets/docker/config.json")
    content = json.loads(made.configs[config.source].content or "")
    auth = content["auths"]["registry.example"]["auth"]
    assert base64.b64decode(auth) == b"me:secret"
    assert made.services["web"] == project.services["web"]


def test_who_says_where_the_credentials_are_is_given_none() -> None:
    project = make_project(make_service("ci", use_api_socket=True, environment={"DOCKER_CONFIG": "/mine"}))
    ci = with_api_socket(project, "unix:///run/engine.sock", CREDENTIALS).services["ci"]
    assert (ci.configs, ci.environment) == ((), {"DOCKER_CONFIG": "/mine"})


def test_an_engine_elsewhere_has_no_socket_to_give() -> None:
    project = make_project(make_service("ci", use_api_socket=True))
    with pytest.raises(ComposeError, match="no socket on this machine") as caught:
        with_api_socket(project, "tcp://10.0.0.1:2376", {})
    assert caught.value.subject == ("services", "ci", "use_api_socket")
