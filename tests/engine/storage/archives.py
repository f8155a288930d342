"""Archives for the tests, written entry by entry so that they can be hostile."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.storage.unpack import Unpacked, unpack

Member = tuple[tarfile.TarInfo, bytes]


def entry(name: str, kind: bytes = tarfile.REGTYPE, content: bytes = b"", **fields: Any) -> Member:
    made = tarfile.TarInfo(name)
    made.type, made.size = kind, len(content)
    made.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
    for field, value in fields.items():
        setattr(made, field, value)
    return made, content


def folder(name: str, **fields: Any) -> Member:
    return entry(name, tarfile.DIRTYPE, **fields)


def symlink(name: str, target: str) -> Member:
    return entry(name, tarfile.SYMTYPE, linkname=target)


def hard_link(name: str, target: str) -> Member:
    return entry(name, tarfile.LNKTYPE, linkname=target)


def archive(*entries: Member, format_: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format_, errors="surrogateescape") as made:
        for member, content in entries:
            made.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def unpacked(root: Path, data: bytes, pack: Callable[[bytes], bytes] = bytes) -> Unpacked:
    """Unpack into `root`, made if missing."""
    root.mkdir(exist_ok=True)
    return unpack(io.BytesIO(pack(data)).read, root)
