"""`publish`: what there is to publish, and what the user has to agree to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from compose.apply.looking.digests import pinned
from compose.artifact.leaks import Leak, leaks_in, leaks_in_text
from compose.artifact.manifest import Descriptor, Version, env_file_layer, file_layer
from compose.artifact.pushing import Artifact
from compose.artifact.registry import reference_of
from compose.cli.asking import is_agreed
from compose.cli.loading import load_silently
from compose.cli.session import Session
from compose.cli.terminal import warn
from compose.errors import UsageError
from compose.load.bundle import Bundle, bundle
from compose.model.project import Project
from compose.model.service import Mount
from compose.plan.labels import COMPATIBLE_VERSION
from compose.plan.publishing import bind_mounts, check_images, check_variables, variables
from compose.render.document import as_yaml
from engine.client import EngineClient

_PINNED = "image-digests.yaml"


class PublishRequest(Struct, frozen=True):
    """The command's options; `version` is that of the image-spec, "" for the newest that the registry takes."""

    repository: str
    version: Version | None = None
    with_env: bool = False
    with_images: bool = False
    pinned: bool = False
    insecure: bool = False
    yes: bool = False


def prepared(session: Session, project: Project, request: PublishRequest) -> Artifact | None:
    """What there is to publish; None if the user does not agree to it. Raises `ComposeError`."""
    reference = reference_of(request.repository)
    if reference.digest:
        raise UsageError("a digest cannot be chosen: it follows from what is published", hint="publish it by a tag")
    packed = bundle(project, lambda path: Path(path).read_bytes())
    check_images(project)
    if not request.yes and not _is_agreed(session, project, packed, request):
        return None
    if packed.with_env_files and not request.with_env:
        warn(session, "the env files are not published; with --with-env they are")
    images = tuple(dict.fromkeys(service.image for service in project.services.values() if service.image))
    layers = tuple(_layers(packed, with_env=request.with_env))
    return Artifact(
        reference, layers, images if request.with_images else (), request.version, made_by=COMPATIBLE_VERSION
    )


def _is_agreed(session: Session, project: Project, packed: Bundle, request: PublishRequest) -> bool:
    if mounts := bind_mounts(project):
        said = [
            "The application mounts directories or files of the machine that it runs on.",
            "Their contents are not published, but that they are mounted is:",
            *(f"  {name}: {_shown(mount)}" for name, found in mounts.items() for mount in found),
        ]
        if not is_agreed("\n".join((*said, "Publish these mounts?"))):
            return False
    if leaks := _leaks(session, packed, request):
        said = ["The files have what looks like secrets; whoever can pull the application can read them:"]
        said += [f"  {leak.key} ({leak.what}): {leak.shown}" for leak in leaks]
        if not is_agreed("\n".join((*said, "Publish these values?"))):
            return False
    if not request.with_env:
        check_variables(project, packed.with_env_files)
    if found := variables(project):
        said = ["The application has environment variables, which may be secrets:"]
        for name, values in found.items():
            said += [f"  {name}: {key}={'' if value is None else value}" for key, value in values.items()]
        return is_agreed("\n".join((*said, "Publish these variables?")))
    return True


def _shown(mount: Mount) -> str:
    return f"{mount.source}:{mount.target}:{'ro' if mount.read_only else 'rw'}"


def _leaks(session: Session, packed: Bundle, request: PublishRequest) -> list[Leak]:
    """What looks like secrets in the Compose files as written, and in the env files if they are published."""
    found = leaks_in(load_silently(session, interpolate=False).document)
    for name, content in packed.env_files.items() if request.with_env else ():
        found += leaks_in_text(name, content.decode("utf-8", "replace"))
    return found


def _layers(packed: Bundle, *, with_env: bool) -> Sequence[Descriptor]:
    layers = [file_layer(name, content, COMPATIBLE_VERSION) for name, content in packed.files]
    layers += [
        file_layer(name, content, COMPATIBLE_VERSION, is_extended=True) for name, content in packed.extended.items()
    ]
    if with_env:
        layers += [env_file_layer(name, content, COMPATIBLE_VERSION) for name, content in packed.env_files.items()]
    return layers


async def pins(engine: EngineClient, project: Project) -> Descriptor:
    """One more Compose file, which says by digests which images are meant. They have to be in their registries."""
    images = {name: service.image for name, service in project.services.items() if service.image}
    names = await pinned(engine, images.values())
    document = {"services": {name: {"image": names[image]} for name, image in images.items()}}
    return file_layer(_PINNED, as_yaml(document).encode(), COMPATIBLE_VERSION)
