"""What the engine does when it is told to end: containers live on, unless the machine goes down with them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from engine.process import find_tool, run

SYSTEMD: Final = Path("/run/systemd/system")  # sd_booted(3)


async def is_machine_going_down() -> bool:
    """Whether systemd is stopping everything (systemctl(1), is-system-running); False where there is no systemd."""
    if not SYSTEMD.is_dir():
        return False
    # Its exit status says only whether all is well.
    answer = await run([find_tool("systemctl"), "is-system-running"])
    return answer.stdout.strip() == b"stopping"
