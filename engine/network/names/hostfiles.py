"""Contents of /etc/resolv.conf and /etc/hosts for containers, and reading the host's resolv.conf. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

from msgspec import Struct

from engine.errors import BadRequest
from engine.network.records import Endpoint

NAME_SERVER = "127.0.0.11"
HOST_GATEWAY = "host-gateway"

_HOSTS = """\
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
ff00::\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
"""


class ResolvConf(Struct, frozen=True):
    """What a resolv.conf says (resolv.conf(5))."""

    servers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


def parse_resolv_conf(text: str) -> ResolvConf:
    """Read a resolv.conf; lines that make no sense are ignored, as resolvers do."""
    servers: list[str] = []
    search: tuple[str, ...] = ()
    options: list[str] = []
    for line in text.splitlines():
        match line.split():
            case ["nameserver", server, *_] if _is_address(server):
                servers.append(server)
            case ["search" | "domain", *domains]:
                search = tuple(domains)
            case ["options", *words]:
                options += words
            case _:
                continue
    return ResolvConf(tuple(servers), search, tuple(options))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def resolv_conf(host: ResolvConf, search: Sequence[str], options: Sequence[str]) -> str:
    """A container's resolv.conf: our name server, and the host's search domains and options where the container has
    none of its own. `ndots:0` asks for every name as it is first, because service names have no dots.
    """
    chosen = list(options or host.options)
    if not any(option.startswith("ndots:") for option in options):
        chosen = [option for option in chosen if not option.startswith("ndots:")] + ["ndots:0"]
    return _written([NAME_SERVER], search or host.search, chosen)


def direct_resolv_conf(host: ResolvConf, servers: Sequence[str], search: Sequence[str], options: Sequence[str]) -> str:
    """The resolv.conf of a container that asks its servers itself: those it wants, or the host's."""
    return _written(servers or host.servers, search or host.search, options or host.options)


def _written(servers: Sequence[str], search: Sequence[str], options: Sequence[str]) -> str:
    domains = [domain for domain in search if domain != "."]
    lines = [f"nameserver {server}" for server in servers]
    lines += ["search " + " ".join(domains)] if domains else []
    lines += ["options " + " ".join(options)] if options else []
    return "".join(f"{line}\n" for line in lines)


def updated(text: str, before: str, after: str) -> str:
    """A hosts file that was `before` when we wrote it and may have been edited since, with what is in `after` now."""
    old, new = before.splitlines(), after.splitlines()
    gone = {line for line in old if line not in new}
    kept = [line for line in text.splitlines() if line not in gone]
    return "".join(f"{line}\n" for line in (*kept, *(line for line in new if line not in old)))


def hosts(
    hostname: str, endpoints: Iterable[Endpoint], extra_hosts: Sequence[str], host_gateways: Sequence[str]
) -> str:
    """A container's hosts file, where a hostname with a domain stands in front of the bare one, so that it is the
    canonical name (`hostname -f`). Raises `BadRequest` for an extra host that is not `name:address`.
    """
    bare, dot, _ = hostname.partition(".")
    names = f"{hostname} {bare}" if dot and bare else hostname
    lines = [f"{address}\t{name}" for name, address in _extra(extra_hosts, host_gateways)]
    for endpoint in endpoints:
        lines += [f"{address}\t{names}" for address in (endpoint.address, endpoint.address6) if address and names]
    return _HOSTS + "".join(f"{line}\n" for line in lines)


def _extra(extra_hosts: Sequence[str], host_gateways: Sequence[str]) -> list[tuple[str, str]]:
    pairs = []
    for text in extra_hosts:
        separator = "=" if "=" in text else ":"
        name, found, address = text.partition(separator)
        if not name or not found or any(char.isspace() for char in text):
            raise BadRequest(f"bad format for add-host: {text!r}", hint="write name:address")
        if address == HOST_GATEWAY:
            if not host_gateways:
                raise BadRequest(f"{text!r}: there is no host-gateway without a network")
            pairs += [(name, gateway) for gateway in host_gateways]
        else:
            pairs.append((name, _checked(address.strip("[]"), text)))
    return pairs


def _checked(address: str, text: str) -> str:
    try:
        return str(ipaddress.ip_address(address))
    except ValueError as exc:
        raise BadRequest(f"invalid IP address in add-host: {text!r}") from exc
