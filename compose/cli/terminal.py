"""Standard output and error: colours, warnings, and the progress that fits where they go."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path

from compose.cli.session import Session, is_true
from compose.errors import ComposeError, Problem
from compose.render.problems import problems_json, render_problems, render_warning, warning_json
from compose.render.progress import JsonLines, Live, Plain, Progress, Quiet, Write

_FRAMES_PER_SECOND = 10

Over = Callable[[Write], Write]
"""Makes a `write` one that leaves alone what else is on the terminal."""


def output_colour(session: Session) -> bool:
    """Whether standard output takes colours."""
    return _colour(session.ansi, is_terminal=sys.stdout.isatty())


def error_colour(session: Session | None = None) -> bool:
    """Whether standard error takes colours."""
    return _colour(session.ansi if session else "auto", is_terminal=sys.stderr.isatty())


def warn(session: Session | None, message: str) -> None:
    """Tell something that is no error on standard error, as a line of JSON where progress is."""
    if session and session.progress == "json":
        _tell(warning_json(message, datetime.now().astimezone()))
        return
    _tell(render_warning(message, colour=error_colour(session)))


def tell_problems(problems: Sequence[Problem], session: Session | None) -> None:
    """Tell on standard error why the command fails, as lines of JSON where progress is."""
    if session and session.progress == "json":
        _tell(problems_json(problems))
        return
    _tell(render_problems(problems, colour=error_colour(session)))


def _tell(text: str) -> None:
    # A full disk under a log, or its reader gone, is no reason to leave the work half done.
    with suppress(OSError):
        sys.stderr.write(text)
        sys.stderr.flush()


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
async def progress(session: Session, verb: str, over: Over | None = None) -> AsyncIterator[Progress]:
    """Where a plan's updates go, redrawn while the block runs and left standing after it."""
    import anyio

    from compose.apply.parallel import unwrapped

    shown = progress_display(session, verb, over)
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


def progress_display(session: Session, verb: str, over: Over | None = None) -> Progress:
    """What shows progress where it goes; who gets it closes it."""
    stream = sys.stdout if is_true(session.environment.get("COMPOSE_STATUS_STDOUT", "")) else sys.stderr

    def send(text: str) -> None:
        with suppress(OSError):  # as in `_tell`
            stream.write(text)
            stream.flush()

    write = over(send) if over else send
    kind = session.progress
    if kind == "auto":
        kind = "tty" if stream.isatty() and _is_drawable(session) else "plain"
    if kind == "tty":
        colour = _colour(session.ansi, is_terminal=stream.isatty())
        return Live(write, clock=time.monotonic, size=_size, colour=colour, verb=verb)
    if kind == "json":
        return JsonLines(write)
    return Plain(write) if kind == "plain" else Quiet()


def _is_drawable(session: Session) -> bool:
    return session.environment.get("TERM", "") not in ("", "dumb")


def _size() -> tuple[int, int]:
    import shutil  # for terminals only

    size = shutil.get_terminal_size()
    return size.columns, size.lines


def _colour(ansi: str, *, is_terminal: bool) -> bool:
    """NO_COLOR (https://no-color.org) goes before everything, as with docker compose."""
    if ansi == "never" or os.environ.get("NO_COLOR"):
        return False
    return ansi == "always" or is_terminal
