"""A service's build as a request of the classic build API: the files to send and the parameters.

Reads the files that it needs and calls nobody.
"""

from __future__ import annotations

import json
import os
import secrets as randomness
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from compose.apply.context import ContextFiles
from compose.errors import ComposeError
from compose.model.project import Project
from compose.model.service import Build, Service
from compose.plan import labels
from compose.plan.actions import BuildImage
from compose.plan.building import SERVICE_CONTEXT
from compose.plan.hashing import inline_content
from compose.plan.images import image_of
from engine.wire.codec import encode
from engine.wire.containers import Ulimit

_REMOTE: Final = ("http://", "https://", "git://", "ssh://", "git@", "github.com/")


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """One build as the API takes it; `remote` contexts have no files to send."""

    files: ContextFiles
    parameters: dict[str, str | int | bool | tuple[str, ...] | None]
    dockerfile_text: str


def build_request(project: Project, action: BuildImage) -> BuildRequest:
    """Everything about one build. Reads the files that it needs; raises `ComposeError`."""
    service = action.service
    wish = service.build
    assert wish is not None
    is_remote = wish.context.startswith(_REMOTE)
    prefix = f".pycompose-{randomness.token_hex(8)}"
    files: dict[str, bytes] = {}
    text, dockerfile = _dockerfile(service, wish, prefix, files, is_remote=is_remote)
    directories, contexts = _contexts(project, wish, prefix)
    for name, content in _secrets(project, wish).items():
        files[f"{prefix}/secrets/{name}"] = content
    has_extras = bool(directories) or bool(wish.secrets)
    if is_remote and (files or has_extras):
        raise ComposeError(
            f"the build of service `{service.name}` has a remote context: secrets, an inline Dockerfile and local "
            "contexts cannot be sent along with it",
            subject=("services", service.name, "build"),
        )
    parameters = {
        **_parameters(project, action, wish),
        "dockerfile": dockerfile,
        "remote": wish.context if is_remote else "",
        "pycompose-extras": prefix if has_extras else "",
        "pycompose-contexts": json.dumps(contexts) if contexts else "",
    }
    directory = "" if is_remote else wish.context
    return BuildRequest(ContextFiles(directory, dockerfile, files, directories), parameters, text)


def _parameters(
    project: Project, action: BuildImage, wish: Build
) -> dict[str, str | int | bool | tuple[str, ...] | None]:
    args = {**{name: value for name, value in wish.args.items() if value is not None}, **action.args}
    ours = {
        labels.PROJECT: project.name,
        labels.SERVICE: action.service.name,
        labels.VERSION: labels.COMPATIBLE_VERSION,
    }
    ulimits = [Ulimit(name=name, soft=limit.soft, hard=limit.hard) for name, limit in wish.ulimits.items()]
    is_trusted = wish.privileged or "security.insecure" in wish.entitlements
    ssh = _agents(project, action, wish)
    return {
        "t": action.image,
        "target": wish.target,
        "buildargs": json.dumps(args) if args else "",
        "labels": json.dumps({**wish.labels, **ours}),
        "nocache": action.no_cache or wish.no_cache,
        "pull": action.pull or wish.pull,
        "networkmode": wish.network,
        "shmsize": wish.shm_size or None,
        "memory": action.memory or None,
        "ulimits": encode(ulimits).decode() if ulimits else "",
        "extrahosts": tuple(_host(item) for item in wish.extra_hosts),
        "cachefrom": json.dumps([_reference(item) for item in wish.cache_from]) if wish.cache_from else "",
        "platform": _platform(action.service, wish),
        "rm": True,
        "forcerm": True,
        "pycompose-insecure": is_trusted,
        "pycompose-ssh": json.dumps(ssh) if ssh else "",
    }


def _dockerfile(
    service: Service, wish: Build, prefix: str, files: dict[str, bytes], *, is_remote: bool
) -> tuple[str, str]:
    """The Dockerfile's text and its name in the archive; one from elsewhere is put there under a name of its own."""
    if wish.dockerfile_inline:
        name = f"{prefix}.Dockerfile"
        files[name] = wish.dockerfile_inline.encode()
        return wish.dockerfile_inline, name
    name = wish.dockerfile or "Dockerfile"
    if is_remote:
        return "", name
    path = Path(os.path.normpath(Path(wish.context) / name))
    try:
        content = path.read_bytes()
    except OSError as exc:
        raise ComposeError(
            f"the Dockerfile of service `{service.name}` cannot be read: {path}: {exc.strerror}",
            subject=("services", service.name, "build"),
        ) from exc
    if path.is_relative_to(wish.context):
        return content.decode("utf-8", "replace"), str(path.relative_to(wish.context))
    name = f"{prefix}.Dockerfile"
    files[name] = content
    ignore = path.with_name(f"{path.name}.dockerignore")
    if ignore.is_file():
        files[f"{name}.dockerignore"] = ignore.read_bytes()
    return content.decode("utf-8", "replace"), name


def _contexts(project: Project, wish: Build, prefix: str) -> tuple[dict[str, str], dict[str, str]]:
    """The further contexts: directories to send along, and what each name means to the engine."""
    directories: dict[str, str] = {}
    meanings: dict[str, str] = {}
    for name, value in wish.additional_contexts.items():
        if value.startswith(SERVICE_CONTEXT):
            other = value.removeprefix(SERVICE_CONTEXT)
            service = project.services.get(other) or project.disabled[other]
            meanings[name] = f"docker-image://{image_of(project, service)}"
        elif "://" in value or value.startswith(_REMOTE):
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


def _agents(project: Project, action: BuildImage, wish: Build) -> Mapping[str, str]:
    """The sockets of ssh agents by id; `default` without a path is the one of our own environment."""
    found = {}
    for item in (*wish.ssh, *action.ssh):
        name, _, path = item.partition("=")
        path = path or project.environment.get("SSH_AUTH_SOCK", "")
        if not path:
            raise ComposeError(
                "the build wants your ssh agent, and SSH_AUTH_SOCK is not set",
                hint="start one (`eval $(ssh-agent)`, then `ssh-add`)",
                subject=("services", action.service.name, "build", "ssh"),
            )
        found[name] = str(Path(path).absolute())
    return found


def _host(text: str) -> str:
    name, _, address = text.partition("=")
    return f"{name}:{address}" if address else text


def _reference(text: str) -> str:
    """The image of a `cache_from`: itself, or the `ref` of `type=registry,ref=…`."""
    pairs = (item.partition("=") for item in text.split(","))
    options = {name: value for name, _, value in pairs}
    return options.get("ref", "") if "type" in options else text


def _platform(service: Service, wish: Build) -> str:
    if service.platform:
        return service.platform
    return wish.platforms[0] if len(wish.platforms) == 1 else ""
