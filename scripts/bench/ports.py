"""A published port beside the kernel's own address translation: one TCP stream, and round trips of one byte.

Ours is a port of a container of our engine; the other is a bridge, veths and three nftables rules made by hand, in
namespaces of their own. The server and the client are the same two programs on both sides (`traffic.py`). They are
asked from the loopback of the host, and from a network namespace next to it.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from uuid import uuid4

from engine.network.kernel.netlink import default_mtu
from scripts.bench.containers import Side, sides
from scripts.bench.tools import Home, works

_PORT = 8080
_HOSTS_NAMESPACE = "/proc/self/ns/net"
_VERBS = {"stream": (1e9, "GB/s"), "rounds": (1.0, "round trips/s")}


@dataclass(frozen=True, slots=True)
class Way:
    """From where, and to which address, a server is asked."""

    name: str
    namespace: str
    address: str
    port: int


def measure_ports(home: Home, rounds: int) -> list[str]:
    """Let both take turns; lines to print."""
    if not rounds or not works("docker", "--version") or not works("nft", "--version"):
        return []
    figures: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    with _by_hand() as bare, _published(sides(home)[0]) as ours:
        for _ in range(rounds):
            for verb in _VERBS:
                for who, ways in (("ours", ours), ("bare", bare)):
                    for way in ways:
                        figures[verb, way.name, who].append(_ask(verb, way))
    return [_line(verb, name, figures) for verb in _VERBS for name in ("loopback", "next door")]


def _line(verb: str, name: str, figures: dict[tuple[str, str, str], list[float]]) -> str:
    unit, word = _VERBS[verb]
    ours, bare = (statistics.median(figures[verb, name, who]) for who in ("ours", "bare"))
    digits = 2 if unit > 1 else 0
    return (
        f"{'pycompose':18}{'':9}  published port {ours / unit:8,.{digits}f} {word} from {name}, "
        f"{ours / bare:.2f} of the kernel's own DNAT ({bare / unit:,.{digits}f})"
    )


def _ask(verb: str, way: Way) -> float:
    words = [sys.executable, "-m", "scripts.bench.traffic", way.namespace, verb, way.address, str(way.port)]
    return float(subprocess.run(words, check=True, capture_output=True, text=True).stdout)


@contextmanager
def _serving(namespace: str) -> Iterator[None]:
    words = [sys.executable, "-m", "scripts.bench.traffic", namespace, "serve", str(_PORT)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin
        assert server.stdout
        try:
            server.stdout.readline()
            yield
        finally:
            server.stdin.close()


@contextmanager
def _published(side: Side) -> Iterator[Sequence[Way]]:
    """A container of ours with a published port, and a namespace next to the host."""
    name = f"bench-{uuid4().hex[:8]}"
    side.docker("run", "-d", "--name", name, "-p", str(_PORT), "busybox", "sleep", "100000")
    with ExitStack() as undo:
        undo.callback(side.docker, "rm", "-f", "-v", name)
        (shown,) = json.loads(side.docker("inspect", name))
        port = int(shown["NetworkSettings"]["Ports"][f"{_PORT}/tcp"][0]["HostPort"])
        neighbour = undo.enter_context(_namespace("n"))
        _cable(_HOSTS_NAMESPACE, neighbour, f"v{name[-8:]}", "10.213.3")
        undo.enter_context(_serving(f"/proc/{shown['State']['Pid']}/ns/net"))
        yield _ways(_HOSTS_NAMESPACE, neighbour, "10.213.3.1", port)


@contextmanager
def _by_hand() -> Iterator[Sequence[Way]]:
    """The same, but made here: a namespace that is the host, one that is the container, and one next door."""
    with _namespace("h") as host, _namespace("c") as container, _namespace("n") as neighbour:
        _inside(host, "ip", "link", "set", "lo", "up")
        _inside(host, "ip", "link", "add", "br0", "mtu", str(default_mtu()), "type", "bridge")
        _inside(host, "ip", "address", "add", "10.213.1.1/24", "dev", "br0")
        _inside(host, "ip", "link", "set", "br0", "up")
        _cable(host, container, "inner", "10.213.1", bridge="br0")
        _cable(host, neighbour, "outer", "10.213.2")
        _inside(host, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.route_localnet=1")
        _inside(host, "nft", _RULES)
        with _serving(container):
            yield _ways(host, neighbour, "10.213.2.1", _PORT)


_RULES = f"""table ip bare {{
    chain arriving {{
        type nat hook prerouting priority dstnat;
        fib daddr type local tcp dport {_PORT} dnat to 10.213.1.2
    }}
    chain own {{
        type nat hook output priority -100;
        fib daddr type local tcp dport {_PORT} dnat to 10.213.1.2
    }}
    chain leaving {{
        type nat hook postrouting priority srcnat;
        ip saddr 127.0.0.0/8 oifname "br0" masquerade
    }}
}}"""


def _ways(host: str, neighbour: str, address: str, port: int) -> Sequence[Way]:
    return Way("loopback", host, "127.0.0.1", port), Way("next door", neighbour, address, port)


@contextmanager
def _namespace(letter: str) -> Iterator[str]:
    """A network namespace of its own for the block; its file."""
    name = f"pcb{letter}-{uuid4().hex[:8]}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        yield f"/run/netns/{name}"
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True)


def _cable(host: str, other: str, name: str, network: str, bridge: str = "") -> None:
    """A veth between two namespaces, whose ends are .1 and .2 of a network; with a bridge, that is .1."""
    end = other.rpartition("/")[2]
    _inside(host, "ip", "link", "add", name, "mtu", str(default_mtu()), "type", "veth", "peer", "eth0", "netns", end)
    if bridge:
        _inside(host, "ip", "link", "set", name, "master", bridge)
    else:
        _inside(host, "ip", "address", "add", f"{network}.1/24", "dev", name)
    _inside(host, "ip", "link", "set", name, "up")
    _inside(other, "ip", "link", "set", "eth0", "mtu", str(default_mtu()))
    _inside(other, "ip", "address", "add", f"{network}.2/24", "dev", "eth0")
    _inside(other, "ip", "link", "set", "eth0", "up")
    _inside(other, "ip", "route", "add", "default", "via", f"{network}.1")


def _inside(namespace: str, *command: str) -> None:
    subprocess.run(["nsenter", f"--net={namespace}", *command], check=True)
