"""Whether containers can be checkpointed here, or what that lacks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from engine.daemon.doctor.finding import Finding, Verdict
from engine.errors import Unavailable
from engine.runtime.checkpoints import shortcoming
from engine.runtime.criu import Criu
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
    by_path = {path: name for name, path in runtimes.items()}  # Docker's name may be a second one
    return told({name: await shortcoming(path) for path, name in by_path.items()})


def told(shortcomings: Mapping[str, str]) -> Finding:
    """What is said where CRIU works, of the runtimes by their names: why each cannot, "" for those that can."""
    able = [name for name, why in shortcomings.items() if not why]
    if not able:
        whys = "; ".join(f"{name}: {why}" for name, why in shortcomings.items())
        return _refused(whys, "apt-get install runc, and use `--runtime runc`")
    return Finding("checkpoints", Verdict.GOOD, f"docker checkpoint works, with the runtime {' or '.join(able)}")


def _refused(why: str, hint: str) -> Finding:
    return Finding("checkpoints", Verdict.GOOD, f"docker checkpoint is refused: {why} ({hint})")
