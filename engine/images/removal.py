"""What `docker rmi` does and refuses. Pure: says which names go, and whether the image goes with them."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from engine.errors import Conflict
from engine.images import names
from engine.images.record import Image
from engine.images.transfer.feed import short


class User(Struct, frozen=True):
    """A container that was made from an image or has it mounted."""

    container_id: str
    is_running: bool = False


class Removal(Struct, frozen=True):
    """Names to take away, in order; then the image itself if `deletes`. `untag_events` is how many of the names are
    told of: digests that go with a repository's last tag are not.
    """

    untagged: tuple[str, ...]
    deletes: bool
    untag_events: int = 1


def plan_removal(
    image: Image, wanted: str, *, force: bool, users: Sequence[User], has_children: bool = False
) -> Removal:
    """Decide what removing `wanted`, by which `image` was found, means. Raises `Conflict` in Docker's words.

    By a name: the name goes, and with the last name the image, unless it is needed. By id: every name and the image
    go. Names in several repositories and containers that do not run need force; against a running container and
    against images that were made of this one (`has_children`) no force helps.
    """
    if names.is_id(image, wanted):
        _check_deletion(image, force=force, users=users, has_children=has_children)
        every = (*image.repo_tags, *image.repo_digests)
        return Removal(every, deletes=True, untag_events=len(every))
    return _by_name(image, wanted, force=force, users=users, has_children=has_children)


def _by_name(image: Image, wanted: str, *, force: bool, users: Sequence[User], has_children: bool) -> Removal:
    if users and not force and _has_one_name(image):
        raise Conflict(
            f'conflict: unable to remove repository reference "{wanted}" (must force) - '
            f"container {short(users[0].container_id)} is using its referenced image {short(image.id)}"
        )
    reference = names.parse(wanted)
    assert reference is not None  # otherwise it is an id
    name = f"{reference.familiar_name}@{reference.digest}" if reference.digest else reference.familiar
    rest = names.unnamed(image, name)
    gone = tuple(n for n in (*image.repo_tags, *image.repo_digests) if n not in (*rest.repo_tags, *rest.repo_digests))
    is_needed = bool(rest.repo_tags or rest.repo_digests or users or has_children)
    return Removal(gone, deletes=not is_needed)


def _check_deletion(image: Image, *, force: bool, users: Sequence[User], has_children: bool) -> None:
    running = [user for user in users if user.is_running]
    if has_children:
        raise _conflict(image, "cannot be forced", "image has dependent child images")
    if running:
        used = f"image is being used by running container {short(running[0].container_id)}"
        raise _conflict(image, "cannot be forced", used, hint="stop and remove the container first")
    if force:
        return
    if (image.repo_tags or image.repo_digests) and not _has_one_name(image):
        raise _conflict(image, "must be forced", "image is referenced in multiple repositories")
    if users:
        used = f"image is being used by stopped container {short(users[0].container_id)}"
        raise _conflict(image, "must be forced", used, hint="remove the container first, or use force")


def _has_one_name(image: Image) -> bool:
    """Whether all that the image is called is one tag, beside digests in that tag's repository; or digests in one."""
    return len(image.repo_tags) <= 1 and len(names.repositories(image)) == 1


def _conflict(image: Image, force: str, reason: str, *, hint: str | None = None) -> Conflict:
    return Conflict(f"conflict: unable to delete {short(image.id)} ({force}) - {reason}", hint=hint)
