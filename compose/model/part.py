"""What every part of the model is: frozen data whose defaults mean "not set"."""

from __future__ import annotations

import msgspec


class Part(msgspec.Struct, frozen=True, omit_defaults=True):
    """Base of the model's types.

    msgspec's Struct, as for all records here, and not a dataclass: a command defines hundreds of them at its start, and
    a dataclass takes 25 times as long.
    """
