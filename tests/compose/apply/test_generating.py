"""A Compose file of containers that are there."""

from __future__ import annotations

from typing import Any

import msgspec

from compose.apply.generating import document
from engine.wire.containers import ContainerInspect


def inspected(name: str, **parts: Any) -> ContainerInspect:
    config = {"Image": "busybox", "Env": ["X=1", "PATH=/bin"], **parts.pop("config", {})}
    answer = {
        "Id": name,
        "Created": "",
        "Path": "",
        "Args": [],
        "State": {"Status": "running"},
        "Image": "sha256:1",
        "Name": f"/{name}",
        "HostConfig": parts.pop("host", {}),
        "Mounts": parts.pop("mounts", []),
        "Config": config,
        "NetworkSettings": {"Networks": parts.pop("networks", {"bridge": {}})},
    }
    return msgspec.convert(answer, ContainerInspect)


def test_a_container_becomes_a_service() -> None:
    item = inspected(
        "lone",
        config={
            "Labels": {"a": "b", "com.docker.compose.version": "1", "pycompose.config": "x"},
            "Healthcheck": {"Test": ["CMD", "true"], "Interval": 5_000_000_000, "Retries": 3},
        },
        host={"PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}], "53/udp": [{}]}},
        mounts=[
            {"Type": "volume", "Name": "data", "Source": "/far", "Destination": "/d", "Driver": "local", "RW": True},
            {"Type": "bind", "Source": "/x", "Destination": "/y", "RW": False},
            {"Type": "tmpfs", "Destination": "/t"},
            {"Type": "bind", "Source": "/hidden", "Destination": "/run/secrets/key", "RW": False},
        ],
        networks={"back": {"Aliases": ["a1"]}, "front": {}},
    )
    assert document("shop", [item], {"back": True, "front": False}) == {
        "name": "shop",
        "services": {
            "lone": {
                "environment": {"PATH": "/bin", "X": "1"},
                "healthcheck": {"test": ["CMD", "true"], "interval": "5s", "retries": 3},
                "image": "busybox",
                "labels": {"a": "b"},
                "networks": {"back": {"aliases": ["a1"]}, "front": {}},
                "ports": [
                    {"target": 53, "protocol": "udp"},
                    {"host_ip": "127.0.0.1", "target": 80, "published": "8080", "protocol": "tcp"},
                ],
                "secrets": [{"source": "key", "target": "/run/secrets/key"}],
                "volumes": [
                    {"type": "volume", "source": "data", "target": "/d"},
                    {"type": "bind", "source": "/x", "target": "/y", "read_only": True},
                ],
                "scale": 1,
            }
        },
        "networks": {"back": {"internal": True}, "front": {}},
        "volumes": {"data": {}},
        "secrets": {"key": {"file": "/hidden"}},
    }


def test_containers_of_one_service_are_its_scale() -> None:
    labels = {"Labels": {"com.docker.compose.service": "web"}}
    found = document("", [inspected("a", config=labels), inspected("b", config=labels), inspected("c")], {})
    assert "name" not in found
    assert {name: service["scale"] for name, service in found["services"].items()} == {"web": 2, "c": 1}
