"""The two entry points, and where their packages are imported from."""

from __future__ import annotations

import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent

# `compose`, `engine` and `schemas` are too generic for a shared site-packages, so a
# wheel carries them in a private import root. A checkout has them next to this folder.
_PRIVATE_ROOT = _HERE / "_app"
_IMPORT_ROOT = _PRIVATE_ROOT if _PRIVATE_ROOT.is_dir() else _HERE.parent


def cli() -> None:
    """Run `pycompose`."""
    _prefer_our_packages()
    from compose.cli.main import main

    main(prog_name="pycompose")


def daemon() -> None:
    """Run `pycompose-engine`."""
    _prefer_our_packages()
    from engine.daemon.main import main

    main(prog_name="pycompose-engine")


def _prefer_our_packages() -> None:
    sys.path.insert(0, str(_IMPORT_ROOT))
