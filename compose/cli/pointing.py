"""Errors that came up after the load, pointed at the part of the files that they are about."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from compose.errors import ComposeError
from compose.load.origins.places import Places


@contextmanager
def pointing(places: Places) -> Iterator[None]:
    """Give errors that have a subject and no place yet that subject's place."""
    try:
        yield
    except ComposeError as exc:
        _point(exc, places)
        raise
    except ExceptionGroup as group:
        for one in group.exceptions:
            if isinstance(one, ComposeError):
                _point(one, places)
        raise


def _point(exc: ComposeError, places: Places) -> None:
    if exc.subject and exc.where is None:
        exc.where, exc.source = places.find(exc.subject, line=exc.line)
