"""A service's mounts on the wire: volumes, binds, tmpfs and images, and configs and secrets that are files."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TypeAlias

from compose.errors import ComposeError
from compose.model.project import FileObject, Project
from compose.model.service import BindMount, FileMount, Mount, Service
from compose.plan.hashing import inline_content
from compose.plan.observed import ObservedMount
from engine.wire import mounts as wire

# A mount, its target and what is in it.
InlineFile: TypeAlias = tuple[FileMount, str, str]


def service_mounts(
    project: Project, service: Service, inherited: Iterable[ObservedMount]
) -> tuple[list[str], list[wire.Mount]]:
    """`HostConfig.Binds` and `HostConfig.Mounts`. Later wins where two have one target, as in docker compose.

    Raises `ComposeError` for what no engine can mount.
    """
    _refuse_drives(service)
    mounts: dict[str, Mount | ObservedMount] = {mount.target: mount for mount in service.volumes}
    for old in inherited:
        mounts[old.destination] = old
    for mount in _file_mounts(project, service):
        mounts.setdefault(mount.target, mount)
    binds: list[str] = []
    entries: list[wire.Mount] = []
    for item in mounts.values():
        if isinstance(item, ObservedMount):
            entries.append(
                wire.Mount(type="volume", source=item.name, target=item.destination, read_only=not item.is_writable)
            )
        elif _fits_a_bind(item) or _fits_a_named_volume(project, item):
            binds.append(_bind(project, item))
        else:
            entries.append(_mount(project, item))
    return binds, entries


def _refuse_drives(service: Service) -> None:
    for index, mount in enumerate(service.volumes):
        if mount.target[1:2] == ":":
            # As docker compose reads it, which has its engine refuse it.
            raise ComposeError(
                f"`{mount.target}` is read as one path on a Windows drive, not as a volume of that name",
                hint="give the volume a longer name, or write `source` and `target`",
                subject=("services", service.name, "volumes", index),
            )


def config_target(mount: FileMount) -> str:
    """Where a config appears in the container (Compose Specification, 05-services.md, configs)."""
    target = mount.target or mount.source
    return target if target.startswith("/") else f"/{target}"


def secret_target(mount: FileMount) -> str:
    """Where a secret appears in the container (Compose Specification, 05-services.md, secrets)."""
    target = mount.target or mount.source
    return target if target.startswith("/") else f"/run/secrets/{target}"


def inline_files(project: Project, service: Service) -> list[InlineFile]:
    """The configs and secrets without a file: mount, target and content, to be copied into the container.

    Raises `ComposeError` when their variable is not set or the container's root cannot be written.
    """
    files: list[InlineFile] = []
    for kind, mount, target, source in _references(project, service):
        content = inline_content(project, source)
        if content is None:
            continue
        if source.environment and source.environment not in project.environment:
            raise ComposeError(
                f"environment variable `{source.environment}`, the content of {kind} `{source.key}`, is not set",
                hint=f"export it, or add `{source.environment}=...` to .env",
                subject=(f"{kind}s", source.key, "environment"),
            )
        if service.read_only:
            raise ComposeError(
                f"{kind} `{source.key}` cannot be written into service `{service.name}`, whose root is read-only",
                hint=f"give the {kind} by `file:`, which is mounted instead",
            )
        files.append((mount, target, content))
    return files


def has_inline_files(project: Project, service: Service) -> bool:
    """Whether something is to be copied into the service's containers."""
    return any(inline_content(project, source) is not None for _, _, _, source in _references(project, service))


def _references(project: Project, service: Service) -> Iterable[tuple[str, FileMount, str, FileObject]]:
    for mount in service.configs:
        if source := project.configs.get(mount.source):
            yield "config", mount, config_target(mount), source
    for mount in service.secrets:
        if source := project.secrets.get(mount.source):
            yield "secret", mount, secret_target(mount), source


def _file_mounts(project: Project, service: Service) -> Iterable[Mount]:
    for kind, _, target, source in _references(project, service):
        if source.external:
            raise ComposeError(
                f"{kind} `{source.key}` of service `{service.name}` is external, which needs a cluster",
                hint=f"give the {kind} by `file:`, `environment:` or `content:`",
                subject=(f"{kind}s", source.key, "external"),
            )
        if source.file:
            # A missing file has to be an error: an empty directory in its place helps nobody.
            yield Mount("bind", target, source.file, read_only=True, bind=BindMount(create_host_path=False))


def _fits_a_bind(mount: Mount) -> bool:
    """Docker makes a missing host path only for a bind in its short form."""
    if mount.type != "bind" or ":" in mount.source or ":" in mount.target:
        return False
    return mount.bind is None or (mount.bind.create_host_path and not mount.bind.recursive)


def _fits_a_named_volume(project: Project, mount: Mount) -> bool:
    """docker compose writes a volume of the project in the short form too, where that can say all."""
    if mount.type != "volume" or mount.source not in project.volumes or ":" in mount.target:
        return False
    return mount.volume is None or not (mount.volume.nocopy or mount.volume.subpath or mount.volume.labels)


def _bind(project: Project, mount: Mount) -> str:
    options = ["ro" if mount.read_only else "rw"]
    if mount.bind:
        options += [item for item in (mount.bind.selinux, mount.bind.propagation) if item]
    return f"{_source(project, mount)}:{mount.target}:{','.join(options)}"


def _source(project: Project, mount: Mount) -> str:
    if mount.type == "volume" and mount.source in project.volumes:
        return project.volumes[mount.source].name
    if os.fsencode(mount.source) != mount.source.encode("utf-8", "replace"):
        # Docker would be told another name, and make an empty directory of it.
        raise ComposeError(
            f"{os.fsencode(mount.source)!r} cannot be mounted at {mount.target}: its name is not UTF-8 text",
            hint="rename it, or mount a directory above it",
        )
    return mount.source


def _mount(project: Project, mount: Mount) -> wire.Mount:
    return wire.Mount(
        target=mount.target,
        source=_source(project, mount),
        type=mount.type,
        read_only=mount.read_only,
        consistency=mount.consistency,
        bind_options=_bind_options(mount),
        volume_options=wire.VolumeOptions(
            no_copy=mount.volume.nocopy, subpath=mount.volume.subpath, labels=dict(mount.volume.labels)
        )
        if mount.volume and mount.type == "volume"
        else None,
        tmpfs_options=wire.TmpfsOptions(size_bytes=mount.tmpfs.size, mode=mount.tmpfs.mode)
        if mount.tmpfs and mount.type == "tmpfs"
        else None,
        image_options=wire.ImageOptions(subpath=mount.image.subpath) if mount.image and mount.type == "image" else None,
    )


def _bind_options(mount: Mount) -> wire.BindOptions | None:
    if mount.type != "bind" or mount.bind is None:
        return None
    return wire.BindOptions(
        propagation=mount.bind.propagation,
        create_mountpoint=mount.bind.create_host_path,
        non_recursive=mount.bind.recursive == "disabled",
        read_only_non_recursive=mount.bind.recursive == "writable",
        read_only_force_recursive=mount.bind.recursive == "readonly",
    )
