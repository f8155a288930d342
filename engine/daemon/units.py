"""The engine as a service of systemd: a socket that starts it when a client comes, and the service itself."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from engine.errors import EngineError, Unavailable
from engine.state.atomic import write_atomically
from engine.state.paths import Paths

UNITS: Final = Path("/etc/systemd/system")
_RUNNING: Final = Path("/run/systemd/system")  # sd_booted(3)
SERVICE: Final = "pycompose-engine.service"
SOCKET: Final = "pycompose-engine.socket"


class Installation(Struct, frozen=True):
    """What the units say: how the engine is started, where it lives, who may use its socket ("" is root alone)."""

    command: tuple[str, ...]
    paths: Paths
    group: str = ""

    def service(self) -> str:
        """The text of the service's unit."""
        return f"""\
[Unit]
Description=pycompose container engine
After=network-online.target nss-lookup.target firewalld.service
Wants=network-online.target
Requires={SOCKET}

[Service]
Type=notify
NotifyAccess=main
ExecStart={_quoted(self.command)} --state-dir {_quoted((str(self.paths.root),))} --run-dir {
            _quoted((str(self.paths.run),))
        }
ExecReload=/bin/kill -s HUP $MAINPID
Restart=on-failure
RestartSec=2
# Containers are no part of the service: they live on while it stops, and are found again.
KillMode=process
Delegate=yes
TasksMax=infinity
LimitNOFILE=1048576
OOMScoreAdjust=-500

[Install]
WantedBy=multi-user.target
Also={SOCKET}
"""

    def socket(self) -> str:
        """The text of the socket's unit."""
        group = f"SocketGroup={self.group}\n" if self.group else ""
        return f"""\
[Unit]
Description=Socket of the pycompose container engine

[Socket]
ListenStream={self.paths.socket}
SocketMode=0660
SocketUser=root
{group}
[Install]
WantedBy=sockets.target
"""


def install(installation: Installation, units: Path = UNITS) -> list[str]:
    """Write both units, and have systemd start the engine now and at every boot. Return what was done.

    Raises `Unavailable` on a machine without systemd: then nothing is written.
    """
    require_systemd()
    units.mkdir(parents=True, exist_ok=True)
    write_atomically(units / SERVICE, installation.service().encode(), mode=0o644)
    write_atomically(units / SOCKET, installation.socket().encode(), mode=0o644)
    _systemctl("daemon-reload")
    _systemctl("enable", "--now", SOCKET, SERVICE)
    return [f"wrote {units / SERVICE}", f"wrote {units / SOCKET}", f"started {SOCKET} and {SERVICE}"]


def uninstall(units: Path = UNITS) -> list[str]:
    """Stop the engine and remove its units; containers live on. Return what was done, nothing if there were none."""
    found = [units / name for name in (SERVICE, SOCKET) if (units / name).exists()]
    if not found:
        return []
    if _RUNNING.is_dir():
        _systemctl("disable", "--now", SOCKET, SERVICE)
    for unit in found:
        unit.unlink()
    if _RUNNING.is_dir():
        _systemctl("daemon-reload")
    return [f"stopped {SERVICE}", *(f"removed {unit}" for unit in found)]


def require_systemd() -> None:
    """Raise `Unavailable` where no systemd runs."""
    if not _RUNNING.is_dir() or shutil.which("systemctl") is None:
        raise Unavailable(
            "systemd does not run on this machine, so there is nothing to install a unit into",
            hint="let your service manager run `pycompose-engine serve`; `pycompose` also starts the engine by itself",
        )


def _systemctl(*arguments: str) -> None:
    done = subprocess.run(["systemctl", *arguments], check=False, capture_output=True, text=True)
    if done.returncode:
        raise EngineError(f"systemctl {' '.join(arguments)}: {done.stderr.strip()}", hint=f"journalctl -u {SERVICE}")


def _quoted(words: Sequence[str]) -> str:
    """Words of a command line in a unit (systemd.service(5)): `%` and `$` mean something there."""
    return " ".join(
        '"' + word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$") + '"'
        for word in words
    )
