"""Checkpoints of containers: the runtime writes the processes down with CRIU's help. (`Launch.restored_from` is the way
back.)
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import anyio.to_thread

from engine.errors import Unavailable
from engine.kernel.directories import remove_directory
from engine.process import run
from engine.runtime import criu, monitor
from engine.runtime.programs import Programs
from engine.runtime.surroundings import Surroundings


class Checkpoints:
    """What the runtimes of this machine can. `state` is the runtimes' own directory (`--root`)."""

    def __init__(self, programs: Programs, state: Path) -> None:
        self._programs = programs
        self._state = state
        self._criu = criu.Criu()

    async def require(self, runtime: str) -> None:
        """Raise `Unavailable`, with what is missing, unless containers of a runtime can be checkpointed and restored
        here.
        """
        await self._criu.require()
        program = self._programs.at(runtime).path
        why = await shortcoming(program)
        if not why:
            return
        others = {path: name for name, path in self._programs.found().items() if path != program}
        able = [name for path, name in others.items() if not await shortcoming(path)]
        raise Unavailable(
            f"{program.name} cannot make or restore checkpoints: {why}",
            hint=f"make the container with `--runtime {able[0]}`"
            if able
            else "install runc (apt-get install runc) and make the container with `--runtime runc`",
        )

    async def take(self, record: monitor.Record, images: Path, work: Path, lock: int) -> None:
        """Write the processes of the container of `record` into the directory `images`; see `Runtime.checkpoint`.
        `work` is for CRIU's notes and goes again.
        """
        words = (f"--root={self._state}", *criu.checkpoint_arguments(images, work), record.container_id)
        await anyio.to_thread.run_sync(_run, self._programs.at(record.runtime), words, work, lock)


async def shortcoming(runtime: Path) -> str:
    """Why a runtime cannot make checkpoints here and restore them; "" if it can."""
    if not criu.offers((await run([runtime, "--help"])).stdout.decode(errors="replace")):
        return "it was built without CRIU"
    # crun 1.28 writes down that masked directories are those below /run/crun, whatever `--root` says, and so does not
    # find them again. The container would have ended by then.
    return "it restores only what is kept in /run/crun" if runtime.name == "crun" else ""


def _run(surroundings: Surroundings, words: Sequence[str], work: Path, lock: int) -> None:
    work.mkdir(mode=0o700)
    try:
        # Not where other commands of the runtime run: CRIU has to see the container's network.
        with surroundings.command() as program:
            ended = subprocess.run(
                [*program, *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=monitor.environment(with_criu=True),
                pass_fds=(lock,),
                check=False,
            )
        if ended.returncode != 0:
            raise criu.checkpoint_failure(ended.stdout.decode(errors="replace"), work / criu.DUMP_LOG)
    finally:
        remove_directory(str(work))
