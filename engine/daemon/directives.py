"""What the settings file says for containers and the default network, as values of those parts. Pure but for the
seccomp profile, which is read.
"""

from __future__ import annotations

import ipaddress
import logging
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from engine.containers.making.defaults import ContainerDefaults
from engine.daemon.configuration import Configuration
from engine.errors import BadRequest
from engine.logs.options import check as check_log
from engine.network.planning.default_bridge import DefaultBridge, default_bridge
from engine.runtime.oci.seccomp import parse_profile
from engine.wire.containers import LogConfig, Ulimit

log = logging.getLogger(__name__)

_UNITS: Final = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_WORDS: Final = ("", "builtin", "unconfined")
_JOURNAL: Final = Path("/run/systemd/journal/socket")


def defaults_of(told: Configuration) -> ContainerDefaults:
    """What containers get that do not say otherwise. Raises `BadRequest`."""
    driver = told.log_driver or "json-file"
    check_log(driver, told.log_opts, has_journal=_JOURNAL.exists())
    _check_word("default-ipc-mode", told.default_ipc_mode, ("", "private", "shareable"))
    _check_word("default-cgroupns-mode", told.default_cgroupns_mode, ("", "private", "host"))
    _check_addresses(told.dns)
    gateways = told.host_gateway_ips or ([told.host_gateway_ip] if told.host_gateway_ip else [])
    _check_addresses(gateways)
    return ContainerDefaults(
        log=LogConfig(type=driver, config=told.log_opts),
        ulimits=tuple(Ulimit(name=name, soft=limit.soft, hard=limit.hard) for name, limit in told.ulimits()),
        shm_size=_size_bytes(told.default_shm_size) or ContainerDefaults().shm_size,
        cgroupns_mode=told.default_cgroupns_mode,
        ipc_mode=told.default_ipc_mode or "private",
        init=told.init,
        no_new_privileges=told.no_new_privileges,
        seccomp_profile=_profile(told.seccomp_profile),
        dns=tuple(told.dns),
        dns_options=tuple(told.dns_opts),
        dns_search=tuple(told.dns_search),
        host_gateways=tuple(gateways),
    )


def default_network_of(told: Configuration) -> DefaultBridge:
    """How the default network is to be. Raises `BadRequest`."""
    return default_bridge(bip=told.bip, mtu=told.mtu, icc=told.icc, host_ip=told.ip)


def runtimes_of(told: Configuration) -> Mapping[str, Path]:
    """The programs of the user's runtimes. Raises `BadRequest`."""
    found = {}
    for name, runtime in told.runtimes.items():
        if runtime.runtime_args:
            raise BadRequest(
                f"runtime {name}: runtimeArgs are not supported", hint="name a script that runs it with these arguments"
            )
        program = shutil.which(runtime.path)
        if program is None:
            raise BadRequest(f"runtime {name}: there is no program {runtime.path or '(path is missing)'}")
        found[name] = Path(program)
    return found


def log_what_means_nothing(told: Configuration) -> None:
    """Say which directives change nothing here."""
    for name, why in (
        (told.shutdown_timeout and "shutdown-timeout", "containers live on after this engine"),
        (told.exec_opts and "exec-opts", "cgroups are always made as files (cgroupfs)"),
        (told.features and "features", "there are no optional features"),
    ):
        if name:
            log.info("the directive %s has no effect: %s", name, why)


def _check_word(name: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise BadRequest(f"{name}: {value!r} is not supported", hint=f"use {' or '.join(filter(None, allowed))}")


def _check_addresses(addresses: Sequence[str]) -> None:
    for address in addresses:
        try:
            ipaddress.ip_address(address)
        except ValueError as exc:
            raise BadRequest(f"{address} is not an ip address") from exc


def _size_bytes(size: str | int) -> int:
    text = str(size).lower().removesuffix("ib").removesuffix("b")
    number, unit = (text[:-1], text[-1]) if text and text[-1] in _UNITS else (text or "0", "")
    if not (number.isascii() and number.isdecimal()):
        raise BadRequest(f"default-shm-size: invalid size: '{size}'")
    return int(number) * _UNITS[unit]


def _profile(name: str) -> str:
    if name in _WORDS:
        return "" if name == "builtin" else name
    try:
        text = Path(name).read_text()
    except (OSError, UnicodeDecodeError) as exc:
        raise BadRequest(f"opening seccomp profile ({name}) failed: {exc}") from exc
    parse_profile(text)
    return text
