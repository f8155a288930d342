"""A service's build as a request of the classic build API: the files to send and the parameters.

Reads the files that it needs and calls nobody.
"""

from __future__ import annotations

import json
import os
import secrets as randomness
from pathlib import Path

from msgspec import Struct

from compose.apply.building.caches import cache_parameters
from compose.apply.building.context import ContextFiles
from compose.apply.requests.containers import host_entries
from compose.errors import ComposeError
from compose.model.project import Project
from compose.model.remotes import is_remote
from compose.model.service import Build, Service
from compose.plan.actions import BuildImage
from compose.plan.bake import build_labels
from compose.plan.deciding.building import SERVICE_CONTEXT
from compose.plan.hashing import inline_content
from compose.plan.images import image_of
from engine.wire.building import Enclosure
from engine.wire.codec import encode
from engine.wire.containers import Ulimit


class Dockerfile(Struct, frozen=True):
    """A build's Dockerfile: its text as far as it is here, what the engine knows it as, and what its user does.

    `is_inline` says that it stands in the Compose file.
    """

    text: str
    name: str
    shown: str
    is_inline: bool = False


class BuildRequest(Struct, frozen=True):
    """One build as the API takes it: what is `enclosed` comes in front of the files. Remote contexts have no files."""

    files: ContextFiles
    enclosed: bytes
    parameters: dict[str, str | int | bool | tuple[str, ...] | None]
    dockerfile: Dockerfile


def build_request(project: Project, action: BuildImage) -> BuildRequest:
    """Everything about one build. Reads the files that it needs; raises `ComposeError`."""
    service = action.service
    wish = service.build
    assert wish is not None
    is_elsewhere = is_remote(wish.context)
    prefix = f".pycompose-{randomness.token_hex(8)}"
    files: dict[str, bytes] = {}
    dockerfile = _dockerfile(service, wish, prefix, files, is_elsewhere=is_elsewhere)
    directories, contexts = _contexts(project, wish, prefix)
    if is_elsewhere and directories:
        raise ComposeError(
            f"the build of service `{service.name}` has a remote context: local ones cannot be sent along with it",
            subject=("services", service.name, "build", "additional_contexts"),
        )
    enclosure = Enclosure(_secrets(project, wish), dockerfile.text if is_elsewhere else "")
    enclosed = encode(enclosure) if enclosure != Enclosure() else b""
    parameters = {
        **_parameters(project, action, wish),
        "dockerfile": dockerfile.name,
        "remote": wish.context if is_elsewhere else "",
        "pycompose-extras": prefix if directories else "",
        "pycompose-enclosed": len(enclosed) or None,
        "pycompose-contexts": json.dumps(contexts) if contexts else "",
    }
    directory = "" if is_elsewhere else wish.context
    sent = ContextFiles(directory, dockerfile.name, files, directories)
    return BuildRequest(sent, enclosed, parameters, dockerfile)


def _parameters(
    project: Project, action: BuildImage, wish: Build
) -> dict[str, str | int | bool | tuple[str, ...] | None]:
    args = {**{name: value for name, value in wish.args.items() if value is not None}, **action.args}
    ulimits = [Ulimit(name=name, soft=limit.soft, hard=limit.hard) for name, limit in wish.ulimits.items()]
    is_trusted = wish.privileged or "security.insecure" in wish.entitlements
    return {
        "t": action.image,
        "target": wish.target,
        "buildargs": json.dumps(args) if args else "",
        "labels": json.dumps(build_labels(project, action.service)),
        "nocache": action.no_cache or wish.no_cache,
        "pull": action.pull or wish.pull,
        "networkmode": wish.network,
        "shmsize": wish.shm_size or None,
        "memory": action.memory or None,
        "ulimits": encode(ulimits).decode() if ulimits else "",
        "extrahosts": host_entries(wish.extra_hosts),
        **cache_parameters(project, action.service),
        "platform": _platform(action.service, wish),
        "rm": True,
        "forcerm": True,
        "pycompose-insecure": is_trusted,
    }


def _dockerfile(
    service: Service, wish: Build, prefix: str, files: dict[str, bytes], *, is_elsewhere: bool
) -> Dockerfile:
    """The Dockerfile; one that is not in the context is put into the archive under a name of its own."""
    if wish.dockerfile_inline:
        name = f"{prefix}.Dockerfile"
        files[name] = wish.dockerfile_inline.encode()
        return Dockerfile(wish.dockerfile_inline, name, "dockerfile_inline", is_inline=True)
    name = wish.dockerfile or "Dockerfile"
    if is_elsewhere:
        return Dockerfile("", name, name)
    path = Path(os.path.normpath(Path(wish.context) / name))
    try:
        content = path.read_bytes()
    except OSError as exc:
        raise ComposeError(
            f"the Dockerfile of service `{service.name}` cannot be read: {path}: {exc.strerror}",
            subject=("services", service.name, "build"),
        ) from exc
    if path.is_relative_to(wish.context):
        inside = str(path.relative_to(wish.context))
        return Dockerfile(content.decode("utf-8", "replace"), inside, inside)
    name = f"{prefix}.Dockerfile"
    files[name] = content
    ignore = path.with_name(f"{path.name}.dockerignore")
    if ignore.is_file():
        files[f"{name}.dockerignore"] = ignore.read_bytes()
    return Dockerfile(content.decode("utf-8", "replace"), name, str(path))


def _contexts(project: Project, wish: Build, prefix: str) -> tuple[dict[str, str], dict[str, str]]:
    """The further contexts: directories to send along, and what each name means to the engine."""
    directories: dict[str, str] = {}
    meanings: dict[str, str] = {}
    for name, value in wish.additional_contexts.items():
        if value.startswith(SERVICE_CONTEXT):
            other = value.removeprefix(SERVICE_CONTEXT)
            service = project.services.get(other) or project.disabled[other]
            meanings[name] = f"docker-image://{image_of(project, service)}"
        elif "://" in value or is_remote(value):
            meanings[name] = value
        else:
            directories[f"{prefix}/contexts/{name}"] = value
            meanings[name] = ""
    return directories, meanings


def _secrets(project: Project, wish: Build) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for mount in wish.secrets:
        source = project.secrets[mount.source]
        name = mount.target.rpartition("/")[2] or mount.source
        try:
            content = inline_content(project, source)
            found[name] = Path(source.file).read_bytes() if content is None else content.encode()
        except OSError as exc:
            raise ComposeError(
                f"secret `{source.key}` cannot be read: {source.file}: {exc.strerror}",
                subject=("secrets", source.key, "file"),
            ) from exc
    return found


def _platform(service: Service, wish: Build) -> str:
    if service.platform:
        return service.platform
    return wish.platforms[0] if len(wish.platforms) == 1 else ""
