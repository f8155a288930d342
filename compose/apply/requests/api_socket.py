"""`use_api_socket`: the engine's socket and the user's registry credentials inside a container.

The same places as docker compose's: /var/run/docker.sock, and a config.json below /run/secrets/docker.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from compose.errors import ComposeError
from compose.model.project import FileObject, Project
from compose.model.service import FileMount, Mount, Service
from engine.wire.images import AuthConfig

_UNIX = "unix://"
_SOCKET = "/var/run/docker.sock"
_CONFIG_DIRECTORY = "/run/secrets/docker"
# No name of a Compose file has such a character.
_KEY = "#apisocket"


def with_api_socket(project: Project, address: str, credentials: Mapping[str, AuthConfig]) -> Project:
    """The project with what those services need that want the engine's socket. `credentials` are by registry.

    Raises `ComposeError` for an engine that is not reached by a socket of this machine.
    """
    auths = {registry: _entry(auth) for registry, auth in credentials.items()}
    content = msgspec.json.encode({"auths": auths}).decode()
    services = {
        name: _with_socket(service, address) if service.use_api_socket else service
        for name, service in project.services.items()
    }
    config = FileObject(_KEY, _KEY, content=content)
    return replace(project, services=services, configs={**project.configs, _KEY: config})


def _with_socket(service: Service, address: str) -> Service:
    if not address.startswith(_UNIX):
        raise ComposeError(
            f"the engine at {address} has no socket on this machine that could be put into a container",
            hint="leave out `use_api_socket`, or use the engine of this machine",
            subject=("services", service.name, "use_api_socket"),
        )
    mounts = (*service.volumes, Mount("bind", _SOCKET, address.removeprefix(_UNIX)))
    if "DOCKER_CONFIG" in service.environment:  # who sets it has credentials of their own
        return replace(service, volumes=mounts)
    return replace(
        service,
        volumes=mounts,
        environment={**service.environment, "DOCKER_CONFIG": _CONFIG_DIRECTORY},
        configs=(*service.configs, FileMount(_KEY, f"{_CONFIG_DIRECTORY}/config.json")),
    )


def _entry(auth: AuthConfig) -> dict[str, str]:
    joint = base64.b64encode(f"{auth.username}:{auth.password}".encode()).decode()
    return {"auth": joint, **({"identitytoken": auth.identitytoken} if auth.identitytoken else {})}
