"""Configs and secrets without a file of their own, as an archive to unpack over a container's root."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence

from compose.errors import ComposeError
from compose.model.service import FileMount


def archive(files: Sequence[tuple[FileMount, str, str]], *, now: float) -> bytes:
    """A tar of (mount, absolute target, content); mode 0444 and root unless the mount says otherwise.

    `now` (Unix seconds) is the files' time. Raises `ComposeError` for an owner that is not a number.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for mount, target, content in files:
            data = content.encode()
            entry = tarfile.TarInfo(target.lstrip("/"))
            entry.size = len(data)
            entry.mode = 0o444 if mount.mode is None else mount.mode
            entry.uid, entry.gid = _number(mount, mount.uid), _number(mount, mount.gid)
            entry.mtime = int(now)
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def _number(mount: FileMount, owner: str) -> int:
    if owner and not owner.isdecimal():
        raise ComposeError(
            f"the owner `{owner}` of `{mount.source}` is not a number", hint="give uid and gid as digits"
        )
    return int(owner or 0)
