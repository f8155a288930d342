"""Start-up time is a feature: what a command does not need it does not import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import anyio.to_thread
import pytest

from tests.fakes.serving import served

ROOT = Path(__file__).resolve().parents[3]
HEAVY = {"networkx", "jsonschema", "pyroute2", "anyio", "click", "yaml", "h11", "msgspec"}


def modules_of(code: str, cwd: Path) -> set[str]:
    """The top-level modules that are loaded after running `code` in a fresh interpreter."""
    program = (
        f"import sys\n{code}\nsys.stderr.write(' '.join(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=cwd,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(cwd)},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stderr.split())


@pytest.mark.parametrize("flag", ["--version", "-v", "version"])
def test_the_version_needs_next_to_nothing(flag: str, tmp_path: Path) -> None:
    code = f"sys.argv = ['pycompose', '{flag}']\nfrom pycompose.launcher import cli\ncli()"
    assert not modules_of(code, tmp_path) & HEAVY


COMMANDS = ("ps", "up", "down", "logs", "exec", "config")
IMPORTS = "\n".join(
    ["import compose.cli.up.bringing_up", *(f"import compose.cli.commands.{name}" for name in COMMANDS)]
)


def test_no_command_needs_the_graph_library_or_the_kernels_before_it_has_work(tmp_path: Path) -> None:
    loaded = modules_of(
        f"{IMPORTS}\nimport compose.cli.reaching.connection, compose.cli.reaching.located, compose.load.pipeline",
        tmp_path,
    )
    assert not loaded & {"networkx", "jsonschema", "pyroute2", "sqlite3"}


def test_checking_a_project_needs_no_engine(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services:\n  web:\n    image: tiny\n")
    code = (
        "import io, contextlib\n"
        "from compose.cli.run_group import run\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        "    assert run('pycompose', ['config']) == 0"
    )
    assert not modules_of(code, tmp_path) & {"networkx", "pyroute2", "anyio", "h11", "asyncio"}


@pytest.mark.anyio
async def test_commands_on_an_engine_that_has_everything_need_no_event_loop(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services:\n  web:\n    image: busybox\n")
    async with served(tmp_path) as server:
        run = f"from compose.cli.run_group import run\nassert not run('pycompose', ['-H', '{server.address}', %s])"
        loaded: set[str] = set()
        made: list[int] = []
        for command in ("'up', '-d'", "'up', '-d'", "'ps', '--all'", "'down'"):
            words = run % f"'--progress=quiet', {command}"
            loaded |= await anyio.to_thread.run_sync(modules_of, words, tmp_path)
            made.append(len(server.engine.containers.known))
        assert made == [1, 1, 1, 0]
        assert [network.name for network in server.engine.networks.known] == ["bridge"], "it is down"
    assert not loaded & {"asyncio", "anyio", "h11", "ssl", "networkx", "jsonschema"}
