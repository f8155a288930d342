"""Which engine a session talks to: the one that somebody named, or our own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from compose.cli.session import Session
from compose.errors import EngineUnavailable
from engine.client.contexts import find_target
from engine.client.errors import EngineUnreachable
from engine.client.home import EngineHome
from engine.client.targets import Target

CHECK_HOST: Final = "check --host, DOCKER_HOST and the context, and whether the engine runs"
SYSTEM_HOME: Final = EngineHome(Path("/var/lib/pycompose"), Path("/run/pycompose"))


def named_engine(session: Session) -> Target | None:
    """The engine that the user named. Raises `EngineUnavailable` for a context that cannot be used."""
    try:
        return find_target(session.host, session.environment)
    except EngineUnreachable as exc:
        raise EngineUnavailable(str(exc), hint="check DOCKER_CONTEXT and `docker context ls`") from exc


def engine_home(session: Session, *, user_id: int) -> EngineHome:
    """Where our own engine lives, for root and for others; two variables move it."""
    environment = session.environment
    home = SYSTEM_HOME
    if user_id != 0:
        user_home = environment.get("HOME", "/")
        data = environment.get("XDG_DATA_HOME") or f"{user_home}/.local/share"
        run = environment.get("XDG_RUNTIME_DIR") or f"/run/user/{user_id}"
        home = EngineHome(Path(data, "pycompose"), Path(run, "pycompose"))
    return EngineHome(
        session.cwd / (environment.get("PYCOMPOSE_STATE_DIR") or home.state),
        session.cwd / (environment.get("PYCOMPOSE_RUN_DIR") or home.run),
    )


def own_engine(session: Session) -> tuple[EngineHome, bool]:
    """The home of our own engine, and whether we may start it. Raises `EngineUnavailable` for who may do nothing."""
    user_id = os.geteuid()
    home = engine_home(session, user_id=user_id)
    if user_id == 0 or is_socket(home.socket):
        return home, True
    if os.access(SYSTEM_HOME.socket, os.W_OK):
        return SYSTEM_HOME, False
    raise EngineUnavailable(
        "the embedded engine needs root: it makes namespaces, mounts and network links, and running it as "
        "an ordinary user (rootless) is not available yet",
        hint="run the command with sudo, or name an engine with --host or DOCKER_HOST",
    )


def is_socket(path: Path) -> bool:
    """Whether there is a socket that we may see."""
    try:
        return path.is_socket()
    except PermissionError:
        return False


@contextmanager
def named_in_hints(session: Session) -> Iterator[None]:
    """Have an engine that does not answer be looked for where it was named: nobody here starts one that is not ours.

    Raises `EngineUnavailable`.
    """
    try:
        yield
    except EngineUnavailable as exc:
        if named_engine(session):
            exc.hint = CHECK_HOST
        raise


def near_socket(session: Session) -> Path | None:
    """The session's engine's unix socket, None where it is reached in another way or nobody may be there."""
    named = named_engine(session)
    if named is not None:
        parts = named.parts()
        return Path(parts.path) if parts.scheme == "unix" else None
    home = engine_home(session, user_id=os.geteuid())
    return home.socket if is_socket(home.socket) else None
