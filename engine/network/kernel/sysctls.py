"""Kernel parameters of networks (`net.*`), of the namespace in which the calling thread is. Blocks."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from engine.errors import BadRequest, EngineError

_SYSCTL = Path("/proc/sys/net")


def allow_forwarding(bridge: str, *, has_ipv6: bool) -> None:
    """Let the host forward to and from a bridge, and lead ports of its localhost there."""
    write("ipv4.ip_forward", "1")
    # Published ports on 127.0.0.1: the kernel may route packets of localhost to this bridge.
    write(f"ipv4.conf.{bridge}.route_localnet", "1")
    if has_ipv6:
        _forward_ipv6()


def switch_off_ipv6(link: str) -> None:
    """Leave a link without IPv6, link-local addresses included."""
    write(f"ipv6.conf.{link}.disable_ipv6", "1")


def _forward_ipv6() -> None:
    """Let the host forward IPv6. It would then ignore router advertisements and lose its own default route, unless
    told otherwise (accept_ra 2, kernel: Documentation/networking/ip-sysctl).
    """
    settings = _SYSCTL / "ipv6/conf"
    if not settings.exists() or (settings / "all/forwarding").read_text().strip() == "1":
        return
    for path in settings.glob("*/accept_ra"):
        if path.read_text().strip() == "1":
            path.write_text("2")
    (settings / "all/forwarding").write_text("1")


def bridges_are_filtered() -> bool:
    """Whether what bridges pass on goes through the firewall (br_netfilter)."""
    try:
        return (_SYSCTL / "bridge/bridge-nf-call-iptables").read_text().strip() == "1"
    except OSError:
        return False


def write(name: str, value: str) -> None:
    """Set `net.{name}` where it exists (there may be no IPv6) and differs."""
    path = f"{_SYSCTL}/{name.replace('.', '/')}"
    with contextlib.suppress(FileNotFoundError):
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            if os.read(descriptor, 64).strip() != value.encode():
                os.pwrite(descriptor, value.encode(), 0)
        finally:
            os.close(descriptor)


def write_wanted(name: str, value: str) -> None:
    """Set what a user wants of the calling thread's namespace (`net.…`).

    Raises `BadRequest` for one that is not there, `EngineError`.
    """
    prefix, _, rest = name.partition(".")
    path = _SYSCTL.joinpath(*rest.split("."))
    try:
        if prefix != "net" or "/" in name or ".." in name:
            raise EngineError(f"invalid sysctl {name!r}: only net.* belongs to a network namespace")
        path.write_text(value)
    except FileNotFoundError as exc:
        raise BadRequest(f"open sysctl {name} file: open {path}: no such file or directory") from exc
    except OSError as exc:
        raise EngineError(f"sysctl {name}={value} was refused: {exc.strerror}") from exc
