"""A file of a container on the wire (moby api/types/container: PathStat), in a header of the archive calls."""

from __future__ import annotations

from engine.wire.codec import Wire

STAT_HEADER = "X-Docker-Container-Path-Stat"
# Go's fs.FileMode has its own bits for the kinds of files.
_DIRECTORY = 1 << 31
_SYMLINK = 1 << 27


class PathStat(Wire, frozen=True, kw_only=True, rename="camel"):
    """What is at a path: `size` in bytes, `mode` as Go's `fs.FileMode`, `link_target` of a symlink."""

    name: str
    size: int = 0
    mode: int = 0
    mtime: str = ""
    link_target: str = ""

    @property
    def is_directory(self) -> bool:
        """Whether it is a directory itself."""
        return bool(self.mode & _DIRECTORY)

    @property
    def is_symlink(self) -> bool:
        """Whether it is a symlink."""
        return bool(self.mode & _SYMLINK)
