"""Building a service's image by the engine's classic build API.

What that API cannot carry (secrets, further contexts, ssh) goes by parameters of our own engine's, which another engine
would ignore in silence: there it is refused beforehand.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Final

import anyio
from msgspec import UNSET

from compose.apply.build_request import build_request
from compose.apply.context import archived
from compose.apply.refusals import refused
from compose.errors import ComposeError, EngineRefused
from compose.model.project import Project
from compose.plan.actions import BuildImage
from compose.plan.progress import Phase, Report, Update
from engine.client import ApiError, EngineClient
from engine.client.images import split_reference
from engine.wire.images import AuthConfig, Progress

_OURS: Final = "pycompose engine"
_STEP: Final = re.compile(r"Step \d+/\d+ : .*")
_FROM: Final = re.compile(r"^\s*FROM\s+(?:--\S+\s+)*(\S+)", re.IGNORECASE | re.MULTILINE)
_HUB: Final = "https://index.docker.io/v1/"
_TAIL_LINES: Final = 20


async def build(engine: EngineClient, project: Project, action: BuildImage, report: Report) -> str:
    """Build the image of a service, report how far it is, and return the image's id.

    Raises `EngineRefused` with the step that failed and the end of what it said, `ComposeError` for what this engine's
    build cannot do.
    """
    resource = f"Image {action.image}"
    report(Update(resource, "Building", Phase.WORKING))
    await _check(engine, project, action)
    request = await anyio.to_thread.run_sync(build_request, project, action)
    watch = _Watch(resource, report)
    auths = await _credentials(engine, request.dockerfile_text)
    try:
        async with archived(request.files) as chunks:
            context = _nothing() if request.parameters.get("remote") else chunks
            async with aclosing(engine.build_image(context, request.parameters, auths=auths)) as lines:
                async for line in lines:
                    watch.see(line)
    except ApiError as exc:
        raise _failure(action, exc, watch) from exc
    for tag in action.service.build.tags if action.service.build else ():
        repository, name = split_reference(tag)
        await engine.tag_image(action.image, repository, name)
    identity = watch.image_id or (await engine.inspect_image(action.image)).id
    report(Update(resource, "Built"))
    return identity


class _Watch:
    """Follows a build's output: the step it is at, the last lines, the image's id."""

    def __init__(self, resource: str, report: Report) -> None:
        self.image_id = ""
        self.tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._resource = resource
        self._report = report
        self._rest = ""
        self._step = ""

    def see(self, line: Progress) -> None:
        """Take in one message of the engine."""
        if line.aux is not UNSET and isinstance(identity := line.aux.get("ID"), str):
            self.image_id = identity
        if line.stream is not UNSET:
            *whole, self._rest = (self._rest + line.stream).split("\n")
            for text in whole:
                self._say(text.rstrip("\r"))
        elif line.status is not UNSET:
            self._say(f"{line.id}: {line.status}" if line.id is not UNSET else line.status)

    def _say(self, text: str) -> None:
        if _STEP.match(text):
            self._step = text
            self.tail.clear()
        elif text:
            self.tail.append(text)
        if text:
            self._report(Update(self._resource, "Building", Phase.WORKING, detail=self._step, line=text))


def _failure(action: BuildImage, error: ApiError, watch: _Watch) -> EngineRefused:
    failed = refused(error, f"building service {action.service.name}")
    log = [line for line in watch.tail if not line.startswith(" ---> ")]
    if log:
        failed.message += "\n" + "\n".join(f"  | {line}" for line in log)
    failed.subject = ("services", action.service.name, "build")
    return failed


async def _check(engine: EngineClient, project: Project, action: BuildImage) -> None:
    """Raise `ComposeError` for what an engine that is not ours cannot be asked by the classic API."""
    wish = action.service.build
    assert wish is not None  # only services with one are planned to be built
    asked = {
        "secrets": wish.secrets,
        "ssh": wish.ssh or action.ssh,
        "additional_contexts": wish.additional_contexts,
        "privileged": wish.privileged,
        "entitlements": wish.entitlements,
    }
    wanted = [name for name, value in asked.items() if value]
    if not wanted:
        return
    version = await engine.version()
    if version.platform.name != _OURS:
        raise ComposeError(
            f"`{wanted[0]}` of the build of service `{action.service.name}` cannot be passed to this engine: "
            "the classic build API has no place for it",
            hint="build with pycompose's own engine (without --host), or with docker compose",
            subject=("services", action.service.name, "build", wanted[0]),
        )


async def _credentials(engine: EngineClient, dockerfile: str) -> dict[str, AuthConfig]:
    """Credentials of the registries that the FROM lines name, as far as the user has them."""
    found: dict[str, AuthConfig] = {}
    for image in dict.fromkeys(_FROM.findall(dockerfile)):
        if "$" not in image and (auth := await engine.auth_for(image)) is not None:
            first = image.split("/")[0]
            is_host = "/" in image and ("." in first or ":" in first or first == "localhost")
            found[first if is_host else _HUB] = auth
    return found


async def _nothing() -> AsyncIterator[bytes]:
    """A body without contents, for a context that the engine fetches itself."""
    nothing: tuple[bytes, ...] = ()
    for chunk in nothing:
        yield chunk
