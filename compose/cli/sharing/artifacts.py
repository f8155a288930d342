"""The registries of the command line: the user's credentials, cache and word for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

import anyio

from compose.artifact.cache import Cache
from compose.artifact.pulling import pulled
from compose.artifact.registry import Registries, settings_in
from compose.cli.reaching.connection import credential_store
from compose.cli.session import Session
from compose.cli.terminal import warn
from compose.errors import UsageError
from engine.wire.images import AuthConfig

_SWITCH: Final = "COMPOSE_EXPERIMENTAL_OCI_REMOTE"
_TRUE: Final = ("1", "t", "T", "true", "TRUE", "True")
_FALSE: Final = ("0", "f", "F", "false", "FALSE", "False")


def artifact(session: Session, address: str) -> str:
    """The local path of the Compose file of `oci://…`; asked for once in a run. Raises `ComposeError`."""
    if address not in session.known_artifacts:
        _check_switch(address, session.environment.get(_SWITCH, ""))
        file = pulled(address, registries(session), _cache(session.environment), partial(warn, session))
        session.known_artifacts[address] = str(file)
    return session.known_artifacts[address]


def registries(session: Session, insecure: Sequence[str] = ()) -> Registries:
    """The registries as this user sees them; `insecure` are more of those that may be spoken to without TLS."""
    store = credential_store(session)

    def find_auth(registry: str) -> AuthConfig | None:
        # A project is also loaded within an event loop, where no other one can be started.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(anyio.run, store.for_registry, registry).result()

    return Registries(settings_in(session.environment, (*session.insecure_registries, *insecure)), find_auth)


def _check_switch(address: str, text: str) -> None:
    if text in _FALSE:
        raise UsageError(f"`{address}` is remote, which {_SWITCH} forbids")
    if text and text not in _TRUE:
        raise UsageError(f"{_SWITCH} is `{text}`, which is not a boolean", hint="use 1 or 0")


def _cache(environment: Mapping[str, str]) -> Cache:
    home = environment.get("XDG_CACHE_HOME") or f"{environment.get('HOME') or '/'}/.cache"
    return Cache(Path(home) / "pycompose" / "oci")
