"""What `run` is asked for, and the service that follows from it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from compose.model.service import Mount, Port, Service


class RunRequest(Struct, frozen=True):
    """The command's options; `tty` is whether the container gets a terminal, variables without a value are None."""

    service: str
    words: tuple[str, ...]
    detach: bool = False
    remove: bool = False
    no_deps: bool = False
    tty: bool = False
    interactive: bool = True
    name: str = ""
    entrypoint: str | None = None
    environment: Mapping[str, str | None] = field(default_factory=dict[str, "str | None"])
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    volumes: tuple[Mount, ...] = ()
    publish: tuple[Port, ...] = ()
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    service_ports: bool = False
    use_aliases: bool = False
    user: str = ""
    workdir: str = ""
    pull: str = ""
    build: bool = False
    quiet: bool = False
    quiet_pull: bool = False
    quiet_build: bool = False
    remove_orphans: bool = False


def one_off_service(service: Service, request: RunRequest) -> Service:
    """The service as `run` wants it: what the options say instead of the file, and nothing that is for many."""
    return replace(
        service,
        command=request.words or service.command,
        entrypoint=tuple(shlex.split(request.entrypoint)) if request.entrypoint is not None else service.entrypoint,
        environment={**service.environment, **request.environment},
        labels={**service.labels, **request.labels},
        volumes=(*service.volumes, *request.volumes),
        ports=(*(service.ports if request.service_ports else ()), *request.publish),
        cap_add=(*service.cap_add, *request.cap_add),
        cap_drop=(*service.cap_drop, *request.cap_drop),
        user=request.user or service.user,
        working_dir=request.workdir or service.working_dir,
        tty=request.tty and not request.detach,
        stdin_open=request.interactive,
        restart="no",
        container_name="",
        deploy=replace(service.deploy, restart_policy=None) if service.deploy else None,
    )
