"""What an answer's body says, as a type or as an error."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from engine.client.errors import ApiError
from engine.errors import BadRequest
from engine.wire.codec import decode
from engine.wire.typed import from_json

T = TypeVar("T")


def parsed(data: bytes, kind: type[T]) -> T:
    """An answer as a type. Raises `ApiError` naming the field that is missing or wrong."""
    try:
        return decode(data, kind)
    except BadRequest as exc:
        raise ApiError(500, f"the engine's answer is not as expected: {exc.message}") from exc


def error_message(body: bytes, status: int) -> str:
    """What the engine says is wrong."""
    try:
        found = from_json(body, dict[str, object]).get("message")
    except msgspec.DecodeError:
        found = body.decode(errors="replace").strip()
    return str(found) if found else f"the engine answered with status {status}"
