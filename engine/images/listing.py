"""Which images a listing has, and by which of their names (`docker images`). Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from engine.errors import BadRequest
from engine.images.record import Image
from engine.registry.reference import Reference
from engine.wire.filters import matches_labels
from engine.wire.times import ZERO, parse_time


class Wish(Struct, frozen=True, kw_only=True):
    """What is wanted. `everything` adds nameless images that others were made from; `dangling` wants images without
    a tag, or none of them; `references` are patterns (`*` does not cross slashes); times are nanoseconds since 1970.
    """

    everything: bool = False
    dangling: bool | None = None
    labels: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    before_ns: int | None = None
    since_ns: int | None = None


def listed(images: Sequence[Image], wish: Wish) -> list[Image]:
    """The images that are wanted, newest first, each with the names that are. Raises `BadRequest` for a bad pattern."""
    parents = {image.parent for image in images}
    patterns = [_pattern(text) for text in wish.references]
    found = []
    for image in images:
        shown = _with_matching_names(image, patterns) if patterns else image
        if _is_wanted(shown, wish, is_parent=image.id in parents):
            found.append(shown)
    return sorted(found, key=created_ns, reverse=True)


def created_ns(image: Image) -> int:
    """When an image was made, in nanoseconds since 1970; 0 if it does not say."""
    try:
        return parse_time(image.created) if image.created != ZERO else 0
    except (BadRequest, ValueError):
        return 0  # an image may carry any text there


def _is_wanted(image: Image, wish: Wish, *, is_parent: bool) -> bool:
    made_ns = created_ns(image)
    return (
        (wish.before_ns is None or 0 < made_ns < wish.before_ns)
        and (wish.since_ns is None or made_ns > wish.since_ns)
        and matches_labels(image.config.labels, wish.labels)
        and _has_wanted_names(image, wish, is_parent=is_parent)
    )


def _has_wanted_names(image: Image, wish: Wish, *, is_parent: bool) -> bool:
    if wish.dangling and (image.repo_tags or is_parent):
        return False
    if image.repo_tags or image.repo_digests:
        return True
    return not wish.references and wish.dangling is not False and (wish.everything or not is_parent)


def _with_matching_names(image: Image, patterns: Sequence[re.Pattern[str]]) -> Image:
    def is_wanted(name: str) -> bool:
        reference = Reference.parse(name)
        forms = (reference.familiar, reference.familiar_name, reference.canonical, reference.canonical_name)
        return any(pattern.fullmatch(form) for pattern in patterns for form in forms)

    return msgspec.structs.replace(
        image,
        repo_tags=[name for name in image.repo_tags if is_wanted(name)],
        repo_digests=[name for name in image.repo_digests if is_wanted(name)],
    )


_PIECE = re.compile(
    r"""  (?P<any> \*+ ) | (?P<one> \? ) | \\ (?P<quoted> . )
        | \[ (?P<not> \^? ) (?P<set> (?: \\. | [^\\\]] )+ ) \] | (?P<plain> [^\[\\] )""",
    re.VERBOSE | re.DOTALL,
)
_SPECIAL_IN_SET = re.compile(r"\\(.)|([\[&~|^])", re.DOTALL)


def _pattern(text: str) -> re.Pattern[str]:
    """A shell pattern as Go's `path.Match` reads it: `*`, `?`, `[a-z]`, `[^a-z]`, and a backslash before what stands
    for itself. Raises `BadRequest`.
    """
    parts, at = [], 0
    while at < len(text):
        piece = _PIECE.match(text, at)
        if piece is None:
            raise BadRequest("syntax error in pattern", hint=f"in {text!r}, write `\\[` and `\\\\` for `[` and `\\`")
        parts.append(_regular(piece))
        at = piece.end()
    try:
        return re.compile("".join(parts), re.DOTALL)
    except re.error as exc:
        raise BadRequest("syntax error in pattern", hint=f"in {text!r}: {exc}") from exc


def _regular(piece: re.Match[str]) -> str:
    if piece["any"]:
        return "[^/]*"
    if piece["one"]:
        return "[^/]"
    if chosen := piece["set"]:
        escaped = _SPECIAL_IN_SET.sub(lambda special: "\\" + (special[1] or special[2]), chosen)
        return f"[{piece['not']}{escaped}]"
    return re.escape(piece["quoted"] or piece["plain"])
