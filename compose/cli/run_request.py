"""What `run` is asked for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RunRequest:
    """The command's options."""

    service: str
    words: tuple[str, ...]
    detach: bool = False
    remove: bool = False
    no_deps: bool = False
    no_tty: bool = False
    interactive: bool = True
    name: str = ""
    entrypoint: str | None = None
    environment: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    publish: tuple[str, ...] = ()
    service_ports: bool = False
    use_aliases: bool = False
    user: str = ""
    workdir: str = ""
    pull: str = ""
    build: bool = False
    quiet_pull: bool = False
    remove_orphans: bool = False
