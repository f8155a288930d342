"""Standard output and error: colours, warnings, and the progress that fits where they go."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from compose.cli.session import Session
from compose.errors import ComposeError
from compose.render.problems import render_warning
from compose.render.progress import JsonLines, Live, Plain, Progress, Quiet

_FRAMES_PER_SECOND = 10


def output_colour(session: Session) -> bool:
    """Whether standard output takes colours."""
    return _colour(session.ansi, is_terminal=sys.stdout.isatty())


def error_colour(session: Session | None = None) -> bool:
    """Whether standard error takes colours."""
    return _colour(session.ansi if session else "auto", is_terminal=sys.stderr.isatty())


def warn(session: Session, message: str) -> None:
    """Tell something that is no error on standard error."""
    sys.stderr.write(render_warning(message, colour=error_colour(session)))


def write_output(data: bytes) -> None:
    """Write bytes to standard output at once."""
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def write_text(file: Path, text: str) -> None:
    """Write a file that the user named. Raises `ComposeError`."""
    try:
        file.write_text(text, "utf-8")
    except OSError as exc:
        raise ComposeError(f"cannot write {file}: {exc.strerror}") from exc


@asynccontextmanager
async def progress(session: Session, verb: str) -> AsyncIterator[Progress]:
    """Where a plan's updates go, redrawn while the block runs and left standing after it."""
    import anyio

    from compose.apply.parallel import unwrapped

    shown = _progress(session, verb)
    try:
        if not isinstance(shown, Live):
            yield shown
            return
        with unwrapped():
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_redraw, shown, name="progress")
                yield shown
                tasks.cancel_scope.cancel()
    finally:
        shown.close()


async def _redraw(shown: Progress) -> None:
    import anyio

    while True:
        shown.tick()
        await anyio.sleep(1 / _FRAMES_PER_SECOND)


def _progress(session: Session, verb: str) -> Progress:
    kind = session.progress
    if kind == "auto":
        kind = "tty" if sys.stderr.isatty() and session.ansi != "never" and _is_drawable(session) else "plain"
    if kind == "tty":
        colour = error_colour(session)
        return Live(_write_error, clock=time.monotonic, size=_size, colour=colour, verb=verb)
    if kind == "json":
        return JsonLines(_write_error)
    return Plain(_write_error) if kind == "plain" else Quiet()


def _is_drawable(session: Session) -> bool:
    return session.environment.get("TERM", "") not in ("", "dumb")


def _write_error(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def _size() -> tuple[int, int]:
    size = shutil.get_terminal_size()
    return size.columns, size.lines


def _colour(ansi: str, *, is_terminal: bool) -> bool:
    if ansi in ("always", "never"):
        return ansi == "always"
    return is_terminal and not os.environ.get("NO_COLOR")
