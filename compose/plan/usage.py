"""What a container uses of the machine, at one moment."""

from __future__ import annotations

from msgspec import Struct


class Usage(Struct, frozen=True):
    """Sizes in bytes; `cpu_percent` is of one processor: 200 is two of them.

    Nothing is known until it has been measured; one that does not run, which `is_over`, uses nothing.
    """

    id: str
    name: str
    is_known: bool = False
    is_over: bool = False
    cpu_percent: float = 0.0
    memory: int = 0
    memory_limit: int = 0
    received: int = 0
    sent: int = 0
    read: int = 0
    written: int = 0
    pids: int = 0
