"""The exit codes of all commands in all situations that a script may run them in.

`python -m tests.e2e.exit_codes docker compose` prints the table of any program that takes these commands, against the
engine of `DOCKER_HOST`: so `exit_codes.toml` was made of docker compose, and can be compared with a later one. The
engine needs the image `busybox`. Left out are `events`, which never ends, and `publish`, which needs a registry.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

FILE = """
name: codes
services:
  web: {image: busybox, init: true, command: [sleep, "1000"], ports: ["127.0.0.1::80"], stop_grace_period: 0s}
  idle: {image: busybox, command: [sleep, "1000"]}
"""
SERVICE = "web"
# `{}` is a service. Where there is none, it is left out.
COMMANDS: Mapping[str, str] = {
    "attach": "attach --no-stdin {}",
    "build": "build {}",
    "commit": "commit {} codes/committed",
    "config": "config --quiet {}",
    "cp": "cp {}:/etc/passwd -",
    "create": "create {}",
    "down": "down {}",
    "exec": "exec -T {} true",
    "export": "export --output web.tar {}",
    "images": "images {}",
    "kill": "kill {}",
    "logs": "logs {}",
    "ls": "ls --all",
    "pause": "pause {}",
    "port": "port {} 80",
    "ps": "ps {}",
    "pull": "pull --policy missing {}",
    "push": "push {}",
    "restart": "restart {}",
    "rm": "rm --force {}",
    "run": "run --rm -T {} true",
    "scale": "scale {}=1",
    "start": "start {}",
    "stats": "stats --no-stream {}",
    "stop": "stop {}",
    "top": "top {}",
    "unpause": "unpause {}",
    "up": "up --detach {}",
    "version": "version",
    "volumes": "volumes {}",
    "wait": "wait {}",
    "watch": "watch --no-up {}",
}
# These wait for the container's end while it runs.
_WAITING = {"attach", "wait"}
# These leave the containers as they are.
_LOOKING = set(COMMANDS) - {
    "create", "down", "kill", "pause", "restart", "rm", "scale", "start", "stop", "unpause", "up",
}  # fmt: skip
# These are meant for one service.
_FOR_ONE = {"attach", "commit", "cp", "exec", "export", "port", "run", "scale", "wait"}
_DOWN = ("down", "--remove-orphans", "--timeout", "0")
_UP = ("up", "--detach", SERVICE)

Run = Callable[[Sequence[str], Path], "Answer"]


class Answer(NamedTuple):
    """How a command ended, and the last line that it said on standard error."""

    code: int
    line: str


class Row(NamedTuple):
    """A command in a situation; the second answer is that of the same command right afterwards."""

    situation: str
    command: str
    answers: tuple[Answer, ...]


class Situation(NamedTuple):
    """What there is, by the commands that bring it about, and which service is asked for ("": none)."""

    before: Sequence[Sequence[str]] = ()
    service: str = ""
    has_file: bool = True
    options: Sequence[str] = ()
    is_alive: bool = False
    is_asked_twice: bool = False


SITUATIONS: Mapping[str, Situation] = {
    "no file": Situation(has_file=False),
    "no project": Situation(has_file=False, options=("--project-name", "nope")),
    "not created": Situation([_DOWN], SERVICE),
    "not created, all": Situation([_DOWN]),
    "created": Situation([_DOWN, ("create", SERVICE)], SERVICE),
    "running": Situation([_DOWN, _UP], SERVICE, is_alive=True, is_asked_twice=True),
    "running, all": Situation([_DOWN, _UP], is_alive=True),
    "another runs": Situation([_DOWN, _UP], "idle"),
    "unknown service": Situation([_DOWN, _UP], "nope"),
    "paused": Situation([_DOWN, _UP, ("pause",)], SERVICE, is_alive=True),
    "stopped": Situation([_DOWN, _UP, ("stop",)], SERVICE),
}


def rows(run: Run, directory: Path, situation: str, commands: Sequence[str] = tuple(COMMANDS)) -> Iterator[Row]:
    """Run the commands in a situation; the project is gone at the end."""
    there = SITUATIONS[situation]
    if there.has_file:
        (directory / "compose.yaml").write_text(FILE)
    is_ready = False
    for command in commands:
        if there.is_alive and command in _WAITING:
            continue
        for step in there.before if not is_ready else ():
            run(step, directory)
        arguments = [*there.options, *_arguments(command, there.service)]
        yield Row(situation, command, tuple(run(arguments, directory) for _ in range(1 + there.is_asked_twice)))
        is_ready = command in _LOOKING
    if there.has_file:
        run(("unpause",), directory)
        run(_DOWN, directory)


def _arguments(command: str, service: str) -> list[str]:
    if not service and command in _FOR_ONE:
        service = SERVICE
    return [word.format(service) for word in COMMANDS[command].split() if service or "{}" not in word]


def runner(program: Sequence[str], environment: Mapping[str, str] | None = None) -> Run:
    """Runs a program with arguments in a directory."""

    def run(arguments: Sequence[str], cwd: Path) -> Answer:
        done = subprocess.run(
            [*program, *arguments],
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        )
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        return Answer(done.returncode, lines[-1] if lines else "")

    return run


if __name__ == "__main__":
    for name in SITUATIONS:
        with tempfile.TemporaryDirectory() as scratch:
            for row in rows(runner(sys.argv[1:]), Path(scratch), name):
                told = [f"{answer.code} {answer.line[:100]}" for answer in row.answers]
                sys.stdout.write("\t".join((row.situation, row.command, *told)) + "\n")
                sys.stdout.flush()
