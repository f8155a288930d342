"""The sockets that the API is answered on: our own unix socket, what systemd hands over, TCP behind certificates."""

from __future__ import annotations

import contextlib
import grp
import ipaddress
import logging
import os
import socket
import ssl
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct, field

from engine.api.server import Door
from engine.errors import BadRequest, Conflict, Unavailable

log = logging.getLogger(__name__)

_FIRST_INHERITED: Final = 3
_BACKLOG: Final = 4096  # the kernel cuts it down to net.core.somaxconn
# Ours first; the other is what Docker's packages make, and means the same: as good as root.
_GROUPS: Final = ("pycompose", "docker")


class Certificates(Struct, frozen=True):
    """The server's certificate and its key, and the authority that has to have signed a client's."""

    authority: Path
    certificate: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """TLS that lets nobody in without a certificate. Raises `BadRequest` for files that cannot be used."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.verify_mode = ssl.CERT_REQUIRED
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_verify_locations(self.authority)
            context.load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError) as exc:
            raise BadRequest(
                f"the certificates for TCP cannot be used: {exc}",
                hint=f"--tlscacert {self.authority} --tlscert {self.certificate} --tlskey {self.key}",
            ) from exc
        return context


class Doors(Struct, frozen=True):
    """Where to listen besides the unix socket of the run directory.

    `hosts` are `unix:///path`, `tcp://host:port` and `fd://` (what systemd hands over, which is taken anyway).
    `group` owns the unix sockets: "" is the first of `pycompose` and `docker` that there is.
    """

    hosts: tuple[str, ...] = ()
    group: str = ""
    certificates: Certificates | None = None
    allows_plain_loopback: bool = False
    inherited: Mapping[str, str] = field(default_factory=dict[str, str])

    def open(self, own: Path) -> list[Door]:
        """Listen everywhere, first on `own`. Raises `BadRequest`, `Conflict`, `Unavailable`; then nothing is left."""
        context = self.certificates.context() if self.certificates else None
        given = inherited_sockets(self.inherited)
        with contextlib.ExitStack() as undo:
            doors = []
            for listening in given:
                undo.callback(listening.close)
                doors.append(Door(listening))
            is_given = any(_path_of(listening) == str(own) for listening in given)
            for host in self.hosts if is_given else (f"unix://{own}", *self.hosts):
                for door in self._open(host, context):
                    undo.callback(door.close)
                    doors.append(door)
            undo.pop_all()
            return doors

    def warnings(self) -> list[str]:
        """What `docker info` says of the doors."""
        return [
            f"WARNING: API is accessible on http://{host.partition('://')[2]} without encryption."
            for host in self.hosts
            if host.startswith("tcp://") and self.certificates is None
        ]

    def _open(self, host: str, context: ssl.SSLContext | None) -> Sequence[Door]:
        scheme, _, place = host.partition("://")
        if scheme == "unix" and place.startswith("/"):
            return [Door(listen_unix(Path(place), self.group), path=Path(place))]
        if scheme == "tcp":
            return self._open_tcp(host, context)
        if scheme == "fd" and self.inherited.get("LISTEN_FDS"):
            return []
        raise BadRequest(
            f"cannot listen on {host}", hint="an address is unix:///path, tcp://host:port, or fd:// under systemd"
        )

    def _open_tcp(self, host: str, context: ssl.SSLContext | None) -> list[Door]:
        parts = urlsplit(host)
        try:
            name, port = parts.hostname, parts.port
        except ValueError as exc:
            raise BadRequest(f"cannot listen on {host}: {exc}") from exc
        if not name or port is None or parts.path not in ("", "/"):
            raise BadRequest(f"cannot listen on {host}", hint="an address looks like tcp://192.0.2.1:2376")
        if context is None:
            self._check_plain(host, name)
        try:
            found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            return [Door(_listen_tcp(family, address), tls=context) for family, _, _, _, address in found[:1]]
        except OSError as exc:
            raise Unavailable(f"cannot listen on {host}: {exc.strerror or exc}") from exc

    def _check_plain(self, host: str, name: str) -> None:
        if not _is_loopback(name):
            raise BadRequest(
                f"{host}: whoever reaches this port would be root here",
                hint="give --tlsverify with --tlscacert, --tlscert and --tlskey, or use ssh://user@host on the client",
            )
        if not self.allows_plain_loopback:
            raise BadRequest(
                f"{host}: every user of this machine would be root",
                hint="give --tlsverify with certificates, or --insecure-loopback if that is what you want",
            )


def listen_unix(path: Path, group: str = "") -> socket.socket:
    """A socket for its owner and a group. What a dead engine left there is replaced.

    Raises `Conflict` if somebody answers there, `Unavailable` if it cannot be made, `BadRequest` for a group that is
    not there.
    """
    group_id = _group_id(group)
    _remove_stale(path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    # Nobody may connect between bind and chmod.
    mask = os.umask(0o177)
    try:
        path.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
        listening.bind(str(path))
        os.chown(path, -1, group_id)
        path.chmod(0o660)
        listening.listen(_BACKLOG)
    except OSError as exc:
        listening.close()
        raise Unavailable(f"cannot listen on {path}: {exc.strerror or exc}") from exc
    finally:
        os.umask(mask)
    return listening


def inherited_sockets(environment: Mapping[str, str]) -> list[socket.socket]:
    """The listening sockets that systemd has handed to this process (sd_listen_fds(3)). Raises `BadRequest`."""
    if environment.get("LISTEN_PID") != str(os.getpid()):
        return []
    sockets = []
    for descriptor in range(_FIRST_INHERITED, _FIRST_INHERITED + int(environment.get("LISTEN_FDS", "0"))):
        os.set_inheritable(descriptor, False)  # or every container's monitor would hold it
        inherited = socket.socket(fileno=descriptor)
        if inherited.family is not socket.AF_UNIX:
            raise BadRequest(
                "systemd has handed over a socket that is not a unix socket",
                hint="let it listen on a path; TCP needs certificates, which --host tcp://… has",
            )
        inherited.setblocking(False)
        sockets.append(inherited)
    return sockets


def socket_group(name: str = "") -> str:
    """The group that may use unix sockets: the given one, else the first usual one that is there, else "".

    Raises `BadRequest` for a group that is not there.
    """
    number = _group_id(name)
    if number < 0:
        return ""
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _listen_tcp(family: int, address: tuple[object, ...]) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening


def _remove_stale(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise Unavailable(f"cannot listen on {path}: there is something else, which is not a socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink(missing_ok=True)  # left by a crash
            return
    raise Conflict(
        f"another engine answers on {path} already", hint="stop that engine, or give this one another --run-dir"
    )


def _group_id(name: str) -> int:
    """The group that owns unix sockets; -1 leaves it to the owner's."""
    if name.isdecimal():
        return int(name)
    for candidate in (name,) if name else _GROUPS:
        with contextlib.suppress(KeyError):
            return grp.getgrnam(candidate).gr_gid
    if name:
        raise BadRequest(f"there is no group {name!r} for the API's socket", hint=f"groupadd {name}")
    log.debug("no group %s: the socket is for its owner only", " or ".join(_GROUPS))
    return -1


def _path_of(listening: socket.socket) -> str:
    return str(listening.getsockname())


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
