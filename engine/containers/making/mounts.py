"""Which mounts a container gets: Binds, Mounts, Tmpfs, VolumesFrom and the image's volumes, in Docker's order. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct, field

from engine.containers.making.tmpfs import merged_words, tmpfs_words
from engine.containers.record import MountRecord
from engine.errors import BadRequest, NoSuchContainer, as_failure
from engine.runtime.oci.launch import OciMount
from engine.wire.containers import ContainerConfig, HostConfig
from engine.wire.mounts import BindOptions, Mount, TmpfsOptions
from engine.wire.volumes import VolumeCreateRequest

_PROPAGATIONS: Final = ("private", "rprivate", "slave", "rslave", "shared", "rshared")
_LABELS: Final = ("z", "Z")
_CONSISTENCIES: Final = ("consistent", "cached", "delegated", "default")

MountsOf = Callable[[str], Sequence[MountRecord]]


class PlannedMount(Struct, frozen=True):
    """A mount to be, and the volume to make for it if there is none of that name yet."""

    record: MountRecord
    volume: VolumeCreateRequest | None = None


class _Plan(Struct):
    by_destination: dict[str, PlannedMount] = field(default_factory=dict)
    explicit: set[str] = field(default_factory=set)

    def add(self, planned: PlannedMount) -> None:
        destination = planned.record.destination
        if destination in self.explicit:
            raise BadRequest(f"Duplicate mount point: {destination}")
        self.explicit.add(destination)
        self.by_destination[destination] = planned


def plan_mounts(config: ContainerConfig, host: HostConfig, mounts_of: MountsOf) -> list[PlannedMount]:
    """Every mount, parents before what is mounted below them.

    `mounts_of(name)` are the mounts of another container, for VolumesFrom; it raises for an unknown one.
    Raises `BadRequest` for what cannot be mounted.
    """
    plan = _Plan()
    for text in host.volumes_from:
        for record in _volumes_from(text, mounts_of):
            plan.by_destination[record.destination] = PlannedMount(record)
    for text in host.binds:
        with as_failure():
            planned = _bind(text)
        plan.add(planned)
    for wish in host.mounts:
        plan.add(_mount(wish))
    for destination, options in host.tmpfs.items():
        path = _destination(destination, "")
        words = tmpfs_words(options)
        plan.add(PlannedMount(MountRecord(kind="tmpfs", destination=path, options=words, mode=options)))
    for destination in config.volumes:
        # An image may say `VOLUME data`, whatever its working directory: that is /data.
        path = _destination(f"/{destination}", "")
        plan.by_destination.setdefault(path, _anonymous(path))
    return sorted(plan.by_destination.values(), key=lambda planned: planned.record.destination.count("/"))


def in_order(mounts: Iterable[OciMount]) -> list[OciMount]:
    """Parents before what is mounted below them, or they would hide it."""
    return sorted(mounts, key=lambda mount: mount.destination.count("/"))


def oci_mount(record: MountRecord, source: str, *, can_nest: bool = True) -> OciMount:
    """The runtime's entry for a mount whose contents are at `source` on the host. `can_nest`: there can be mounts below
    it that can be made read-only with it.
    """
    access: list[str] = []
    if record.is_read_only:
        # What is mounted below is read-only as well, unless the user says otherwise.
        is_deep = record.kind != "tmpfs" and not record.is_shallow_read_only and can_nest
        access = ["ro", "rro"] if is_deep and record.is_recursive else ["ro"]
    if record.kind == "tmpfs":
        return OciMount(record.destination, "tmpfs", "tmpfs", (*record.options, *access))
    propagation = record.propagation or "rprivate"
    if record.is_recursive:
        return OciMount(record.destination, source, "bind", ("rbind", propagation, *access))
    # The runtime takes any word for "recursive" as one for all of the mount.
    return OciMount(record.destination, source, "bind", ("bind", propagation.removeprefix("r"), *access))


def _bind(text: str) -> PlannedMount:
    parts = text.split(":")
    if len(parts) == 1:
        return _anonymous(_destination(parts[0], _specified(text, "volume")), mode="z")
    if len(parts) > 3 or not all(parts[:2]):
        raise BadRequest(f"invalid volume specification: '{text}'")
    source, target, mode = parts[0], parts[1], parts[2] if len(parts) == 3 else ""
    words = _mode_words(mode, text)
    kind = "bind" if source.startswith("/") else "volume"
    where = _specified(text, kind)
    destination = _destination(target, where)
    is_read_only = "ro" in words
    propagation = next((word for word in words if word in _PROPAGATIONS), "")
    if kind == "bind" and "nocopy" in words:
        raise BadRequest(f"{where}field VolumeOptions must not be specified", hint="only volumes are filled")
    if kind == "volume":
        if propagation:
            raise BadRequest(f"{where}field BindOptions must not be specified", hint="volumes have no propagation")
        record = MountRecord(
            kind="volume",
            destination=destination,
            name=source,
            is_read_only=is_read_only,
            is_seeded="nocopy" not in words,
            mode=mode or "z",
        )
        return PlannedMount(record, VolumeCreateRequest(name=source))
    return PlannedMount(
        MountRecord(
            kind="bind",
            destination=destination,
            source=posixpath.normpath(source),
            is_read_only=is_read_only,
            is_created=True,
            mode=mode,
            propagation=propagation or "rprivate",
        )
    )


def _mode_words(mode: str, text: str) -> list[str]:
    words = mode.split(",") if mode else []
    known = ("rw", "ro", "nocopy", *_PROPAGATIONS, *_LABELS, *_CONSISTENCIES)
    groups = (("rw", "ro"), _PROPAGATIONS, _LABELS, _CONSISTENCIES, ("nocopy",))
    is_bad = any(word not in known for word in words)
    if is_bad or any(sum(word in group for word in words) > 1 for group in groups):
        raise BadRequest(f"invalid mode: {mode}", hint=f"in the volume '{text}'")
    return words


def _mount(wish: Mount) -> PlannedMount:
    make = _KINDS.get(wish.type)
    if make is None:
        raise _invalid(wish, "mount type unknown")
    if not wish.target:
        raise _invalid(wish, "field Target must not be empty")
    if not wish.target.startswith("/"):
        raise _invalid(wish, f"invalid mount path: '{wish.target}' mount path must be absolute")
    for name, kind in _OPTIONS_OF.items():
        if kind != wish.type and getattr(wish, name) is not None:
            field_name = "".join(word.capitalize() for word in name.split("_"))
            raise BadRequest(f'{field_name} must not be specified on mount type "{wish.type}"')
    return make(wish, _destination(wish.target, f'invalid mount config for type "{wish.type}": '))


def _bind_mount(wish: Mount, destination: str) -> PlannedMount:
    if not wish.source:
        raise _invalid(wish, "field Source must not be empty")
    if not wish.source.startswith("/"):
        raise _invalid(wish, f"invalid mount path: '{wish.source}' mount path must be absolute")
    options = wish.bind_options
    propagation = options.propagation if options else ""
    if propagation and propagation not in _PROPAGATIONS:
        raise _invalid(wish, f"invalid propagation mode: {propagation}")
    _refuse_recursion_conflict(wish, options or BindOptions(), propagation)
    record = MountRecord(
        kind="bind",
        destination=destination,
        source=posixpath.normpath(wish.source),
        is_read_only=wish.read_only,
        is_shallow_read_only=bool(options and options.read_only_non_recursive),
        is_created=bool(options and options.create_mountpoint),
        is_recursive=not (options and options.non_recursive),
        propagation=propagation or "rprivate",
    )
    return PlannedMount(record)


def _refuse_recursion_conflict(wish: Mount, options: BindOptions, propagation: str) -> None:
    conflicts = (
        (options.read_only_non_recursive and not wish.read_only, "!ReadOnly && BindOptions.ReadOnlyNonRecursive"),
        (options.read_only_force_recursive and not wish.read_only, "!ReadOnly && BindOptions.ReadOnlyForceRecursive"),
        (
            options.read_only_force_recursive and options.read_only_non_recursive,
            "ReadOnlyNonRecursive && BindOptions.ReadOnlyForceRecursive",
        ),
        (
            options.read_only_force_recursive and propagation not in ("", "rprivate"),
            "BindOptions.ReadOnlyForceRecursive needs the propagation rprivate",
        ),
    )
    for applies, words in conflicts:
        if applies:
            raise BadRequest(f"mount options conflict: {words}")


def _volume_mount(wish: Mount, destination: str) -> PlannedMount:
    options = wish.volume_options
    subpath = options.subpath if options else ""
    if subpath and not wish.source:
        raise _invalid(wish, "must not set Subpath when using anonymous volumes")
    _check_subpath(wish, subpath)
    record = MountRecord(
        kind="volume",
        destination=destination,
        name=wish.source,
        is_anonymous=not wish.source,
        is_read_only=wish.read_only,
        is_seeded=not (options and options.no_copy) and not subpath,
        mode="z",
        subpath=subpath,
    )
    driver = options.driver_config if options else None
    volume = VolumeCreateRequest(
        name=wish.source,
        driver=(driver.name if driver else "") or "local",
        driver_opts=driver.options if driver else {},
        labels=options.labels if options else {},
    )
    return PlannedMount(record, volume)


def _tmpfs_mount(wish: Mount, destination: str) -> PlannedMount:
    if wish.source:
        raise _invalid(wish, "field Source must not be specified")
    words = merged_words(_tmpfs_words(wish, wish.tmpfs_options or TmpfsOptions()))
    return PlannedMount(MountRecord(kind="tmpfs", destination=destination, options=words, is_read_only=wish.read_only))


def _tmpfs_words(wish: Mount, options: TmpfsOptions) -> Iterable[str]:
    for pair in options.options:
        if not 1 <= len(pair) <= 2:
            raise _invalid(wish, "invalid option array length")
        if pair not in (["exec"], ["noexec"]):
            raise _invalid(wish, f"invalid option: {pair[0]}")
        yield pair[0]
    if options.size_bytes:
        yield f"size={options.size_bytes}"
    if options.mode:
        yield f"mode={options.mode:o}"


def _image_mount(wish: Mount, destination: str) -> PlannedMount:
    if not wish.source:
        raise _invalid(wish, "field Source must not be empty")
    subpath = wish.image_options.subpath if wish.image_options else ""
    _check_subpath(wish, subpath)
    return PlannedMount(
        MountRecord(
            kind="image",
            destination=destination,
            name=wish.source,
            is_read_only=True,
            is_shallow_read_only=True,  # nothing is mounted below
            subpath=subpath,
            propagation="rprivate",
        )
    )


_OPTIONS_OF: Final = {
    "bind_options": "bind",
    "volume_options": "volume",
    "tmpfs_options": "tmpfs",
    "image_options": "image",
}
_KINDS: Final[Mapping[str, Callable[[Mount, str], PlannedMount]]] = {
    "bind": _bind_mount,
    "volume": _volume_mount,
    "tmpfs": _tmpfs_mount,
    "image": _image_mount,
}


def _check_subpath(wish: Mount, subpath: str) -> None:
    if subpath and (subpath.startswith("/") or posixpath.normpath(subpath).split("/")[0] == ".."):
        raise _invalid(wish, "subpath must be a relative path within the volume")


def _volumes_from(text: str, mounts_of: MountsOf) -> Iterable[MountRecord]:
    name, _, mode = text.partition(":")
    if not name:
        raise BadRequest("volumes-from specification cannot be an empty string")
    if mode and not set(mode.split(",")) <= {"ro", "rw", "z", "Z"}:
        raise BadRequest(f"invalid mode: {mode}", hint=f"in the volumes-from '{text}'")
    try:
        found = mounts_of(name)
    except NoSuchContainer as exc:
        raise BadRequest(exc.message) from exc
    for record in found:
        if record.kind != "tmpfs":
            is_read_only = record.is_read_only or "ro" in mode.split(",")
            yield msgspec.structs.replace(record, is_read_only=is_read_only, is_seeded=False, mode="")


def _anonymous(destination: str, mode: str = "") -> PlannedMount:
    record = MountRecord(kind="volume", destination=destination, is_anonymous=True, mode=mode)
    return PlannedMount(record, VolumeCreateRequest())


def _specified(text: str, kind: str) -> str:
    return f"invalid volume specification: '{text}': invalid mount config for type \"{kind}\": "


def _destination(path: str, where: str) -> str:
    normal = posixpath.normpath(path) if path else ""
    # POSIX gives two leading slashes a meaning that Linux does not have.
    normal = "/" + normal.lstrip("/") if normal.startswith("/") else normal
    if not normal.startswith("/"):
        raise BadRequest(f"{where}invalid mount path: '{path}' mount path must be absolute")
    if normal == "/":
        raise BadRequest(f"{where}invalid specification: destination can't be '/'")
    return normal


def _invalid(wish: Mount, reason: str) -> BadRequest:
    return BadRequest(f'invalid mount config for type "{wish.type}": {reason}')
