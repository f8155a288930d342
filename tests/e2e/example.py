"""A directory of examples/, brought up as its README says and taken down so that nothing stays."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tests.e2e.kernel import without_engine
from tests.e2e.machine import ROOT, Completed, Machine

Seen = TypeVar("Seen")
EXAMPLES = ROOT / "examples"
_WHAT_IS_THERE = (("ps", "--all"), ("network", "ls", "--filter", "type=custom"), ("volume", "ls"))


@dataclass(frozen=True, slots=True)
class Example:
    """`pycompose` in one example's directory, with the variables that keep its port to this test."""

    machine: Machine
    directory: Path
    variables: dict[str, str]

    def __call__(self, *arguments: str, succeeds: bool = True, **variables: str) -> Completed:
        """Run a command to its end."""
        return self.machine.pycompose(
            *arguments, cwd=self.directory, succeeds=succeeds, **{**self.variables, **variables}
        )

    def to_do(self, *arguments: str) -> set[str]:
        """What `up` with these options would do now, as `start blog-migrate-1`."""
        plan = json.loads(self("plan", "--format", "json", *arguments).stdout)
        return {f"{entry['action']} {entry['name']}" for entry in plan["entries"] if entry["action"] != "keep"}


@contextmanager
def example(machine: Machine, name: str | Path, **variables: str) -> Iterator[Example]:
    """Give an example to a test, down before and after it: compare what the kernel and the engine have."""
    run = Example(machine, EXAMPLES / name, variables)
    before = without_engine(machine.kernel())
    try:
        yield run
    finally:
        run("--profile", "*", "down", "--volumes", "--rmi", "local", "--remove-orphans")
    assert without_engine(machine.kernel()) == before
    assert [machine.docker(*question, "--quiet").stdout for question in _WHAT_IS_THERE] == ["", "", ""]


def seen(wanted: Seen, look: Callable[[], Seen]) -> Seen:
    """What `look` returns: as soon as that is `wanted`, or else what it is after a while."""
    give_up = time.monotonic() + 60
    while (found := look()) != wanted and time.monotonic() < give_up:
        pass
    return found


def ask(address: str, body: Any = None, **headers: str) -> str:
    """Fetch a page, or post `body` as JSON."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data, {name.replace("_", "-"): text for name, text in headers.items()})
    with urllib.request.urlopen(request, timeout=60) as answer:
        text: str = answer.read().decode()
    return text
