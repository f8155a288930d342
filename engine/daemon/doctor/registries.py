"""Whether the registries that images come from answer."""

from __future__ import annotations

import urllib.error
import urllib.request
from functools import partial
from typing import Final

import anyio

from engine.daemon.doctor.finding import Finding, Verdict
from engine.registry.reference import DEFAULT_REGISTRY
from engine.registry.settings import RegistrySettings

_PATIENCE_SECONDS: Final = 5.0
_HUB: Final = "https://registry-1.docker.io"


async def registries(settings: RegistrySettings) -> list[Finding]:
    """Ask every mirror, and Docker Hub where nothing mirrors it, all at once."""
    mirrors = [url for urls in settings.mirrors.values() for url in urls]
    addresses = dict.fromkeys(mirrors if settings.mirrors.get(DEFAULT_REGISTRY) else [*mirrors, _HUB])
    findings: dict[str, Finding] = {}

    async def ask(url: str) -> None:
        findings[url] = await anyio.to_thread.run_sync(partial(_ask, url, settings))

    async with anyio.create_task_group() as tasks:
        for url in addresses:
            tasks.start_soon(ask, url)
    return [findings[url] for url in addresses]


def _ask(url: str, settings: RegistrySettings) -> Finding:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler(dict(settings.proxies)))
    try:
        with opener.open(f"{url.rstrip('/')}/v2/", timeout=_PATIENCE_SECONDS):
            return Finding("registry", Verdict.GOOD, f"{url} answers")
    except urllib.error.HTTPError as exc:
        with exc:
            if exc.code in (401, 403):  # it wants to know who asks, which is an answer
                return Finding("registry", Verdict.GOOD, f"{url} answers")
            return Finding("registry", Verdict.WARN, f"{url} answers {exc.code}", "is it a registry?")
    except (OSError, ValueError) as exc:
        why = getattr(exc, "reason", exc)
        return Finding(
            "registry", Verdict.WARN, f"{url} cannot be reached: {why}", "a proxy (HTTPS_PROXY) or a mirror may help"
        )
