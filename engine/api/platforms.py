"""The platform as newer clients name it in a query: an object of the OCI image-spec in JSON."""

from __future__ import annotations

import msgspec

from engine.errors import BadRequest
from engine.registry.platforms import Platform
from engine.wire.typed import from_json


class _Said(msgspec.Struct, frozen=True):
    os: str = ""
    architecture: str = ""
    variant: str = ""
    os_version: str = msgspec.field(name="os.version", default="")


def platform_of(text: str) -> Platform | None:
    """The platform, None if none is named. Raises `BadRequest` in Docker's words."""
    if not text:
        return None
    try:
        said = from_json(text.encode(), _Said) if text.strip() != "null" else _Said()
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeEncodeError) as exc:
        raise BadRequest(f"failed to parse platform: {exc}", hint='write {"os": "linux", "architecture": "…"}') from exc
    if not said.os and not said.architecture and (said.variant or said.os_version):
        raise BadRequest("optional platform fields provided, but OS and Architecture are missing")
    if not said.os or not said.architecture:
        raise BadRequest("both OS and Architecture must be provided")
    return Platform.parse("/".join(part for part in (said.os, said.architecture, said.variant) if part))


def platform_text(text: str) -> str:
    """The same as `os/architecture[/variant]`, "" if none is named."""
    return str(platform_of(text) or "")
