"""Who a container's process runs as: `user[:group]`, looked up in the image's own passwd and group files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from engine.errors import RuntimeFailure
from engine.runtime.oci.launch import Identity
from engine.runtime.rootfs import read_inside, root_directory

_MAX_ID = 2**31 - 1


class _User(Struct, frozen=True):
    name: str
    uid: int
    gid: int
    home: str


class _Group(Struct, frozen=True):
    name: str
    gid: int
    members: tuple[str, ...]


def resolve_identity(rootfs: Path, user: str, group_add: Sequence[str]) -> Identity:
    """Resolve `""`, `1000`, `name`, `name:group`, `1000:1000` … as Docker does. Blocks briefly.

    `rootfs` may also be `/proc/PID/root`. A number need not be in the files; a name must. The additional groups are
    the user's from the group file (only where no group was given) and those of `group_add`. Raises `RuntimeFailure`.
    """
    with root_directory(rootfs) as root:
        users = _users(_text(root, "/etc/passwd"))
        groups = _groups(_text(root, "/etc/group"))
    return _resolve(users, groups, user, group_add)


def _resolve(users: list[_User], groups: list[_Group], wish: str, group_add: Sequence[str]) -> Identity:
    user_wish, _, group_wish = wish.partition(":")
    entry = _find_user(users, user_wish or "0")
    uid = entry.uid if entry else _number(user_wish)
    home = entry.home if entry else "/"
    name = entry.name if entry else ""
    if group_wish:
        gid, supplementary = _group_id(groups, group_wish), []
    else:
        gid = entry.gid if entry else 0
        supplementary = [group.gid for group in groups if name and name in group.members]
    added = [_group_id(groups, group) for group in group_add]
    return Identity(uid, gid, tuple(dict.fromkeys((*supplementary, *added))), home or "/")


def _find_user(users: list[_User], wish: str) -> _User | None:
    """The entry of that name, else of that number; a name that is nowhere is an error, a number is not."""
    for user in users:
        if user.name == wish:
            return user
    if not wish.isdecimal():
        raise RuntimeFailure(f"unable to find user {wish}: no matching entries in passwd file")
    return next((user for user in users if user.uid == int(wish)), None)


def _group_id(groups: list[_Group], wish: str) -> int:
    for group in groups:
        if group.name == wish:
            return group.gid
    if not wish.isdecimal():
        raise RuntimeFailure(f"unable to find group {wish}: no matching entries in group file")
    return _number(wish)


def _number(text: str) -> int:
    value = int(text or "0")
    if value > _MAX_ID:
        raise RuntimeFailure(f"uids and gids must be in range 0-{_MAX_ID}")
    return value


def _text(root: int, path: str) -> str:
    try:
        return read_inside(root, path).decode(errors="replace")
    except OSError:
        # Images without these files exist (scratch); numbers then still work.
        return ""


def _users(text: str) -> list[_User]:
    found = []
    for fields in _entries(text, 4):
        if fields[2].isdecimal() and fields[3].isdecimal():
            home = fields[5] if len(fields) > 5 else ""
            found.append(_User(fields[0], int(fields[2]), int(fields[3]), home))
    return found


def _groups(text: str) -> list[_Group]:
    found = []
    for fields in _entries(text, 3):
        if fields[2].isdecimal():
            members = fields[3].split(",") if len(fields) > 3 and fields[3] else []
            found.append(_Group(fields[0], int(fields[2]), tuple(member.strip() for member in members)))
    return found


def _entries(text: str, least: int) -> list[list[str]]:
    lines = (line.strip() for line in text.splitlines())
    split = (line.split(":") for line in lines if line and not line.startswith("#"))
    return [fields for fields in split if len(fields) >= least]
