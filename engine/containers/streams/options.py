"""What a client may ask of a container's output."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LogOptions:
    """Which part of a log. `tail` None: all of it; `until_ns` None: to its end."""

    follow: bool = False
    stdout: bool = True
    stderr: bool = True
    since_ns: int = 0
    until_ns: int | None = None
    tail: int | None = None


@dataclass(frozen=True, slots=True)
class AttachOptions:
    """What to attach: past output (`logs`), output to come (`stream`), and which streams."""

    logs: bool = False
    stream: bool = True
    stdin: bool = False
    stdout: bool = True
    stderr: bool = True
