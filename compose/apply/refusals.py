"""What the engine refuses, said as an error of the command line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from compose.errors import EngineRefused, EngineUnavailable
from engine.client import ApiError, EngineUnreachable

# Our engine puts its advice at the end of the message, the only field of an error's body.
_HINT = re.compile(r"(?s)(?P<message>.*?) \(hint: (?P<hint>.*)\)\s*")


@contextmanager
def refusals(doing: str, *, fine: tuple[int, ...] = ()) -> Iterator[None]:
    """Raise the engine's refusal as `EngineRefused`, with what we were doing. Statuses in `fine` are no error."""
    try:
        yield
    except ApiError as exc:
        if exc.status not in fine:
            raise refused(exc, doing) from exc
    except EngineUnreachable as exc:
        raise EngineUnavailable(
            f"{doing}: {exc}", hint="containers go on without the engine; the next command starts it again"
        ) from exc


def refused(error: ApiError, doing: str) -> EngineRefused:
    """The engine's refusal as an error of ours."""
    match = _HINT.fullmatch(error.message)
    message, hint = (match["message"], match["hint"]) if match else (error.message, None)
    return EngineRefused(f"{doing}: {message}", status=error.status, hint=hint)
