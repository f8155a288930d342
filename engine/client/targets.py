"""Which engine a client talks to, as data: an address, and certificates where it is reached over TCP."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urlsplit

from msgspec import Struct

from engine.client.errors import EngineUnreachable

if TYPE_CHECKING:
    import ssl

_HOW_IT_LOOKS: Final = "an address looks like unix:///path, tcp://host:port or ssh://user@host"


class Certificates(Struct, frozen=True):
    """Files for TLS; empty paths are left out. `is_verified`: whether the engine has to prove who it is."""

    authority: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    is_verified: bool = True

    def context(self) -> ssl.SSLContext:
        """For one client. Raises `OSError` (of which `ssl.SSLError` is one) for files that cannot be used."""
        import ssl  # most commands need none

        context = ssl.create_default_context(cafile=self.authority)
        context.set_alpn_protocols(["http/1.1"])
        if not self.is_verified:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.certificate is not None:
            context.load_cert_chain(self.certificate, self.key)
        return context


class Target(Struct, frozen=True):
    """An engine: `unix:///path`, `tcp://host:port` or `ssh://user@host`, and certificates for TCP."""

    address: str
    certificates: Certificates | None = None

    def check(self) -> None:
        """Raises `EngineUnreachable` for an address that nobody can connect to."""
        parts = self.parts()
        is_unix = parts.scheme == "unix" and not parts.netloc and parts.path.startswith("/")
        is_tcp = parts.scheme in ("tcp", "http", "https") and bool(parts.hostname) and parts.path in ("", "/")
        is_ssh = parts.scheme == "ssh" and bool(parts.hostname) and parts.password is None
        if not (is_unix or is_tcp or is_ssh):
            raise EngineUnreachable(self.address, _HOW_IT_LOOKS)

    def parts(self) -> SplitResult:
        """The address taken apart. Raises `EngineUnreachable`."""
        try:
            parts = urlsplit(self.address)
            _ = parts.port  # is checked here
        except ValueError as exc:
            raise EngineUnreachable(self.address, f"{_HOW_IT_LOOKS} ({exc})") from exc
        return parts
