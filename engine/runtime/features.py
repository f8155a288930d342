"""What an OCI runtime says it can do: its command `features` (OCI runtime-spec, features.md)."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

import anyio
import msgspec

from engine.process import run
from engine.wire.typed import from_json

log = logging.getLogger(__name__)

_PATIENCE_SECONDS: Final = 5.0
# A program, and when it was made: one that is replaced is asked again.
_Seen = tuple[Path, int]
_told: dict[_Seen, str] = {}


async def features(program: Path) -> str:
    """The runtime's own JSON, in one line; "" if it cannot tell, as crun before 1.9. Asked for once."""
    try:
        seen = program, (await anyio.Path(program).stat()).st_mtime_ns
    except OSError:
        return ""
    if seen not in _told:
        _told[seen] = await _ask(program)
    return _told[seen]


async def _ask(program: Path) -> str:
    try:
        with anyio.fail_after(_PATIENCE_SECONDS):
            done = await run([program, "features"])
        if done.returncode:
            return ""
        return msgspec.json.encode(from_json(done.stdout, dict[str, object])).decode()
    except (OSError, TimeoutError, msgspec.DecodeError) as exc:
        log.info("%s does not tell its features: %s", program, exc)
        return ""
