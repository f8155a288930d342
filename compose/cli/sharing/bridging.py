"""`bridge convert`: the project given to transformations."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.to_thread
from msgspec import Struct

from compose.apply.programs.transforming import DEFAULT, image_here, transformation
from compose.apply.refusals import refusals
from compose.cli.reaching.connection import connected
from compose.cli.running.attached import Attachment, run_attached
from compose.cli.session import Session
from compose.cli.terminal import progress, warn
from compose.errors import ComposeError, UsageError
from compose.load.forms.yaml_form import yaml_form
from compose.model.project import FileObject, Project
from compose.plan.bridging import bridge_document
from compose.plan.images import image_of
from compose.plan.telling.progress import Report
from compose.render.document import as_yaml
from compose.render.ordering import in_order
from engine.client import ApiError, EngineClient

if TYPE_CHECKING:
    from compose.load.pipeline import Loaded


class BridgeRequest(Struct, frozen=True):
    """Where the result goes, the transformations (none: the usual one) and templates instead of theirs."""

    output: Path
    images: tuple[str, ...] = ()
    templates: Path | None = None


async def convert(session: Session, loaded: Loaded, request: BridgeRequest) -> int:
    """Run the transformations; returns the exit code of the first that fails, else 0. Raises `ComposeError`."""
    project = loaded.project
    _check_output(request.output, Path(project.working_dir))
    contents = {
        (section, key): content
        for section, found in (("configs", project.configs), ("secrets", project.secrets))
        for key, item in found.items()
        if (content := _content(section, item)) is not None
    }
    async with connected(session) as engine:
        async with progress(session, "convert") as shown:
            exposed = {name: await _ports(session, engine, project, name, shown.update) for name in project.services}
            images = request.images or (DEFAULT,)
            for image in images:
                with refusals(f"looking at {image}"):
                    await image_here(engine, image, shown.update)
        document = in_order(yaml_form(dict(loaded.document), loaded.places.tree))
        text = as_yaml(bridge_document(project, document, exposed, contents))
        await anyio.to_thread.run_sync(_clear, request.output)
        with tempfile.TemporaryDirectory(prefix="pycompose-bridge-") as directory:
            await anyio.to_thread.run_sync(_write, directory, text)
            binds = [f"{directory}:/in", f"{request.output}:/out"]
            if request.templates:
                binds.append(f"{request.templates}:/templates")
            for image in images:
                async with transformation(engine, image, os.getuid(), binds) as container:
                    code = await run_attached(engine, Attachment(container, tty=False, stdin=False, starts=True))
                if code:
                    return code
    return 0


def _check_output(output: Path, project_directory: Path) -> None:
    """Raise `UsageError` for a directory whose removal would take the project with it."""
    place = output.resolve()
    if place in (project_directory.resolve(), *project_directory.resolve().parents):
        raise UsageError(
            f"the result cannot go to {place}: what is there is removed first, and the project is in it",
            hint="name another directory with --output",
        )


def _clear(output: Path) -> None:
    try:
        if output.is_dir() and not output.is_symlink():
            shutil.rmtree(output)
        output.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise ComposeError(f"cannot make {output} anew: {exc.strerror}") from exc


def _write(directory: str, text: str) -> None:
    file = Path(directory, "compose.yaml")
    file.touch(mode=0o600)  # the contents of secrets are in it
    file.write_text(text, "utf-8")


def _content(section: str, item: FileObject) -> str | None:
    """What a config or secret has in it; None for what is elsewhere."""
    if item.external:
        return None
    if not item.file:
        return item.content
    try:
        return Path(item.file).read_text("utf-8", "replace")
    except OSError as exc:
        raise ComposeError(f"cannot read {item.file}: {exc.strerror}", subject=(section, item.key, "file")) from exc


async def _ports(session: Session, engine: EngineClient, project: Project, name: str, report: Report) -> list[str]:
    """The ports that the image of a service exposes; of one that is still to be built nobody knows them."""
    service = project.services[name]
    if service.provider:
        return []
    image = image_of(project, service)
    if service.build and not service.image:
        try:
            found = await engine.inspect_image(image)
        except ApiError as exc:
            if exc.status != 404:
                raise
            warn(session, f"the image of service {name} is not built, so nobody knows which ports it exposes")
            return []
    else:
        with refusals(f"looking at {image}"):
            found = await image_here(engine, image, report)
    return [port.partition("/")[0] for port in found.config.exposed_ports or ()]
