"""What tests of building share: contexts, the real `docker build`, and what its steps said."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from tests.e2e.machine import Completed, Machine


def put(directory: Path, **files: str) -> Path:
    """Write files, `a__b` being `a/b`; `Dockerfile` is dedented."""
    for name, text in files.items():
        path = directory / name.replace("__", "/").replace("_ignore", ".dockerignore")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip("\n"))
    return directory


def build(machine: Machine, context: Path | str, *options: str, succeeds: bool = True, stdin: str = "") -> Completed:
    """`docker build` by the classic API."""
    command = [machine.docker_program, "--host", machine.address, "build", *options, str(context)]
    return machine.run(command, cwd=machine.paths.root, succeeds=succeeds, stdin=stdin, DOCKER_BUILDKIT="0")


def said(done: Completed) -> list[str]:
    """What the steps themselves wrote."""
    noise = ("Step ", " ---> ", "Sending build context", "Successfully", "Removing", "Downloading")
    return [line for line in done.stdout.splitlines() if line and not line.startswith(noise)]


def run(machine: Machine, image: str, *command: str) -> str:
    """What a command in a container of the image writes."""
    return machine.docker("run", "--rm", image, *command).stdout


def image_id(machine: Machine, name: str) -> str:
    """The id that the docker command line shows."""
    return machine.docker("image", "inspect", "--format", "{{.Id}}", name).stdout.strip()
