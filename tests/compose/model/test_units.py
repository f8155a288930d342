from __future__ import annotations

import pytest

from compose.model.units import format_duration, parse_bytes, parse_duration

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0", 0),
        ("10s", 10 * SECOND),
        ("1m30s", 90 * SECOND),
        ("1h0m5s", 3605 * SECOND),
        ("1.5s", 3 * SECOND // 2),
        (".5s", SECOND // 2),
        ("250ms", SECOND // 4),
        ("3us", 3000),
        ("3µs", 3000),
        ("7ns", 7),
        ("2d", 2 * 86400 * SECOND),
        ("1w", 7 * 86400 * SECOND),
        ("-5s", -5 * SECOND),
        ("+5s", 5 * SECOND),
    ],
)
def test_a_duration_is_read_in_nanoseconds(text: str, nanoseconds: int) -> None:
    assert parse_duration(text) == nanoseconds


@pytest.mark.parametrize("text", ["", "10", "s", "1x", "1s2", "ten", "1s 2s", "-", "400000w"])
def test_what_is_no_duration_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0s"),
        (90 * SECOND, "1m30s"),
        (3600 * SECOND, "1h0m0s"),
        (3 * SECOND // 2, "1.5s"),
        (SECOND // 4, "250ms"),
        (1500, "1.5µs"),
        (7, "7ns"),
        (-90 * SECOND, "-1m30s"),
        (1_000_000_001, "1.000000001s"),
    ],
)
def test_a_duration_is_written_with_hours_minutes_and_seconds(nanoseconds: int, text: str) -> None:
    assert format_duration(nanoseconds) == text
    assert parse_duration(text) == nanoseconds


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("1024", 1024),
        ("512b", 512),
        ("1k", 1024),
        ("1kb", 1024),
        ("1KiB", 1024),
        ("64M", 64 * 2**20),
        ("1.5g", 3 * 2**29),
        ("1 GiB", 2**30),
        ("2t", 2**41),
        ("1p", 2**50),
        ("-0", 0),
        ("9000p", -(2**63)),
        ("1e39", -(2**63)),
        ("1_000", 1000),
    ],
)
def test_a_size_is_read_in_bytes(text: str, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "k", "-1", "1kk", "1kbb", "1bb", "1x", "1 2", "1e", "lots", "1e400", "-0.1m"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="invalid size"):
        parse_bytes(text)
