"""Values of attributes: their forms, limits and units, as `config` prints them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.directory import Directory


def project(attributes: str) -> str:
    return f"services: {{a: {{image: i, {attributes}}}}}\nconfigs: {{c: {{file: ./c}}}}\n"


def printed(directory: Directory, attributes: str) -> dict[str, Any]:
    return dict(directory.load(project(attributes)).document["services"]["a"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.9", 1),
        ("-1.9", -1),
        ("'+5'", 5),
        ("9223372036854775808", -(2**63)),
        ("18446744073709551615", -1),
        ("1e19", -(2**63)),
        (".inf", -(2**63)),
    ],
)
def test_an_integer_has_64_bits_whatever_is_written(directory: Directory, text: str, expected: int) -> None:
    assert printed(directory, f"cpu_shares: {text}")["cpu_shares"] == expected


@pytest.mark.parametrize(
    ("attributes", "path", "expected"),
    [
        ("blkio_config: {weight: 65537}", ("blkio_config", "weight"), 1),
        ("healthcheck: {retries: 18446744073709551616}", ("healthcheck", "retries"), 2**63),
        ("volumes: [{type: tmpfs, target: /a, tmpfs: {mode: 4294967297}}]", ("volumes", 0, "tmpfs", "mode"), 1),
        ("ports: [{target: 4294967376}]", ("ports", 0, "target"), 80),
        ("cpus: '1_0.5'", ("cpus",), 10.5),
        ("cpus: 16777217", ("cpus",), 16777216),
        ("cpus: 2.0", ("cpus",), 2),
        ("mem_limit: '1_024'", ("mem_limit",), "1024"),
        ("mem_limit: 9000p", ("mem_limit",), "-9223372036854775808"),
        ("labels: {a: 1e6}", ("labels", "a"), "1e+06"),
        ("labels: {a: 999999.0}", ("labels", "a"), "999999"),
        ("configs: [{source: c, mode: '+440'}]", ("configs", 0, "mode"), "0440"),
        ("configs: [{source: c, mode: -1}]", ("configs", 0, "mode"), "0-1"),
        ("extra_hosts: {a: []}", ("extra_hosts",), []),
    ],
)
def test_a_value_is_printed_in_the_reference_s_units_and_size(
    directory: Directory, attributes: str, path: tuple[str | int, ...], expected: object
) -> None:
    found: Any = printed(directory, attributes)
    for step in path:
        found = found[step]
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("attributes", "complaint"),
    [
        ("cpus: '1e39'", "1e+39` is too large"),
        ("cpus: '1e400'", "`1e400` is not a number"),
        ("healthcheck: {retries: -0.5}", "`-0.5` must not be negative"),
        ("ulimits: {nofile: 1e3}", "`1000` is not an integer"),
        ("build: {ulimits: {nofile: '5'}}", "`5` is not an integer"),
        ("ulimits: {nofile: {soft: 1.0, hard: 5}}", "`1` is not an integer"),
        ("configs: [{source: c, mode: 1.5}]", "`1.5` is not a file mode: write octal digits, such as 0440"),
        ("configs: [{source: c, mode: '0o440'}]", "`0o440` is not a file mode: write octal digits, such as 0440"),
        ("deploy: {resources: {limits: {cpus: 9223372036854775808}}}", "`9223372036854775808` is not an integer"),
        ("expose: [9223372036854775808]", "`9223372036854775808` is not a port"),
        ("ports: [{target: 5, published: 9223372036854775808}]", "must be a string: put it in quotes"),
    ],
)
def test_what_a_value_cannot_be_is_told(directory: Directory, attributes: str, complaint: str) -> None:
    (found,) = directory.complaints(project(attributes))
    assert complaint in found


@pytest.mark.parametrize("attributes", ["mem_limit: 18446744073709551615", "shm_size: 0", "cpus: 1e-46"])
def test_a_value_that_amounts_to_nothing_is_not_printed(directory: Directory, attributes: str) -> None:
    assert attributes.partition(":")[0] not in printed(directory, attributes)


@pytest.mark.parametrize(("source", "is_kept"), [("C:\\\\x", True), ("c:/x", True), ("É:/x", False), ("c:x", False)])
def test_a_drive_has_a_letter_without_an_accent(directory: Directory, source: str, is_kept: bool) -> None:
    (mount,) = printed(directory, f'volumes: [{{type: bind, source: "{source}", target: /x}}]')["volumes"]
    assert mount["source"].startswith(str(directory.path)) is not is_kept
