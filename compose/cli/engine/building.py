"""`build`: a directory and its Dockerfile to an image."""

from __future__ import annotations

import json
import os
from contextlib import aclosing
from pathlib import Path

import click

from compose.cli.engine.asking import ask, quiet_option, tell_progress
from compose.cli.session import Session
from compose.errors import UsageError
from engine.client import EngineClient
from engine.wire.http import Value


@click.command("build", help="Build an image from a Dockerfile")
@click.argument("directory")
@click.option("-f", "--file", "dockerfile", default="Dockerfile", help="Within the directory")
@click.option("-t", "--tag", "tags", multiple=True, metavar="NAME", help="Name of the image, repeatable")
@click.option("--build-arg", "arguments", multiple=True, metavar="NAME[=VALUE]", help="Without a value: our own")
@click.option("--target", default="", help="Stop at this stage")
@click.option("--no-cache", is_flag=True, help="Run every step again")
@click.option("--pull", is_flag=True, help="Look for newer base images")
@quiet_option
@click.pass_obj
def build_command(  # noqa: PLR0913 - one parameter per option
    session: Session,
    directory: str,
    dockerfile: str,
    tags: tuple[str, ...],
    arguments: tuple[str, ...],
    target: str,
    no_cache: bool,
    pull: bool,
    quiet: bool,
) -> None:
    """Send the directory and print what the engine says."""
    from compose.apply.building.context import ContextFiles, archived

    root = session.cwd / directory
    name = os.path.relpath(root / dockerfile, root)
    if name.startswith("..") or not (root / name).is_file():
        raise UsageError(f"there is no {dockerfile} in {directory}", hint="-f names it, within the directory")
    parameters: dict[str, Value] = {
        "dockerfile": Path(name).as_posix(),
        "t": tags,
        "buildargs": json.dumps(dict(_argument(session, text) for text in arguments)) if arguments else "",
        "target": target,
        "nocache": no_cache,
        "pull": pull,
        "q": quiet,
    }

    async def act(engine: EngineClient) -> None:
        async with (
            archived(ContextFiles(str(root), name)) as chunks,
            aclosing(engine.build_image(chunks, parameters, auths={})) as lines,
        ):
            await tell_progress(lines)

    ask(session, "building", act)


def _argument(session: Session, text: str) -> tuple[str, str | None]:
    name, has_value, value = text.partition("=")
    return name, value if has_value else session.environment.get(name)
