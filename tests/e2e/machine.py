"""An engine of a test's own: short directories, its environment, and the commands that are run against it."""

from __future__ import annotations

import json
import os
import secrets
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.state.paths import Paths
from tests.e2e.kernel import KernelState, engine_pids, kernel_state, remove_everything
from tests.fakes.places import apart

ROOT = Path(__file__).resolve().parents[2]
SHOP = ROOT / "examples" / "shop"
_TIMEOUT_SECONDS = 120

Completed = subprocess.CompletedProcess[str]


@dataclass(frozen=True, slots=True)
class Machine:
    """One installation: nothing it does meets another one's state, sockets or kernel objects."""

    paths: Paths
    environment: Mapping[str, str]
    docker_program: str

    @classmethod
    def make(cls, registry: str, docker_program: str) -> Machine:
        """Make the directories. `registry` is set as the mirror of docker.io."""
        # Not below pytest's directory: a unix socket's path has room for 107 bytes.
        home = apart(Path("/var/tmp"), f"pc-{secrets.token_hex(4)}-")
        home.chmod(0o711)  # containers of other users look through it
        settings = home / "registries.toml"
        settings.write_text(f'[registry."docker.io"]\nmirrors = ["{registry}"]\n')
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        environment = {
            **kept,
            "PYCOMPOSE_STATE_DIR": str(home / "state"),
            "PYCOMPOSE_RUN_DIR": str(home / "run"),
            "PYCOMPOSE_REGISTRIES": str(settings),
            "DOCKER_CONFIG": str(home / "docker"),
            # What the kernel has is compared right after the last container has gone.
            "PYCOMPOSE_LINGER_SECONDS": "0",
        }
        return cls(Paths(root=home / "state", run=home / "run"), environment, docker_program)

    @property
    def address(self) -> str:
        """What `DOCKER_HOST` would be."""
        return f"unix://{self.paths.socket}"

    def pycompose(self, *arguments: str, cwd: Path, succeeds: bool = True, **variables: str) -> Completed:
        """Run our command line in `cwd` with more environment variables."""
        return self.run([*pycompose_command(), *arguments], cwd=cwd, succeeds=succeeds, **variables)

    def docker(self, *arguments: str, succeeds: bool = True, stdin: str = "") -> Completed:
        """Run the real docker command line against our engine, which has to be up."""
        command = [self.docker_program, "--host", self.address, *arguments]
        return self.run(command, cwd=self.paths.root, succeeds=succeeds, stdin=stdin)

    def run(
        self, command: Sequence[str], *, cwd: Path, succeeds: bool = True, stdin: str = "", **variables: str
    ) -> Completed:
        """Run a program to its end in this machine's environment."""
        done = subprocess.run(
            command,
            cwd=cwd,
            env={**self.environment, **variables},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
        if succeeds and done.returncode:
            words = " ".join(command[1:])
            raise AssertionError(f"{words}: exit code {done.returncode}\n{done.stdout}{done.stderr}{self.engine_log()}")
        return done

    def start_engine(self) -> None:
        """Have an engine running: any command that asks it something starts it."""
        self.paths.root.mkdir(mode=0o711, exist_ok=True)
        (self.paths.root / "compose.yaml").write_text("services: {none: {image: busybox}}\n")
        self.pycompose("ps", cwd=self.paths.root)

    def kernel(self) -> KernelState:
        """What this machine's engine has in the kernel now."""
        return kernel_state(self.paths)

    def end_engine(self, how: signal.Signals) -> None:
        """Signal the engine and wait until it is gone."""
        (pid,) = engine_pids(self.paths)
        descriptor = os.pidfd_open(pid)
        try:
            signal.pidfd_send_signal(descriptor, how)
            wait_for_exit(descriptor)
        finally:
            os.close(descriptor)

    def engine_log(self) -> str:
        """The last lines of the engine's log, for a failure's message."""
        log = self.paths.root / "engine.log"
        lines = log.read_text(errors="replace").splitlines()[-15:] if log.exists() else []
        return "\n".join(["", "engine.log:", *lines])

    def destroy(self) -> None:
        """Take everything away, whatever state a test left it in."""
        remove_everything(self.paths)
        shutil.rmtree(self.paths.root.parent)


def pycompose_command() -> list[str]:
    """How this checkout's command line is started."""
    return [sys.executable, "-m", "pycompose"]


def wait_for_exit(descriptor: int) -> None:
    """Wait until the process behind a pidfd has ended."""
    ready, _, _ = select.select([descriptor], [], [], _TIMEOUT_SECONDS)
    assert ready, "the process does not end"


def json_lines(text: str) -> list[dict[str, Any]]:
    """Parse what `--format json` prints."""
    return [json.loads(line) for line in text.splitlines()]
