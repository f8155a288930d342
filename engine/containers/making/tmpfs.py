"""The mount options of a tmpfs: Docker's defaults and what a user wants instead. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from engine.errors import BadRequest

_DEFAULTS: Final = ("noexec", "nosuid", "nodev")
# Words of which only the last of a group counts, by group.
_FLAGS: Final = {
    word: group
    for group in ("exec noexec", "suid nosuid", "dev nodev", "rw ro", "sync async", "dirsync", "mand nomand",
                  "atime noatime", "diratime nodiratime", "relatime norelatime", "strictatime nostrictatime",
                  "bind rbind", "unbindable runbindable private rprivate shared rshared slave rslave", "defaults")
    for word in group.split()
}  # fmt: skip
_VALUES: Final = frozenset({"size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol"})


def tmpfs_words(text: str) -> tuple[str, ...]:
    """The mount options of a `--tmpfs`, with Docker's defaults where they say nothing else. Raises `BadRequest`."""
    words = [word for word in text.split(",") if word]
    for word in words:
        name = word.partition("=")[0]
        if word not in _FLAGS and name not in _VALUES:
            raise BadRequest(f'invalid tmpfs option "{name}"')
    return merged_words(words)


def merged_words(words: Iterable[str]) -> tuple[str, ...]:
    """The defaults and the wishes; of two that contradict each other the later counts."""
    kept: dict[str, str] = {}
    for word in (*_DEFAULTS, *words):
        name = word.partition("=")[0]
        group = _FLAGS.get(name, name)
        kept.pop(group, None)
        kept[group] = word
    return tuple(kept.values())
