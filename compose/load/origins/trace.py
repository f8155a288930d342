"""What a load leaves behind for those who ask later where something comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from compose.load.text.files import Disk


class Trace(Struct, frozen=True):
    """The files that were read, and the variables.

    `environments` are those that each file was interpolated with, `environment` is that of the whole project, and
    `given_name` is the name of the project that was asked for by an option.
    """

    disk: Disk
    environment: Mapping[str, str]
    environments: Mapping[str, Sequence[Mapping[str, str]]]
    given_name: str = ""
