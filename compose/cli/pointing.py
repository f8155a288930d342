"""Errors that came up after the load, pointed at the part of the files that they are about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from compose.errors import ComposeError
from compose.load.origins.places import Places


@contextmanager
def pointing(places: Places) -> Iterator[None]:
    """Give errors that have a subject and no place yet that subject's place."""
    try:
        yield
    except ComposeError as exc:
        point([exc], places)
        raise
    except ExceptionGroup as group:
        point([one for one in group.exceptions if isinstance(one, ComposeError)], places)
        raise


def point(errors: Iterable[ComposeError], places: Places) -> None:
    """Give those of the errors that have a subject and no place yet that subject's place."""
    for error in errors:
        if error.subject and error.where is None:
            error.where, error.source = places.find(error.subject, line=error.line)
