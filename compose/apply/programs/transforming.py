"""Transformations of projects: images that read /in/compose.yaml and write another model to /out."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import anyio.to_thread

from compose.apply.copying.transfer import CopyOptions, copy_out
from compose.apply.pulling import pull
from compose.apply.refusals import refusals
from compose.errors import ComposeError
from compose.plan.bridging import Transformer
from compose.plan.telling.progress import Report
from engine.client import ApiError, EngineClient
from engine.wire.containers import ContainerCreateRequest, HostConfig
from engine.wire.images import ImageInspect

DEFAULT: Final = "docker/compose-bridge-kubernetes"
_LABEL: Final = "com.docker.compose.bridge=transformation"
_TEMPLATES: Final = "/templates"
_DOCKERFILE: Final = f"FROM docker/compose-bridge-transformer\nLABEL {_LABEL}\nCOPY templates {_TEMPLATES}\n"
_END_SECONDS: Final = 30
_NOT_FOUND: Final = 404


async def image_here(engine: EngineClient, image: str, report: Report) -> ImageInspect:
    """An image, fetched if it is not here. Raises `EngineRefused`."""
    try:
        return await engine.inspect_image(image)
    except ApiError as exc:
        if exc.status != _NOT_FOUND:
            raise
    with refusals(f"pulling {image}"):
        await pull(engine, image, "", report)
        return await engine.inspect_image(image)


async def transformers(engine: EngineClient) -> Sequence[Transformer]:
    """The transformations among the local images."""
    with refusals("listing images"):
        found = await engine.list_images(filters={"label": [_LABEL]})
    return [
        Transformer(
            id=item.id,
            name=item.repo_tags[0] if item.repo_tags else "",
            size_bytes=item.size,
            document=item,
        )
        for item in found
    ]


@asynccontextmanager
async def transformation(engine: EngineClient, image: str, user_id: int, binds: Sequence[str]) -> AsyncIterator[str]:
    """A container of a transformation, not started, for the block. Its files belong to that user."""
    request = ContainerCreateRequest(
        image=image,
        user=str(user_id),
        env=["LICENSE_AGREEMENT=true"],
        host_config=HostConfig(binds=list(binds)),
    )
    with refusals(f"making a container of {image}"):
        made = await engine.create_container("", request)
    try:
        yield made.id
    finally:
        with anyio.move_on_after(_END_SECONDS, shield=True), refusals("removing the container", fine=(_NOT_FOUND,)):
            await engine.remove_container(made.id, force=True, volumes=True)


async def copy_templates(engine: EngineClient, image: str, target: Path) -> None:
    """Make a directory with the templates of a transformation and a Dockerfile. Raises `ComposeError`."""
    await anyio.to_thread.run_sync(_make, target)
    try:
        await _fill(engine, image, target)
    except BaseException:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(lambda: shutil.rmtree(target, ignore_errors=True))
        raise


async def _fill(engine: EngineClient, image: str, target: Path) -> None:
    with refusals(f"making a container of {image}"):
        made = await engine.create_container("", ContainerCreateRequest(image=image))
    try:
        await copy_out(engine, made.id, _TEMPLATES, str(target), CopyOptions())
        await anyio.to_thread.run_sync(_write, target / "Dockerfile")
    finally:
        with anyio.move_on_after(_END_SECONDS, shield=True), refusals("removing the container", fine=(_NOT_FOUND,)):
            await engine.remove_container(made.id, force=True, volumes=True)


def _make(directory: Path) -> None:
    try:
        directory.mkdir(parents=True)
    except FileExistsError:
        raise ComposeError(
            f"output folder {directory} already exists", hint="choose another name, or remove it"
        ) from None
    except OSError as exc:
        raise ComposeError(f"cannot make {directory}: {exc.strerror}") from exc


def _write(file: Path) -> None:
    try:
        file.write_text(_DOCKERFILE)
    except OSError as exc:
        raise ComposeError(f"cannot write {file}: {exc.strerror}") from exc
