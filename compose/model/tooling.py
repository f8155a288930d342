"""Parts of a project that programs beside the engine take care of: hooks, `watch`, providers, language models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from compose.model.part import Part

WatchAction = Literal["rebuild", "sync", "restart", "sync+restart", "sync+exec"]


class Hook(Part, frozen=True):
    """A command run in the container after its start, before its stop or after files were copied into it."""

    command: tuple[str, ...]
    user: str = ""
    privileged: bool = False
    working_dir: str = ""
    environment: Mapping[str, str | None] = {}


class WatchRule(Part, frozen=True):
    """What to do when files below `path` (absolute) change; `ignore` and `include` are patterns relative to it."""

    path: str
    action: WatchAction
    target: str = ""
    exec: Hook | None = None
    include: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    initial_sync: bool = False


class Develop(Part, frozen=True):
    """What `watch` does for a service."""

    watch: tuple[WatchRule, ...] = ()


class Provider(Part, frozen=True):
    """A program that provides a service instead of a container; an option may be given several times."""

    type: str
    options: Mapping[str, tuple[str, ...]] = {}


class ModelUse(Part, frozen=True):
    """How a service learns about a language model: the names of two environment variables."""

    endpoint_var: str = ""
    model_var: str = ""


class Model(Part, frozen=True):
    """A language model of the project; `context_size` in tokens, 0 is the model's own."""

    key: str
    model: str
    name: str = ""
    context_size: int = 0
    runtime_flags: tuple[str, ...] = ()


class CredentialSpec(Part, frozen=True):
    """Credentials of a managed service account (Windows): one of the three."""

    config: str = ""
    file: str = ""
    registry: str = ""
