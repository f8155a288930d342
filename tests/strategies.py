"""What hypothesis makes Compose files of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

NAMES = st.sampled_from(["web", "db", "cache", "worker-1", "a.b", "_x"])
WORDS = st.sampled_from(["a", "debug", "8080", "true", "", "with space", "ü", "#hash", "a: b", "$$HOME", "null", "1e3"])
PORTS = st.integers(1, 65535)
PATHS = st.sampled_from(["/data", "/a/b", "/with space", "/x.y"])
DURATIONS = st.sampled_from(["1s", "1m30s", "500ms", "2h", "0s"])
SIZES = st.sampled_from(["64m", "1gb", 1048576, "512k", "1.5g"])


def mapping_or_list(values: st.SearchStrategy[Any] = WORDS) -> st.SearchStrategy[Any]:
    """`{A: x}` or `[A=x]`."""
    keys = st.sampled_from(["A", "B_C", "d.e"])
    as_mapping = st.dictionaries(keys, values, max_size=3)
    return as_mapping | as_mapping.map(lambda entries: [f"{key}={value}" for key, value in entries.items()])


def short_or_long(short: st.SearchStrategy[Any], **long: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A short form, or a mapping of some of the entries; `target` and `source` are always there."""
    needed = {key: value for key, value in long.items() if key in ("target", "source")}
    return short | st.fixed_dictionaries(needed, optional={key: long[key] for key in long if key not in needed})


PORT = short_or_long(
    st.one_of(PORTS, PORTS.map(str), st.builds("{}:{}".format, PORTS, PORTS), st.just("127.0.0.1:80-82:90-92/udp")),
    target=PORTS,
    published=PORTS.map(str),
    protocol=st.sampled_from(["tcp", "udp"]),
    host_ip=st.sampled_from(["127.0.0.1", "::1"]),
    name=WORDS,
)
MOUNT = st.one_of(
    st.builds("{}:{}".format, st.sampled_from(["data", "./here", "/there", "../up"]), PATHS),
    st.builds("data:{}:ro".format, PATHS),
    PATHS,
    st.fixed_dictionaries(
        {"type": st.just("bind"), "source": PATHS, "target": PATHS},
        optional={"read_only": st.booleans(), "bind": st.fixed_dictionaries({"propagation": st.just("rslave")})},
    ),
    st.fixed_dictionaries(
        {"type": st.just("tmpfs"), "target": PATHS}, optional={"tmpfs": st.fixed_dictionaries({"size": SIZES})}
    ),
)
# Attributes with something that is read, in the forms that they may have.
ATTRIBUTES: Mapping[str, st.SearchStrategy[Any]] = {
    "image": st.sampled_from(["busybox", "registry.example.com:5000/team/app:1.2"]),
    "command": st.one_of(st.just("run --port '80 80'"), st.lists(WORDS, max_size=3), st.none()),
    "environment": mapping_or_list(st.one_of(WORDS, st.integers(), st.booleans())),
    "labels": mapping_or_list(),
    "ports": st.lists(PORT, max_size=3),
    "expose": st.lists(PORTS | PORTS.map(str), max_size=2),
    "volumes": st.lists(MOUNT, max_size=3),
    "networks": st.sampled_from([["front"], {"front": None, "back": {"aliases": ["x"]}}]),
    "healthcheck": st.fixed_dictionaries(
        {"test": st.sampled_from(["true", ["CMD", "true"], ["NONE"]])},
        optional={"interval": DURATIONS, "timeout": DURATIONS, "retries": st.integers(1, 9)},
    ),
    "mem_limit": SIZES,
    "shm_size": SIZES,
    "cpus": st.sampled_from([0.5, "1.5", 2]),
    "stop_grace_period": DURATIONS,
    "restart": st.sampled_from(["always", "on-failure:3", "no"]),
    "dns": st.sampled_from(["10.0.0.1", ["10.0.0.1", "10.0.0.2"]]),
    "tmpfs": st.sampled_from(["/run", ["/run", "/tmp:size=64m"]]),
    "extra_hosts": st.sampled_from([["a=10.0.0.1"], {"a": "10.0.0.1", "b": "::1"}]),
    "ulimits": st.sampled_from([{"nofile": 1024}, {"nofile": {"soft": 1, "hard": 2}}]),
    "build": st.sampled_from(
        [".", {"context": "./dir", "args": ["A=1"], "target": "x"}, {"dockerfile_inline": "FROM a"}]
    ),
    "logging": st.sampled_from([{"driver": "json-file", "options": {"max-size": "10m", "max-file": 3}}]),
    "deploy": st.sampled_from([{"replicas": 2}, {"resources": {"reservations": {"memory": "64M"}}}]),
    "secrets": st.sampled_from([["key"], [{"source": "key", "target": "/k", "mode": 0o440}]]),
    "configs": st.sampled_from([["settings"], [{"source": "settings", "target": "/s"}]]),
    "sysctls": mapping_or_list(st.integers(0, 9)),
    "profiles": st.lists(st.sampled_from(["debug", "test"]), max_size=2, unique=True),
    "x-note": WORDS,
}
SERVICES = st.fixed_dictionaries(
    {"image": ATTRIBUTES["image"]}, optional={name: ATTRIBUTES[name] for name in ATTRIBUTES if name != "image"}
)


@st.composite
def projects(draw: st.DrawFn) -> dict[str, Any]:
    """A document that is in order: every resource that a service may use is declared."""
    services = draw(st.dictionaries(NAMES, SERVICES, min_size=1, max_size=3))
    return {
        "name": "made",
        "services": services,
        "networks": {"front": None, "back": draw(st.sampled_from([{"internal": True}, {"name": "other"}, None]))},
        "volumes": {"data": draw(st.sampled_from([None, {"name": "kept"}, {"external": True}]))},
        "configs": {"settings": {"content": draw(WORDS.filter(bool))}},
        "secrets": {"key": draw(st.sampled_from([{"file": "./key"}, {"environment": "KEY"}]))},
    }


# Pieces that mean something to a YAML parser, to the interpolation or to a Compose file.
_WORDS = """services: include: extends: networks: volumes: ports: build: image: environment: env_file: depends_on: name:
    deploy: <<: &a *a !reset !override !!str !!binary - -- --- ... ? : , [ ] { } ' " | > |2- # $ $$ ${A} ${A:-b} ${A:? ~
    null true 0 1.5 0x1F 1e9 .inf 80:80 2001-01-01 ./a /b a web x-y \u2028 \ufeff %YAML"""
_BLANKS = ("\n", "\n  ", "\n    ", "\n- ", " ", "\t", ": ", "\x00", "\r\n")
PIECES = st.sampled_from([*_WORDS.split(), *_BLANKS])
YAMLISH = st.lists(PIECES, max_size=40).map("".join)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), WORDS, st.text(max_size=5))
KEYS = st.sampled_from(sorted([*ATTRIBUTES, "extends", "depends_on", "external", "source", "target", "file", "path"]))
TREES = st.recursive(
    SCALARS,
    lambda part: st.one_of(
        st.lists(part, max_size=3), st.dictionaries(KEYS, part, max_size=4), st.dictionaries(NAMES, part, max_size=2)
    ),
    max_leaves=12,
)
SECTIONS = st.dictionaries(
    st.sampled_from(["services", "networks", "volumes", "configs", "secrets", "models", "include", "name", "x-a"]),
    TREES,
)
