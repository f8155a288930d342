"""Services with both `image` and `build`: a registry is asked before anything is built."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.machine import Machine

pytestmark = [pytest.mark.root, pytest.mark.net]

STACK = """
name: either
services:
  web:
    image: {image}
    build: {{context: ., dockerfile_inline: "FROM alpine\\nRUN touch /built"}}
    command: sh -c 'test -e /built && echo built || echo pulled'
"""


@pytest.mark.parametrize(
    ("image", "options", "expected"),
    [
        ("busybox:latest", (), "pulled"),
        ("busybox:latest", ("--build",), "built"),
        ("either/nobody-has-it:1", (), "built"),
        ("nginx:latest", ("--no-build",), "pulled"),
    ],
)
def test_what_a_registry_has_is_not_built(
    image: str, options: tuple[str, ...], expected: str, fresh_machine: Machine, tmp_path: Path
) -> None:
    (tmp_path / "compose.yaml").write_text(STACK.format(image=image))
    fresh_machine.pycompose("up", "-d", *options, cwd=tmp_path)
    fresh_machine.pycompose("wait", "web", cwd=tmp_path, succeeds=False)
    assert fresh_machine.pycompose("logs", "--no-log-prefix", cwd=tmp_path).stdout == f"{expected}\n"
    if not options:
        assert fresh_machine.pycompose("run", "--rm", "-T", "web", cwd=tmp_path).stdout == f"{expected}\n"
    fresh_machine.pycompose("down", "-t", "0", cwd=tmp_path)
