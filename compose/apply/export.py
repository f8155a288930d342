"""A container's files, written to where they are wanted."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

from compose.apply.refusals import refusals
from compose.apply.whole import whole_file
from compose.errors import ComposeError
from engine.client import EngineClient

Write = Callable[[bytes], object]


async def export(engine: EngineClient, container: str, target: Path | Write) -> None:
    """Write the archive. A file gets its name when it is whole; until then, and on failure, nothing is changed.

    Raises `ComposeError` when the file cannot be written, `EngineRefused` when the engine does not give it.
    """
    if not isinstance(target, Path):
        await _copy(engine, container, target)
        return
    try:
        with whole_file(target) as file:
            await _copy(engine, container, file.write)
    except OSError as exc:
        raise ComposeError(f"cannot write {target}: {exc.strerror}") from exc


async def _copy(engine: EngineClient, container: str, write: Write) -> None:
    with refusals("exporting the container"):
        async with aclosing(engine.export_container(container)) as chunks:
            async for chunk in chunks:
                write(chunk)
