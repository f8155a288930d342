"""The instructions of a Dockerfile as data, read but not expanded: variables have values only inside a stage."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from engine.builder.dockerfile.source import Heredoc


class Command(Struct, frozen=True):
    """What RUN, CMD, ENTRYPOINT and HEALTHCHECK run: a line for the shell, or (`is_exec`) words for the kernel."""

    words: tuple[str, ...]
    is_exec: bool


class Part(Struct, frozen=True, kw_only=True):
    """Base of every instruction: its first line, and its text in one line."""

    line: int
    text: str


class From(Part, frozen=True, kw_only=True):
    """FROM [--platform=…] image [AS name]."""

    image: str
    name: str = ""
    platform: str = ""


class Arg(Part, frozen=True, kw_only=True):
    """ARG name[=default] …; a default of None means there is none."""

    names: tuple[tuple[str, str | None], ...]


class Env(Part, frozen=True, kw_only=True):
    """ENV name=value …."""

    pairs: tuple[tuple[str, str], ...]


class Label(Part, frozen=True, kw_only=True):
    """LABEL name=value …."""

    pairs: tuple[tuple[str, str], ...]


class MountOptions(Struct, frozen=True):
    """One `--mount` of a RUN, as its `key=value` pairs in order; read once the variables are known."""

    pairs: tuple[tuple[str, str], ...]


class Run(Part, frozen=True, kw_only=True):
    """RUN. A here-document alone on the line is the script itself: then `command` is empty."""

    command: Command
    heredocs: tuple[Heredoc, ...] = ()
    mounts: tuple[MountOptions, ...] = ()
    network: str = ""
    security: str = ""


class Copy(Part, frozen=True, kw_only=True):
    """COPY, and ADD (`is_add`). Here-documents among the sources are in `heredocs`, `sources` has the others."""

    sources: tuple[str, ...]
    destination: str
    heredocs: tuple[Heredoc, ...] = ()
    is_add: bool = False
    origin: str = ""
    chown: str = ""
    chmod: str = ""
    link: bool = False
    parents: bool = False
    excludes: tuple[str, ...] = ()
    checksum: str = ""
    keep_git_dir: bool = False
    unpack: bool | None = None


class Workdir(Part, frozen=True, kw_only=True):
    """WORKDIR path."""

    path: str


class User(Part, frozen=True, kw_only=True):
    """USER user[:group]."""

    user: str


class Cmd(Part, frozen=True, kw_only=True):
    """CMD."""

    command: Command


class Entrypoint(Part, frozen=True, kw_only=True):
    """ENTRYPOINT."""

    command: Command


class Expose(Part, frozen=True, kw_only=True):
    """EXPOSE port …."""

    ports: tuple[str, ...]


class Volume(Part, frozen=True, kw_only=True):
    """VOLUME path …."""

    paths: tuple[str, ...]


class StopSignal(Part, frozen=True, kw_only=True):
    """STOPSIGNAL signal."""

    signal: str


class HealthCheck(Part, frozen=True, kw_only=True):
    """HEALTHCHECK; `command` None is NONE. Durations are nanoseconds, 0 for the default."""

    command: Command | None
    interval: int = 0
    timeout: int = 0
    start_period: int = 0
    start_interval: int = 0
    retries: int = 0


class Shell(Part, frozen=True, kw_only=True):
    """SHELL ["program", "option"]."""

    words: tuple[str, ...]


class OnBuild(Part, frozen=True, kw_only=True):
    """ONBUILD instruction, kept as text for the images built from this one."""

    trigger: str


class Maintainer(Part, frozen=True, kw_only=True):
    """MAINTAINER name (deprecated by Docker)."""

    name: str


Instruction: TypeAlias = (
    Arg
    | Env
    | Label
    | Run
    | Copy
    | Workdir
    | User
    | Cmd
    | Entrypoint
    | Expose
    | Volume
    | StopSignal
    | HealthCheck
    | Shell
    | OnBuild
    | Maintainer
)
