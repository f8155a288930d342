from __future__ import annotations

from typing import Any

import pytest

from compose.load.forms.short import parse_device, parse_port, parse_volume, split_words


def ports(text: str) -> list[tuple[str, str, int, str]]:
    return [
        (port.get("host_ip", ""), port.get("published", ""), port["target"], port["protocol"])
        for port in parse_port(text)
    ]


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("80", [("", "", 80, "tcp")]),
        ("8080:80", [("", "8080", 80, "tcp")]),
        ("8080:80/udp", [("", "8080", 80, "udp")]),
        ("8080:80/UDP", [("", "8080", 80, "udp")]),
        ("127.0.0.1:8080:80", [("127.0.0.1", "8080", 80, "tcp")]),
        ("127.0.0.1::80", [("127.0.0.1", "", 80, "tcp")]),
        ("[::1]:8080:80", [("::1", "8080", 80, "tcp")]),
        ("80-81", [("", "", 80, "tcp"), ("", "", 81, "tcp")]),
        ("8080-8081:80-81", [("", "8080", 80, "tcp"), ("", "8081", 81, "tcp")]),
        ("8080-8090:80", [("", "8080-8090", 80, "tcp")]),
        ("9-10:9-10", [("", "10", 10, "tcp"), ("", "9", 9, "tcp")]),
    ],
)
def test_a_short_port_becomes_its_parts(text: str, result: list[tuple[str, str, int, str]]) -> None:
    assert ports(text) == result


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "names no container port"),
        ("8080:", "names no container port"),
        ("x:80", "invalid port"),
        ("70000:80", "invalid port"),
        ("80-79", "ends before it begins"),
        ("1-3:1-2", "differ in length"),
        ("80/icmp", "invalid protocol"),
        ("256.0.0.1:1:2", "invalid IP address"),
        ("[::1:1:2", "invalid IP address"),
        ("::1:8080:80", "needs brackets"),
    ],
)
def test_what_is_no_port_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_port(text)


@pytest.mark.parametrize(
    ("text", "mount"),
    [
        ("/data", {"type": "volume", "target": "/data", "volume": {}}),
        ("db:/data", {"type": "volume", "source": "db", "target": "/data", "volume": {}}),
        ("db:/data:nocopy", {"type": "volume", "source": "db", "target": "/data", "volume": {"nocopy": True}}),
        ("db:/data:ro,x", {"type": "volume", "source": "db", "target": "/data", "read_only": True, "volume": {}}),
        ("./a:/b", {"type": "bind", "source": "./a", "target": "/b", "bind": {"create_host_path": True}}),
        (
            "~/a:/b:rslave,Z",
            {
                "type": "bind",
                "source": "~/a",
                "target": "/b",
                "bind": {"propagation": "rslave", "selinux": "Z", "create_host_path": True},
            },
        ),
        ("C:\\a:/b", {"type": "bind", "source": "C:\\a", "target": "/b", "bind": {"create_host_path": True}}),
        ("${A:-x}:/b", {"type": "volume", "source": "${A:-x}", "target": "/b", "volume": {}}),
        ("/x", {"type": "volume", "target": "/x"}),
    ],
)
def test_a_short_volume_becomes_its_parts(text: str, mount: dict[str, Any]) -> None:
    assert parse_volume(text) == mount


@pytest.mark.parametrize("text", ["", "aa::b", ":/b", "/a:", "aa:/b:ro:x"])
def test_what_is_no_volume_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"empty|colons"):
        parse_volume(text)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("/dev/a", ("/dev/a", "/dev/a", "rwm")),
        ("/dev/a:/dev/b", ("/dev/a", "/dev/b", "rwm")),
        ("/dev/a:/dev/b:r", ("/dev/a", "/dev/b", "r")),
        ("vendor.com/gpu=all", ("vendor.com/gpu=all", "vendor.com/gpu=all", "rwm")),
    ],
)
def test_a_short_device_becomes_its_parts(text: str, parts: tuple[str, str, str]) -> None:
    device = parse_device(text)
    assert (device["source"], device["target"], device["permissions"]) == parts


def test_a_device_with_too_many_parts_is_refused() -> None:
    with pytest.raises(ValueError, match="long form"):
        parse_device("a:b:c:d")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("  a  b\tc\n", ["a", "b", "c"]),
        ("sh -c 'echo hi there'", ["sh", "-c", "echo hi there"]),
        ('a "b c" d', ["a", "b c", "d"]),
        (r"a\ b c", ["a b", "c"]),
        (r'"a \"b\""', ['a "b"']),
        (r"'a\b'", [r"a\b"]),
        ("a '' b", ["a", "", "b"]),
        ("a'b'\"c\"", ["abc"]),
        ("echo $(date +%s) x", ["echo", "$(date +%s)", "x"]),
        ("echo `date +%s`", ["echo", "`date +%s`"]),
        ("a b | c", ["a", "b"]),
        ("a; b", ["a"]),
        ("a 2> b", ["a"]),
    ],
)
def test_a_command_line_is_split_as_the_reference_splits_it(text: str, words: list[str]) -> None:
    assert split_words(text) == words


@pytest.mark.parametrize("text", ["'a", '"a', "a\\", "`a", "$(a", "a (b)", "a)"])
def test_a_command_line_with_open_quotes_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="invalid command line"):
        split_words(text)
