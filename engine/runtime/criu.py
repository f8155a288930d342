"""CRIU, which makes files of a container's processes and processes of such files again.

Runtimes drive it; this module knows whether it works on this machine, what runtimes are told, and which words of its
long logs matter.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from engine.errors import RuntimeFailure, Unavailable
from engine.process import find_tool, run
from engine.runtime.failures import plain

# Locks on files are only ever shared with processes that are in the checkpoint as well.
RESTORE_OPTIONS: Final = ("--file-locks",)
DUMP_LOG: Final = "dump.log"
RESTORE_LOG: Final = "restore.log"
RESTORE_NOTES: Final = (RESTORE_LOG, "stats-restore")
_COMMANDS: Final = frozenset({"checkpoint", "restore"})
_COMPLAINT: Final = re.compile(r"^\([\d.]+\)\s+(?:\d+: )?Error \([^)]*\): (.*)$", re.MULTILINE)
# CRIU says so in logs of everything that goes well, too.
_HARMLESS: Final = re.compile(r"RLIMIT_NOFILE")
_LOG_FILE: Final = re.compile(r"\nlog file: \S*")
_SHOWN_COMPLAINTS: Final = 3
_LOG_TAIL_BYTES: Final = 1 << 16
_START_FAILED: Final = "failed to create task for container: failed to create shim task: "


class Criu:
    """CRIU on this machine. That it works is asked once; that it does not is asked again, as it may be mended."""

    def __init__(self) -> None:
        self._works = False

    async def require(self) -> None:
        """Raise `Unavailable`, with what is missing and how to get it, unless CRIU works on this kernel."""
        if self._works:
            return
        answer = await run([find_tool("criu"), "check"])
        if answer.returncode != 0:
            said = (answer.stderr or answer.stdout).decode(errors="replace")
            raise Unavailable(
                f"CRIU does not work on this kernel: {complaints(said) or said.strip()}",
                hint="`criu check` tells which options the kernel has to be built with",
            )
        self._works = True


def offers(help_text: str) -> bool:
    """Whether a runtime's help lists both commands: crun has them if it was built with CRIU, youki has but one."""
    return {line.split()[0] for line in help_text.splitlines() if line.strip()} >= _COMMANDS


def path_with_criu(path: str) -> str:
    """A PATH in which a runtime finds CRIU as well: it looks nowhere else. Raises `Unavailable` if it is nowhere."""
    return f"{path}:{find_tool('criu').parent}"


def checkpoint_arguments(images: Path, work: Path) -> tuple[str, ...]:
    """The words for the runtime's `checkpoint`, but for the container's id. The processes live on: whoever wants their
    end kills them once the checkpoint is safe.
    """
    return ("checkpoint", "--image-path", str(images), "--work-path", str(work), "--file-locks", "--leave-running")


def checkpoint_failure(words: str, log_path: Path) -> RuntimeFailure:
    """A checkpoint that could not be made."""
    return RuntimeFailure(f"OCI runtime checkpoint failed: {_reason(words, log_path)}")


def restore_failure(words: str, log_path: Path) -> RuntimeFailure:
    """A container that could not be restored."""
    return RuntimeFailure(f"{_START_FAILED}OCI runtime restore failed: {_reason(words, log_path)}")


def complaints(log_text: str) -> str:
    """The first errors in a log of CRIU (the others follow from them), without times and places in its source."""
    found = [line.strip() for line in _COMPLAINT.findall(log_text) if not _HARMLESS.search(line)]
    return "; ".join(found[:_SHOWN_COMPLAINTS])


def _reason(words: str, log_path: Path) -> str:
    found = complaints(_tail(log_path))
    return f"criu failed: {found}" if found else _LOG_FILE.sub("", plain(words))


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _LOG_TAIL_BYTES))
            return file.read().decode(errors="replace")
    except FileNotFoundError:  # the runtime did not come to starting it
        return ""
