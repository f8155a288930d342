"""Changes of files below some directories, in batches, as the kernel tells of them (inotify)."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from asyncinotify import Event, Inotify, Mask

from compose.apply.parallel import unwrapped
from compose.errors import ComposeError

# A batch is over when nothing has happened for this long: saving a file is several changes, saving all many.
_QUIET_SECONDS = 0.1
_LONGEST_SECONDS = 2.0
# Not MODIFY: a file that is still being written is not ready to be copied.
_CHANGES = Mask.CREATE | Mask.CLOSE_WRITE | Mask.ATTRIB | Mask.DELETE | Mask.MOVED_FROM | Mask.MOVED_TO

PassesOver = Callable[[str], bool]


@asynccontextmanager
async def batches(roots: Iterable[str], passes_over: PassesOver) -> AsyncGenerator[AsyncIterator[set[str]], None]:
    """Sets of paths that changed, appeared or are gone; what changes after the block has begun is not missed.

    A directory that `passes_over` says so of is not looked into. Raises `ComposeError` when there are more directories
    than the kernel watches for one user.
    """
    send, receive = anyio.create_memory_object_stream[str](float("inf"))
    with unwrapped(), Inotify() as inotify, send, receive:
        tree = _Tree(inotify, sorted(set(roots)), passes_over)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_pass_on, tree, send)
            yield _batches(receive)
            tasks.cancel_scope.cancel()


def files_below(roots: Iterable[str], passes_over: PassesOver) -> Iterator[str]:
    """Every file (and symlink) below the roots."""
    for root in roots:
        if os.path.isfile(root):  # noqa: PTH113 - paths are texts here, as the rules have them
            yield root
        for directory, names, files in os.walk(root):
            names[:] = [name for name in names if not passes_over(f"{directory}/{name}")]
            yield from (f"{directory}/{name}" for name in files)


class _Tree:
    """The directories that are watched. A root that is a file is watched by its directory, which outlives it."""

    def __init__(self, inotify: Inotify, roots: list[str], passes_over: PassesOver) -> None:
        self._inotify = inotify
        self._roots = roots
        self._passes_over = passes_over
        for root in roots:
            place = Path(root)
            if place.is_dir():
                self._add_all(root)
            else:
                self._add(str(place.parent))

    async def events(self) -> AsyncIterator[str]:
        """The paths that something happened to, one after the other, some of them more than once."""
        async for event in self._inotify:
            if event.mask & Mask.Q_OVERFLOW:
                for path in files_below(self._roots, self._passes_over):
                    yield path
            for path in self._concerned(event):
                yield path

    def _concerned(self, event: Event) -> Iterator[str]:
        if event.path is None or event.name is None:
            return
        path = str(event.path)
        if not event.mask & Mask.ISDIR:
            yield path
        elif event.mask & (Mask.CREATE | Mask.MOVED_TO) and not self._passes_over(path):
            # What was put into it before it was watched is told of by nobody else.
            self._add_all(path)
            yield path
            yield from files_below([path], self._passes_over)
        elif event.mask & (Mask.DELETE | Mask.MOVED_FROM):
            yield path

    def _add_all(self, root: str) -> None:
        self._add(root)
        for directory, names, _ in os.walk(root):
            names[:] = [name for name in names if not self._passes_over(f"{directory}/{name}")]
            for name in names:
                self._add(f"{directory}/{name}")

    def _add(self, directory: str) -> None:
        try:
            self._inotify.add_watch(directory, _CHANGES | Mask.ONLYDIR)
        except (FileNotFoundError, NotADirectoryError):
            return  # gone again: its own directory tells
        except OSError as exc:
            raise ComposeError(
                f"cannot watch {directory}: {exc.strerror}",
                hint="ignore directories that do not matter, or raise fs.inotify.max_user_watches (sysctl)",
            ) from exc


async def _pass_on(tree: _Tree, send: MemoryObjectSendStream[str]) -> None:
    async for path in tree.events():
        send.send_nowait(path)


async def _batches(receive: MemoryObjectReceiveStream[str]) -> AsyncIterator[set[str]]:
    while True:
        batch = {await receive.receive()}
        with anyio.move_on_after(_LONGEST_SECONDS):
            while True:
                with anyio.move_on_after(_QUIET_SECONDS) as quiet:
                    batch.add(await receive.receive())
                if quiet.cancelled_caught:
                    break
        yield batch
