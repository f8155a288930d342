"""Programs beside the engine that services may need: plugins of Docker's command line, and others in the PATH."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import Final

import anyio
import msgspec
from anyio.abc import ByteReceiveStream, Process

from compose.errors import ComposeError

# Where Docker's command line looks besides the user's own directory, in this order.
_SYSTEM_PLUGINS: Final = (
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
)
_END_SECONDS: Final = 5.0
_MOST_LINE_BYTES: Final = 1024 * 1024
_MOST_COMPLAINT_BYTES: Final = 4096


def find_plugin(name: str, environment: Mapping[str, str]) -> str | None:
    """The path of the plugin `docker-NAME`, None if there is none."""
    home = environment.get("DOCKER_CONFIG") or f"{environment.get('HOME') or '/'}/.docker"
    for directory in (*_extra_directories(Path(home)), f"{home}/cli-plugins", *_SYSTEM_PLUGINS):
        path = f"{directory}/docker-{name}"
        if os.access(path, os.X_OK) and Path(path).is_file():
            return path
    return None


def find_program(name: str, environment: Mapping[str, str]) -> str | None:
    """The path of a plugin or else of a program in the PATH."""
    return find_plugin(name, environment) or shutil.which(name, path=environment.get("PATH"))


def surroundings(environment: Mapping[str, str], engine_address: str) -> dict[str, str]:
    """The variables of such a program: the project's, and where the engine is that the project runs on."""
    return {"DOCKER_HOST": engine_address, **environment}


@asynccontextmanager
async def running(command: Sequence[str], environment: Mapping[str, str]) -> AsyncIterator[Process]:
    """A program for the block, with pipes for what it says and no input. It has ended when the block has.

    Raises `ComposeError` when it cannot be started.
    """
    try:
        process = await anyio.open_process(command, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env=environment)
    except OSError as exc:
        raise ComposeError(f"{command[0]} cannot be run: {exc.strerror}") from exc
    try:
        yield process
    finally:
        with anyio.CancelScope(shield=True):
            await _end(process)


async def output_of(command: Sequence[str], environment: Mapping[str, str]) -> tuple[int, bytes, str]:
    """Run a program to its end: its exit code, what it printed, and the last line of its complaints."""
    try:
        done = await anyio.run_process(command, stdin=DEVNULL, env=environment, check=False)
    except OSError as exc:
        raise ComposeError(f"{command[0]} cannot be run: {exc.strerror}") from exc
    lines = (done.stderr.strip() or done.stdout.strip()).decode(errors="replace").splitlines()
    return done.returncode, done.stdout, lines[-1] if lines else ""


async def lines(stream: ByteReceiveStream) -> AsyncIterator[bytes]:
    """The lines that are not empty, as they come; of one that does not end, as far as it goes."""
    rest = b""
    async for chunk in stream:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            if line.strip():
                yield line
        if len(rest) > _MOST_LINE_BYTES:
            yield rest
            rest = b""
    if rest.strip():
        yield rest


async def keep_the_end(stream: ByteReceiveStream, kept: bytearray) -> None:
    """Read a program's complaints to their end, and keep the last of them (4 KiB)."""
    async for chunk in stream:
        kept += chunk
        del kept[:-_MOST_COMPLAINT_BYTES]


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.terminate()
        with anyio.move_on_after(_END_SECONDS):
            await process.wait()
        if process.returncode is None:
            process.kill()
    await process.aclose()


def _extra_directories(config: Path) -> list[str]:
    try:
        document = msgspec.json.decode((config / "config.json").read_bytes())
    except (OSError, msgspec.DecodeError):
        return []  # said where credentials are needed
    found = document.get("cliPluginsExtraDirs") if isinstance(document, dict) else None
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []
