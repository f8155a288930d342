"""The two entry points, and where their packages are imported from."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent

# `compose`, `engine` and `schemas` are too generic for a shared site-packages, so a
# wheel carries them in a private import root. A checkout has them next to this folder.
_PRIVATE_ROOT = _HERE / "_app"
_IMPORT_ROOT = _PRIVATE_ROOT if _PRIVATE_ROOT.is_dir() else _HERE.parent
_INTERRUPTED = 130


def cli() -> None:
    """Run `pycompose`."""
    _speak_utf_8()
    _open_streams()
    _prefer_our_packages()
    try:
        from compose.cli.main import main

        main(prog_name="pycompose")
    except KeyboardInterrupt:  # while modules are imported; commands answer it themselves
        os._exit(_INTERRUPTED)  # at once: a second one would be told as a traceback


def daemon() -> None:
    """Run `pycompose-engine`."""
    _speak_utf_8()
    _open_streams()
    _prefer_our_packages()
    from engine.daemon.main import main

    main(prog_name="pycompose-engine")


def _speak_utf_8() -> None:
    """Start again in Python's UTF-8 mode where the locale has another encoding.

    Whoever else is told of our files, variables and arguments takes them for UTF-8 wherever it runs, as Go does.
    """
    if sys.getfilesystemencoding() != "utf-8" and "utf8" not in sys._xoptions and sys.executable:
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


def _open_streams() -> None:
    """Put /dev/null where a standard stream is closed.

    The next file or socket would get its number, and then our output, or that of a program that inherits it.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - for as long as we run


def _prefer_our_packages() -> None:
    sys.path.insert(0, str(_IMPORT_ROOT))
