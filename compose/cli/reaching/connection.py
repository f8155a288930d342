"""Which engine to talk to: the one that was named, or our own, started when nobody answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from compose.apply.credentials import CredentialStore
from compose.cli.reaching.engines import CHECK_HOST, named_engine, named_in_hints, own_engine
from compose.cli.session import Session
from compose.errors import ComposeError, EngineRefused, EngineUnavailable, UsageError
from engine.client import ApiError, EngineClient, EngineUnreachable, LaunchError, OnlyReads
from engine.client.contexts import http_headers
from engine.client.ensure import ensure_engine
from engine.client.targets import Target

if TYPE_CHECKING:
    from compose.model.project import Project


@asynccontextmanager
async def connected(session: Session) -> AsyncIterator[EngineClient]:
    """A client of the session's engine. Raises `EngineUnavailable` when there is none and none can be started."""
    target = named_engine(session) or Target(await _embedded(session))
    store = credential_store(session)
    headers = tuple(http_headers(session.environment).items())
    async with EngineClient(
        target.address,
        certificates=target.certificates,
        find_auth=store.for_image,
        headers=headers,
        only_reads=session.dry_run,
        most_at_once=session.parallel,
    ) as engine:
        with named_in_hints(session):
            yield engine


def credential_store(session: Session) -> CredentialStore:
    """The user's registry credentials, where Docker's command line has them."""
    environment = session.environment
    directory = environment.get("DOCKER_CONFIG") or f"{environment.get('HOME') or '/'}/.docker"
    return CredentialStore(Path(directory), environment)


async def equipped(session: Session, engine: EngineClient, project: Project) -> Project:
    """The project with what its services need of the engine itself (`use_api_socket`)."""
    if not any(service.use_api_socket for service in project.services.values()):
        return project
    from compose.apply.requests.api_socket import with_api_socket  # hardly ever needed

    return with_api_socket(project, engine.address, await credential_store(session).everything())


def as_compose_error(exc: BaseException) -> ComposeError | None:
    """A failure of the client that nobody gave a context, as one of ours; None for everything else."""
    if isinstance(exc, ApiError):
        return EngineRefused(exc.message, status=exc.status)
    if isinstance(exc, OnlyReads):
        return UsageError(
            "this command has no --dry-run", hint="it is for those that follow a plan: up, down, stop, ..."
        )
    if isinstance(exc, EngineUnreachable):
        return EngineUnavailable(str(exc), hint=CHECK_HOST)
    if isinstance(exc, LaunchError):
        return EngineUnavailable(exc.message, hint=exc.hint)
    return None


async def _embedded(session: Session) -> str:
    home, may_start = own_engine(session)
    if not may_start:
        return home.address
    try:
        return await ensure_engine(home, environment=session.environment)
    except LaunchError as exc:
        raise EngineUnavailable(exc.message, hint=exc.hint) from exc
