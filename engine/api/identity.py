"""What an engine was told at its start and says of itself."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field


class Identity(Struct, frozen=True):
    """For `docker info`. `proxies` by the names of their variables, without passwords; `warnings` in whole lines;
    `cgroupns_mode` is what containers begin with, if somebody chose. `is_experimental` makes the docker command line
    offer checkpoints; with `forbids_experiments` they are refused.
    """

    version: str
    engine_id: str = ""
    labels: tuple[str, ...] = ()
    proxies: Mapping[str, str] = field(default_factory=dict[str, str])
    is_debugging: bool = False
    warnings: tuple[str, ...] = ()
    logging_driver: str = "json-file"
    cgroupns_mode: str = ""
    is_experimental: bool = False
    forbids_experiments: bool = False
