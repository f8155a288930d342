"""Finding a record by its name, its id or an unambiguous prefix of its id, as Docker does."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Protocol, TypeVar

from engine.errors import BadRequest


class Named(Protocol):
    """A record with an id and a name."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=Named)


def new_id() -> str:
    """A fresh identity: 64 hexadecimal digits that do not read as a decimal number in their short form."""
    while True:
        identity = secrets.token_hex(32)
        if not identity[:12].isdecimal():
            return identity


def find(records: Iterable[N], wanted: str) -> N | None:
    """The record with that id, else that name, else the only one whose id begins so.

    Raises `BadRequest` when several ids begin so.
    """
    candidates = list(records)
    for record in candidates:
        if record.id == wanted:
            return record
    for record in candidates:
        if record.name == wanted:
            return record
    by_prefix = [record for record in candidates if wanted and record.id.startswith(wanted)]
    if len(by_prefix) > 1:
        raise BadRequest(f"multiple IDs found with provided prefix: {wanted}")
    return by_prefix[0] if by_prefix else None
