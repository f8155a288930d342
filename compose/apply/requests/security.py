"""`security_opt` as the engine wants it: a seccomp profile goes over the wire as its content."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from compose.errors import ComposeError

_UNMASKED = "systempaths=unconfined"


def masked_nothing(options: Sequence[str]) -> bool:
    """Whether /proc and /sys are to be left unmasked."""
    return _UNMASKED in options


def security_options(options: Sequence[str], working_dir: str) -> list[str]:
    """The options with `=` between name and value and profiles read in.

    Raises `ComposeError` for a profile that cannot be read.
    """
    return [_option(option, working_dir) for option in options if option != _UNMASKED]


def _option(option: str, working_dir: str) -> str:
    name, equals, value = option.partition("=")
    if not equals:
        name, _, value = option.partition(":")
    if name == "no-new-privileges" or not value:
        return option
    if name == "seccomp" and value not in ("unconfined", "builtin"):
        return f"seccomp={_profile(Path(working_dir, value))}"
    return f"{name}={value}"


def _profile(path: Path) -> str:
    try:
        return json.dumps(json.loads(path.read_text("utf-8")), separators=(",", ":"))
    except (OSError, ValueError) as exc:
        raise ComposeError(f"the seccomp profile {path} cannot be used: {exc}") from exc
