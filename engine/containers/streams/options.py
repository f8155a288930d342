"""What a client may ask of a container's output."""

from __future__ import annotations

from msgspec import Struct


class LogOptions(Struct, frozen=True):
    """Which part of a log. `tail` None: all of it; `until_ns` None: to its end."""

    follow: bool = False
    stdout: bool = True
    stderr: bool = True
    since_ns: int = 0
    until_ns: int | None = None
    tail: int | None = None


class AttachOptions(Struct, frozen=True):
    """What to attach: past output (`logs`), output to come (`stream`), and which streams."""

    logs: bool = False
    stream: bool = True
    stdin: bool = False
    stdout: bool = True
    stderr: bool = True
