"""A published port beside the kernel's own address translation: one TCP stream, and round trips over TCP and UDP.

Ours is a port of a container of our engine; the other is a bridge, veths and a few nftables rules made by hand. Each
has a network namespace that is its host: in that of the machine, everybody's rules would count as ours. The server and
the client are the same two programs on both sides (`traffic.py`), on the same processors. They are asked from the
loopback of the host, and from a network namespace next to it, while few or many other ports are published.

Both are asked in turns, for a moment each, and each moment is compared with the one beside it: what else the machine
does then hits both. What is told are the median of these ratios and the half of them that is nearest.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from uuid import uuid4

from engine.network.kernel.netlink import default_mtu
from scripts.bench.containers import Side, sides
from scripts.bench.tools import PYCOMPOSE, Home, Tool, works

_PORT = 8080
_PUBLISHED = (1, 50, 300)
_PAIRS_PER_ROUND = 6
_VERBS = {"stream": (1e9, "GB/s"), "rounds": (1.0, "round trips/s"), "datagrams": (1.0, "of UDP/s")}


@dataclass(frozen=True, slots=True)
class Moment:
    """What was carried in a moment."""

    count: int
    seconds: float
    processor_seconds: float

    @property
    def rate(self) -> float:
        return self.count / self.seconds

    @property
    def cost(self) -> float:
        """Processor seconds of both ends per byte or round trip."""
        return self.processor_seconds / self.count


class Way:
    """A client that asks a server from somewhere; it lives until `close`."""

    def __init__(self, namespace: str, address: str, ports: Mapping[str, int]) -> None:
        words = [sys.executable, "-m", "scripts.bench.traffic", namespace, "ask", address]
        self._ports = ports
        self._client = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, verb: str) -> Moment:
        assert self._client.stdin
        assert self._client.stdout
        print(verb, self._ports["udp" if verb == "datagrams" else "tcp"], file=self._client.stdin, flush=True)
        return Moment(*json.loads(self._client.stdout.readline()))

    def close(self) -> None:
        with self._client:
            assert self._client.stdin
            self._client.stdin.close()


Ways = Mapping[str, Way]


def measure_ports(home: Home, rounds: int) -> list[str]:
    """Let both take turns; lines to print."""
    if not rounds or not works("docker", "--version") or not works("nft", "--version"):
        return []
    side = sides(home)[0]
    lines = []
    with _by_hand() as bare, _elsewhere(home) as host, _published(side, host) as ours:
        for count in _PUBLISHED:
            with _others(side, count - 1):
                for verb in _VERBS:
                    lines += [_compare(verb, name, count, (ours[name], bare[name]), rounds) for name in ours]
    return lines


def _compare(verb: str, name: str, published: int, ways: tuple[Way, Way], rounds: int) -> str:
    pairs = []
    for turn in range(rounds * _PAIRS_PER_ROUND):
        order = ways if turn % 2 else ways[::-1]
        moments = {way: way.ask(verb) for way in order}
        pairs.append((moments[ways[0]], moments[ways[1]]))
    unit, word = _VERBS[verb]
    digits = 2 if unit > 1 else 0
    rates = [statistics.median(moment.rate for moment in side) / unit for side in zip(*pairs, strict=True)]
    return (
        f"{'pycompose':18}{published:9}  published port {rates[0]:8,.{digits}f} {word} from {name}, "
        f"{_spread([ours.rate / bare.rate for ours, bare in pairs])} of the kernel's own DNAT "
        f"({rates[1]:,.{digits}f}) for {_spread([ours.cost / bare.cost for ours, bare in pairs])} of its processor time"
    )


def _spread(ratios: Sequence[float]) -> str:
    low, middle, high = statistics.quantiles(ratios, n=4)
    return f"{middle:.2f} ({low:.2f}..{high:.2f})"


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
def _others(side: Side, count: int) -> Iterator[None]:
    """As many more published ports, of another container."""
    if not count:
        yield
        return
    name = f"bench-{uuid4().hex[:8]}"
    side.docker("run", "-d", "--name", name, "-p", f"10001-{10000 + count}", "busybox", "sleep", "100000")
    try:
        yield
    finally:
        side.docker("rm", "-f", "-v", name)


@contextmanager
def _elsewhere(home: Home) -> Iterator[str]:
    """Let our engine, with the images that it has, run in a network namespace of its own for the block."""
    home.end_engine()
    with _namespace("e") as host:
        _inside(host, "ip", "link", "set", "lo", "up")
        inside = Tool("pycompose", ["nsenter", f"--net={host}", *PYCOMPOSE], home.environment)
        try:
            inside.run(home.place / "none", "ps")
            yield host
        finally:
            home.end_engine()


@contextmanager
def _published(side: Side, host: str) -> Iterator[Ways]:
    """A container of ours with a published port, and a namespace next to the host."""
    name = f"bench-{uuid4().hex[:8]}"
    ports = ["-p", str(_PORT), "-p", f"{_PORT}/udp"]
    side.docker("run", "-d", "--name", name, *ports, "busybox", "sleep", "100000")
    with ExitStack() as undo:
        undo.callback(side.docker, "rm", "-f", "-v", name)
        (shown,) = json.loads(side.docker("inspect", name))
        published = shown["NetworkSettings"]["Ports"]
        numbers = {protocol: int(published[f"{_PORT}/{protocol}"][0]["HostPort"]) for protocol in ("tcp", "udp")}
        neighbour = undo.enter_context(_namespace("n"))
        _cable(host, neighbour, "outer", "10.213.3")
        undo.enter_context(_serving(f"/proc/{shown['State']['Pid']}/ns/net"))
        yield _ways(host, neighbour, "10.213.3.1", numbers, undo)


@contextmanager
def _by_hand() -> Iterator[Ways]:
    """The same, but made here: a namespace that is the host, one that is the container, and one next door."""
    with ExitStack() as undo:
        host, container, neighbour = (undo.enter_context(_namespace(letter)) for letter in "hcn")
        _inside(host, "ip", "link", "set", "lo", "up")
        _inside(host, "ip", "link", "add", "br0", "mtu", str(default_mtu()), "type", "bridge")
        _inside(host, "ip", "address", "add", "10.213.1.1/24", "dev", "br0")
        _inside(host, "ip", "link", "set", "br0", "up")
        _cable(host, container, "inner", "10.213.1", bridge="br0")
        _cable(host, neighbour, "outer", "10.213.2")
        _inside(host, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.route_localnet=1")
        _inside(host, "nft", _RULES)
        undo.enter_context(_serving(container))
        yield _ways(host, neighbour, "10.213.2.1", {"tcp": _PORT, "udp": _PORT}, undo)


_RULES = f"""table ip bare {{
    chain arriving {{
        type nat hook prerouting priority dstnat;
        fib daddr type local meta l4proto {{ tcp, udp }} th dport {_PORT} dnat to 10.213.1.2
    }}
    chain own {{
        type nat hook output priority -100;
        fib daddr type local meta l4proto {{ tcp, udp }} th dport {_PORT} dnat to 10.213.1.2
    }}
    chain leaving {{
        type nat hook postrouting priority srcnat;
        ip saddr 127.0.0.0/8 oifname "br0" masquerade
    }}
}}"""


def _ways(host: str, neighbour: str, address: str, ports: Mapping[str, int], undo: ExitStack) -> Ways:
    ways = {"loopback": Way(host, "127.0.0.1", ports), "next door": Way(neighbour, address, ports)}
    for way in ways.values():
        undo.callback(way.close)
    return ways


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
