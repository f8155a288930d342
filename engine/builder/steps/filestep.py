"""COPY, ADD and WORKDIR: what they mean in a stage, the key of their result, and how the layer is made."""

from __future__ import annotations

import posixpath
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

import anyio.to_thread
from msgspec import Struct

from engine.builder.bench import Bench, Origin
from engine.builder.cache import key_of
from engine.builder.context import remote
from engine.builder.context.tree import Found, Tree, digest, find
from engine.builder.context.unarchive import is_archive, unpack_archive
from engine.builder.dockerfile.evaluate import State, workdir
from engine.builder.dockerfile.instructions import Copy
from engine.builder.dockerfile.words import expand_text
from engine.builder.steps.copying import CopyOrder, Source, copy, make_directory
from engine.builder.steps.modes import Mode, read_mode
from engine.errors import BadRequest
from engine.runtime.oci.users import resolve_identity
from engine.storage.rooted import resolve_in_root
from engine.wire.ignore import Ignore, read_ignore

Expand = Callable[[str], str]


class CopyPlan(Struct, frozen=True):
    """A COPY or ADD with its variables replaced and its sources found. `key` names the result on these layers."""

    destination: str
    is_directory: bool
    chown: str
    mode: Mode | None
    parents: bool
    excludes: Ignore
    sources: tuple[Source, ...]
    archives: tuple[Path, ...]
    contents: str


def words_of(instruction: Copy, expand: Expand) -> list[object]:
    """Everything about a COPY but the contents that it copies, for its key."""
    return [
        "add" if instruction.is_add else "copy",
        [expand(source) for source in instruction.sources],
        [(doc.name, doc.content, doc.expands) for doc in instruction.heredocs],
        expand(instruction.destination),
        expand(instruction.chown),
        expand(instruction.chmod),
        instruction.parents,
        [expand(item) for item in instruction.excludes],
        instruction.unpack,
        instruction.keep_git_dir,
    ]


async def plan_copy(bench: Bench, instruction: Copy, state: State, origin: Origin | None, stage: int) -> CopyPlan:
    """Find the sources, fetching those that are elsewhere. Raises `BadRequest`, `EngineError`, `Misspelt`."""
    expand = bench.expander(state)
    destination = expand(instruction.destination)
    excludes = Ignore(read_ignore("\n".join(expand(item) for item in instruction.excludes)))
    tree = await (bench.context() if origin is None else bench.tree(origin, stage))
    found: list[Source] = []
    for text in instruction.sources:
        found += await _found(bench, instruction, expand(text), tree, destination)
    if instruction.heredocs:
        found += await anyio.to_thread.run_sync(_documents, bench, instruction, state)
    names_directory = destination.endswith("/") or posixpath.basename(destination) in ("", ".", "..")
    if len(found) > 1 and not names_directory and not instruction.parents:
        raise BadRequest(
            f"When using {'ADD' if instruction.is_add else 'COPY'} with more than one source file, "
            "the destination must be a directory and end with a /"
        )
    archives, contents = await anyio.to_thread.run_sync(_look_into, instruction, found, excludes)
    return CopyPlan(
        destination=workdir(state.config.working_dir, destination or "."),
        is_directory=names_directory or bool(archives),
        chown=expand(instruction.chown),
        mode=_mode(expand(instruction.chmod)),
        parents=instruction.parents,
        excludes=excludes,
        sources=tuple(source for source in found if source.found.place not in archives),
        archives=archives,
        contents=contents,
    )


def carry_out(plan: CopyPlan, rootfs: Path) -> None:
    """Put everything into a container's files. Blocks. Raises `BadRequest`, `RuntimeFailure` for an unknown owner."""
    owner = owner_of(rootfs, plan.chown) if plan.chown else None
    order = CopyOrder(
        destination=plan.destination,
        owner=owner,
        mode=plan.mode,
        parents=plan.parents,
        excludes=plan.excludes,
        is_directory=plan.is_directory,
    )
    copy(rootfs, order, plan.sources)
    for archive in plan.archives:
        make_directory(rootfs, plan.destination, owner or (0, 0))
        unpack_archive(archive, rootfs, plan.destination, owner)


def needs_directory(rootfs: Path, path: str) -> bool:
    """Whether a WORKDIR has to be made. Blocks."""
    return not resolve_in_root(rootfs, path).is_dir()


async def _found(bench: Bench, instruction: Copy, text: str, tree: Tree, destination: str) -> list[Source]:
    if instruction.is_add and (remote.is_git(text) or text.startswith("git@")):
        place = await anyio.to_thread.run_sync(bench.workspace.place, "git")
        root = await remote.clone(text, place, keeps_git=instruction.keep_git_dir)
        whole = Tree(root)
        return [Source(whole, item) for item in await anyio.to_thread.run_sync(find, whole, ".")]
    if instruction.is_add and remote.is_url(text):
        place = await anyio.to_thread.run_sync(bench.workspace.place, "download")
        path = await remote.download(text, place, checksum=instruction.checksum)
        name = remote.file_name(text, is_needed=destination.endswith("/"))
        return [Source(Tree(place), Found(name, path, await anyio.to_thread.run_sync(path.lstat)), is_far=True)]
    if instruction.checksum:
        raise BadRequest("checksum can't be specified for non-HTTP(S) sources")
    pivot, pattern = _pivot(text) if instruction.parents else (0, text)
    return [Source(tree, item, pivot) for item in await anyio.to_thread.run_sync(find, tree, pattern)]


def _pivot(text: str) -> tuple[int, str]:
    """`--parents` keeps what comes behind `/./`, or the whole path."""
    before, marker, behind = text.partition("/./")
    if not marker:
        return 0, text
    base = posixpath.normpath("/" + before).strip("/")
    return len(base), f"{base}/{behind}"


def _documents(bench: Bench, instruction: Copy, state: State) -> list[Source]:
    place, lookup, escape = bench.workspace.place("heredoc"), state.variables.get, bench.dockerfile.escape
    sources = []
    for document in instruction.heredocs:
        path = place / document.name
        content = expand_text(document.content, lookup, escape) if document.expands else document.content
        path.write_text(content, "utf-8")
        path.chmod(0o644)
        sources.append(Source(Tree(place), Found(document.name, path, path.lstat())))
    return sources


def _look_into(instruction: Copy, sources: Sequence[Source], excludes: Ignore) -> tuple[tuple[Path, ...], str]:
    """Which sources are archives to unpack, and the digest of the contents of all."""
    contents = key_of([digest(source.tree, [source.found], excludes) for source in sources])
    return _archives(instruction, sources), contents


def _archives(instruction: Copy, sources: Sequence[Source]) -> tuple[Path, ...]:
    """Those of ADD's sources that are unpacked: local ones, unless `--unpack` says otherwise."""
    if not instruction.is_add or instruction.unpack is False:
        return ()
    return tuple(
        source.found.place
        for source in sources
        if stat.S_ISREG(source.found.status.st_mode)
        and (instruction.unpack or not source.is_far)
        and is_archive(source.found.place)
    )


def owner_of(rootfs: Path, wish: str) -> tuple[int, int]:
    """Who a `--chown` or a USER means: user and group id. Blocks. Raises `RuntimeFailure` for an unknown name."""
    user, _, group = wish.partition(":")
    identity = resolve_identity(rootfs, wish, ())
    if not group and user.isdecimal():
        return identity.uid, identity.uid
    return identity.uid, identity.gid


def _mode(text: str) -> Mode | None:
    return read_mode(text) if text else None
