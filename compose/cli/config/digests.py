"""`config --resolve-image-digests` and `--lock-image-digests`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compose.cli.session import Session


def with_digests(session: Session, document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with its services' images pinned. Raises `EngineRefused`, `EngineUnavailable`."""
    from compose.apply.looking.digests import pinned
    from compose.cli.asynchronous import run_async
    from compose.cli.reaching.connection import connected

    services: Mapping[str, Any] = document.get("services", {})

    async def look_up() -> dict[str, str]:
        async with connected(session) as engine:
            return await pinned(engine, [service["image"] for service in services.values() if service.get("image")])

    names = run_async(look_up)
    pinned_services = {
        name: {**service, "image": names[service["image"]]} if service.get("image") else service
        for name, service in services.items()
    }
    return {**document, "services": pinned_services}


def locked(document: Mapping[str, Any], *, is_interpolated: bool) -> dict[str, Any]:
    """Nothing but the images of the services, to lay over the project's files."""
    always: dict[str, Any] = {"command": None, "entrypoint": None} if is_interpolated else {}
    services = {
        name: {**always, **({"image": service["image"]} if service.get("image") else {})}
        for name, service in document.get("services", {}).items()
    }
    return {"services": services}
