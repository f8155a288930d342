"""Whether a registry takes a user's credentials: `docker login`. Blocking, for threads."""

from __future__ import annotations

from urllib.parse import urlsplit

from engine.errors import EngineError, RegistryError, Unauthorized
from engine.registry.auth import Authenticator
from engine.registry.endpoint import DOCKER_HUB
from engine.registry.interrupt import Interrupt
from engine.registry.reference import DEFAULT_REGISTRY
from engine.registry.settings import RegistrySettings
from engine.registry.web import Query, Unreachable, Web
from engine.wire.images import AuthConfig


def registry_of(address: str) -> str:
    """The registry that an address of a login means: a host, a URL of old (`https://index.docker.io/v1/`), or ""."""
    host = urlsplit(address if "://" in address else f"https://{address}").netloc
    return DEFAULT_REGISTRY if host in ("", "index.docker.io", "registry-1.docker.io") else host


def log_in(auth: AuthConfig, settings: RegistrySettings, web: Web, interrupt: Interrupt) -> str:
    """Show the credentials to the registry; return a token that stands for them, if it gives one.

    Raises `Unauthorized` when it refuses them, `RegistryError` when it cannot be reached.
    """
    registry = registry_of(auth.serveraddress)
    plain = settings.is_insecure(registry)
    urls = [DOCKER_HUB] if registry == DEFAULT_REGISTRY else [f"https://{registry}"]
    if plain and registry != DEFAULT_REGISTRY:
        urls.append(f"http://{registry}")
    failure: EngineError = RegistryError(f"registry {registry} cannot be reached")
    for url in urls:
        try:
            return _log_in_at(f"{url}/v2/", auth, web, interrupt, may_use_http=plain)
        except Unreachable as exc:
            failure = exc
            if exc.speaks_tls:
                break
    raise failure


def _log_in_at(url: str, auth: AuthConfig, web: Web, interrupt: Interrupt, *, may_use_http: bool) -> str:
    authenticator = Authenticator(web, auth, may_use_http=may_use_http, wants_identity_token=True)
    answer = web.ask(Query(url), interrupt)
    with answer:
        if answer.status == 200:
            return ""  # it asks nobody who he is
        if answer.status != 401:
            raise RegistryError(f'Get "{url}": HTTP status {answer.status}', hint="is this a registry?")
        try:
            is_answered = authenticator.answer(answer, "", interrupt)
        except Unauthorized as exc:
            raise _refused(url) from exc
    if not is_answered:
        raise _refused(url)
    with web.ask(Query(url, headers={"Authorization": authenticator.header("")}), interrupt) as answer:
        if answer.status != 200:
            raise _refused(url)
    return authenticator.identity_token


def _refused(url: str) -> Unauthorized:
    return Unauthorized(f'Get "{url}": unauthorized: incorrect username or password')
