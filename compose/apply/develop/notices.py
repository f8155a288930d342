"""Changes of files below some directories, in batches, as the kernel tells of them (inotify)."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from asyncinotify import Event, Inotify, Mask, Watch

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

    Directories of which `passes_over` is true are not looked into. Raises `ComposeError` when there are more
    directories than the kernel watches for one user.
    """
    send, receive = anyio.create_memory_object_stream[str](float("inf"))
    with unwrapped(), Inotify() as inotify, send, receive:
        tree = _Tree(inotify, sorted(set(roots)), passes_over)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_pass_on, tree, send)
            yield _batches(receive)
            tasks.cancel_scope.cancel()


def files_below(roots: Iterable[str], passes_over: PassesOver, *, and_directories: bool = False) -> Iterator[str]:
    """Every file below the roots, and every symlink, which is not followed."""
    for root in roots:
        if os.path.isfile(root):  # noqa: PTH113 - paths are texts here, as the rules have them
            yield root
        for directory, names, files in os.walk(root):
            names[:] = [name for name in names if not passes_over(f"{directory}/{name}")]
            paths = (f"{directory}/{name}" for name in names)
            yield from (path for path in paths if and_directories or os.path.islink(path))  # noqa: PTH114 - as above
            yield from (f"{directory}/{name}" for name in files)


class _Tree:
    """The directories that are watched: the roots, what is below, and what is above, for roots that come and go."""

    def __init__(self, inotify: Inotify, roots: list[str], passes_over: PassesOver) -> None:
        self._inotify = inotify
        self._roots = roots
        self._passes_over = passes_over
        self._watches: dict[str, Watch] = {}
        for root in roots:
            self._add_root(root)

    async def events(self) -> AsyncIterator[str]:
        """The paths that something happened to, one after the other, some of them more than once."""
        async for event in self._inotify:
            for path in self._everything() if event.mask & Mask.Q_OVERFLOW else self._concerned(event):
                if self._is_ours(path):
                    yield path

    def _concerned(self, event: Event) -> Iterator[str]:
        if event.path is None or event.name is None:
            return
        path = str(event.path)
        is_directory = bool(event.mask & Mask.ISDIR)
        if is_directory and event.mask & (Mask.DELETE | Mask.MOVED_FROM):
            self._forget(path)
        # The place of a root as a whole is its containers' own: only what was in it is taken away there.
        if not (is_directory and path in self._roots):
            yield path
        if is_directory and event.mask & (Mask.CREATE | Mask.MOVED_TO) and not self._passes_over(path):
            # What was put into it before it was watched is told of by nobody else.
            self._add_all(path)
            yield from self._below(path)

    def _everything(self) -> Iterator[str]:
        """The kernel has lost notices: what there is may have changed, and directories may be gone."""
        gone = [path for path in self._watches if not os.path.isdir(path)]  # noqa: PTH112 - as below
        for path in gone:
            self._watches.pop(path)
        yield from gone
        for root in self._roots:
            self._add_root(root)
            yield from self._below(root)

    def _below(self, path: str) -> Iterator[str]:
        return files_below([path], self._passes_over, and_directories=True)

    def _is_ours(self, path: str) -> bool:
        return any(path == root or path.startswith(f"{root.rstrip('/')}/") for root in self._roots)

    def _add_root(self, root: str) -> None:
        for above in Path(root).parents:
            self._add(str(above))
        self._add_all(root)

    def _add_all(self, root: str) -> None:
        self._add(root)
        for directory, names, _ in os.walk(root):
            names[:] = [name for name in names if not self._passes_over(f"{directory}/{name}")]
            for name in names:
                self._add(f"{directory}/{name}", Mask.DONT_FOLLOW)

    def _add(self, directory: str, how: Mask = Mask(0)) -> None:  # noqa: B008 - a flag is no object
        try:
            self._watches[directory] = self._inotify.add_watch(directory, _CHANGES | Mask.ONLYDIR | how)
        except (FileNotFoundError, NotADirectoryError):
            return  # gone again: its own directory tells
        except PermissionError:
            return  # what cannot be looked into cannot be copied either
        except OSError as exc:
            raise ComposeError(
                f"cannot watch {directory}: {exc.strerror}",
                hint="ignore directories that do not matter, or raise fs.inotify.max_user_watches (sysctl)",
            ) from exc

    def _forget(self, directory: str) -> None:
        """It has left its place with all that is in it; notices from where it is now would name the old place."""
        for path in [path for path in self._watches if path == directory or path.startswith(f"{directory}/")]:
            try:
                self._inotify.rm_watch(self._watches.pop(path))
            except OSError:
                continue  # removed, and so its watch


async def _pass_on(tree: _Tree, send: MemoryObjectSendStream[str]) -> None:
    async for path in tree.events():
        send.send_nowait(path)


async def _batches(receive: MemoryObjectReceiveStream[str]) -> AsyncIterator[set[str]]:
    while True:
        batch = {await receive.receive()}
        with anyio.move_on_after(_LONGEST_SECONDS):
            await _add_until_quiet(batch, receive)
        yield batch


async def _add_until_quiet(batch: set[str], receive: MemoryObjectReceiveStream[str]) -> None:
    with contextlib.suppress(TimeoutError):
        while True:
            with anyio.fail_after(_QUIET_SECONDS):
                batch.add(await receive.receive())
