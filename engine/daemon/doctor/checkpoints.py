"""Whether containers can be checkpointed here, or what that lacks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from engine.daemon.doctor.finding import Finding, Verdict
from engine.errors import Unavailable
from engine.runtime.criu import Criu, is_offered_by
from engine.runtime.programs import installed


async def checkpoints(named: Mapping[str, Path]) -> Finding:
    """With which runtimes `docker checkpoint` works; `named` are those of the settings. Few want it: nothing is amiss
    where it does not.
    """
    runtimes = {**installed(), **named}
    try:
        await Criu().require()
    except Unavailable as exc:
        return _refused(exc.message, exc.hint or "")
    able = [name for name, path in runtimes.items() if await is_offered_by(path)]
    return told(able, sorted({path.name for path in runtimes.values()}))


def told(able: list[str], programs: list[str]) -> Finding:
    """What is said where CRIU works; `able` are the names of the runtimes that can, `programs` all there are."""
    if not able:
        return _refused(f"built without CRIU: {', '.join(programs)}", "apt-get install runc, and use `--runtime runc`")
    return Finding("checkpoints", Verdict.GOOD, f"docker checkpoint works, with the runtime {' or '.join(able)}")


def _refused(why: str, hint: str) -> Finding:
    return Finding("checkpoints", Verdict.GOOD, f"docker checkpoint is refused: {why} ({hint})")
