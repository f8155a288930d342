"""Where real checkpoints can be tried: a CRIU that works, and runc, in PATH or where PYCOMPOSE_TEST_RUNC says."""

from __future__ import annotations

import os
import shutil
from typing import Final

import anyio

from engine.errors import Unavailable
from engine.runtime.criu import Criu

RUNC: Final = os.environ.get("PYCOMPOSE_TEST_RUNC") or shutil.which("runc") or ""


def why_not() -> str:
    """Why there are no checkpoints on this machine; "" if there are."""
    if os.geteuid() != 0:
        return "checkpoints need root"
    if not RUNC:
        return "there is no runc, the runtime that makes checkpoints everywhere (PATH or PYCOMPOSE_TEST_RUNC)"
    try:
        anyio.run(Criu().require)
    except Unavailable as exc:
        return str(exc)
    return ""
