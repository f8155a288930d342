"""Building a service's image by the engine's classic build API.

What that API cannot carry (secrets, further contexts, ssh) goes by parameters of our own engine's, which another engine
would ignore in silence: there it is refused beforehand.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Final

import anyio
from msgspec import UNSET

from compose.apply.building.caches import cache_images
from compose.apply.building.context import archived
from compose.apply.building.request import BuildRequest, build_request
from compose.apply.building.ssh_agents import agents
from compose.apply.building.watching import BuildWatch
from compose.apply.refusals import refused
from compose.errors import ComposeError, EngineRefused
from compose.model.project import Project
from compose.model.remotes import is_remote
from compose.plan.actions import BuildImage
from compose.plan.telling.progress import Phase, Report, Update
from engine.client import ApiError, EngineClient
from engine.client.transfers import split_reference
from engine.wire.images import AuthConfig

_OURS: Final = "pycompose engine"
_FROM: Final = re.compile(r"^\s*FROM\s+(?:--\S+\s+)*(\S+)", re.IGNORECASE | re.MULTILINE)
_COPY_FROM: Final = re.compile(r"\bfrom=([^\s,]+/[^\s,]+)")
_IMAGE: Final = "docker-image://"


async def build(engine: EngineClient, project: Project, action: BuildImage, report: Report) -> str:
    """Build the image of a service, report how far it is, and return the image's id.

    Raises `EngineRefused` with the step that failed and the end of what it said, `ComposeError` for what this engine's
    build cannot do.
    """
    resource = f"Image {action.image}"
    report(Update(resource, "Building", Phase.WORKING))
    await _check(engine, action, report)
    request = await anyio.to_thread.run_sync(build_request, project, action)
    watch = BuildWatch(resource, report)
    try:
        await _send(engine, project, action, request, watch)
    except ApiError as exc:
        raise _failure(action, request, exc, watch) from exc
    for tag in action.service.build.tags if action.service.build else ():
        repository, name = split_reference(tag)
        await engine.tag_image(action.image, repository, name)
    identity = watch.image_id or (await engine.inspect_image(action.image)).id
    report(Update(resource, "Built"))
    return identity


async def check(engine: EngineClient, project: Project, action: BuildImage) -> list[str]:
    """What the engine's checks have to say about a service's Dockerfile, a line each. Builds nothing.

    Raises `EngineRefused` for a Dockerfile that is wrong, `ComposeError` for an engine without checks.
    """
    if (await engine.version()).platform.name != _OURS:
        raise ComposeError(
            "this engine cannot check a Dockerfile", hint="check with pycompose's own engine (without --host)"
        )
    request = await anyio.to_thread.run_sync(build_request, project, action)
    parameters = {**request.parameters, "pycompose-check": True}
    found: list[str] = []
    try:
        async with (
            archived(request.files) as chunks,
            aclosing(engine.build_image(_body(request, chunks), parameters, auths={})) as lines,
        ):
            async for line in lines:
                if line.stream is not UNSET:
                    found.append(line.stream.rstrip("\n").replace(request.dockerfile.name, request.dockerfile.shown))
    except ApiError as exc:
        raise _failure(action, request, exc, BuildWatch("", lambda _: None)) from exc
    return found


async def _send(
    engine: EngineClient, project: Project, action: BuildImage, request: BuildRequest, watch: BuildWatch
) -> None:
    wish = action.service.build
    assert wish is not None  # only services with one are planned to be built
    auths = await _credentials(engine, action, request.dockerfile.text)
    subject = ("services", action.service.name, "build", "ssh")
    async with (
        agents((*wish.ssh, *action.ssh), project.environment, subject) as sockets,
        archived(request.files) as chunks,
    ):
        parameters = {**request.parameters, "pycompose-ssh": json.dumps(sockets) if sockets else ""}
        body = _body(request, chunks)
        async with aclosing(engine.build_image(body, parameters, auths=auths)) as lines:
            async for line in lines:
                watch.see(line)


def _failure(action: BuildImage, request: BuildRequest, error: ApiError, watch: BuildWatch) -> EngineRefused:
    failed = refused(error, f"building service {action.service.name}")
    dockerfile = request.dockerfile
    failed.subject = ("services", action.service.name, "build")
    at = re.search(rf"{re.escape(dockerfile.name)}:(\d+): ", failed.message) if dockerfile.is_inline else None
    if at:
        failed.subject, failed.line = (*failed.subject, "dockerfile_inline"), int(at[1])
        failed.message = failed.message.replace(at[0], f"line {at[1]} of its inline Dockerfile: ")
    failed.message = failed.message.replace(dockerfile.name, dockerfile.shown)
    log = [line for line in watch.tail if not line.startswith(" ---> ")]
    if log:
        failed.message += "\n" + "\n".join(f"  | {line}" for line in log)
    return failed


async def _check(engine: EngineClient, action: BuildImage, report: Report) -> None:
    """Raise `ComposeError` for what an engine that is not ours cannot be asked by the classic API.

    Warn of what it does without although it was asked for, and the image is the same.
    """
    wish = action.service.build
    assert wish is not None  # only services with one are planned to be built
    asked = {
        "secrets": wish.secrets,
        "ssh": wish.ssh or action.ssh,
        "additional_contexts": wish.additional_contexts,
        "privileged": wish.privileged,
        "entitlements": wish.entitlements,
        "dockerfile_inline": is_remote(wish.context) and wish.dockerfile_inline,
    }
    wanted = [name for name, value in asked.items() if value]
    if not (wanted or wish.cache_to) or (await engine.version()).platform.name == _OURS:
        return
    if wish.cache_to:
        report(Update(f"This engine writes no cache_to: service {action.service.name}", "", Phase.WARNING))
    if wanted:
        raise ComposeError(
            f"`{wanted[0]}` of the build of service `{action.service.name}` cannot be passed to this engine: "
            "the classic build API has no place for it",
            hint="build with pycompose's own engine (without --host), or with docker compose",
            subject=("services", action.service.name, "build", wanted[0]),
        )


async def _credentials(engine: EngineClient, action: BuildImage, dockerfile: str) -> dict[str, AuthConfig]:
    """Credentials of the registries that a build may ask, as far as the user has them, by registry."""
    wish = action.service.build
    contexts = wish.additional_contexts.values() if wish else ()
    images = [
        *_FROM.findall(dockerfile),
        *_COPY_FROM.findall(dockerfile),
        *(value.removeprefix(_IMAGE) for value in contexts if value.startswith(_IMAGE)),
        *cache_images(action.service),
    ]
    found: dict[str, AuthConfig] = {}
    for image in dict.fromkeys(images):
        if "$" not in image and (auth := await engine.auth_for(image)) is not None:
            found[auth.serveraddress] = auth
    return found


async def _body(request: BuildRequest, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """What is enclosed, then the context, unless the engine fetches that itself."""
    if request.enclosed:
        yield request.enclosed
    if not request.parameters.get("remote"):
        async for chunk in chunks:
            yield chunk
