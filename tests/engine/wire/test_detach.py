from __future__ import annotations

import pytest

from engine.errors import BadRequest
from engine.wire.detach import DetachWatch, parse_detach_keys

CTRL_P, CTRL_Q = b"\x10", b"\x11"


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("", b"\x10\x11"),
        ("ctrl-p,ctrl-q", b"\x10\x11"),
        ("a", b"a"),
        ("ctrl-@,x", b"\0x"),
        ("ctrl-a,ctrl-_,DEL", b"\x01\x1f\x7f"),
    ],
)
def test_keys_are_what_a_terminal_sends_for_them(text: str, keys: bytes) -> None:
    assert parse_detach_keys(text) == keys


@pytest.mark.parametrize("text", ["ctrl-1", "ctrl-", "ctrl-A", "Ctrl-a", "ab", "a,,b", ",", "é"])
def test_keys_that_no_terminal_sends_are_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="Invalid detach keys"):
        parse_detach_keys(text)


def feed_all(keys: bytes, *typed: bytes) -> tuple[bytes, bool]:
    watch = DetachWatch(keys)
    passed = b""
    for data in typed:
        more, is_detached = watch.feed(data)
        passed += more
        if is_detached:
            return passed, True
    return passed, False


def test_the_keys_detach_also_when_they_come_one_by_one() -> None:
    assert feed_all(b"\x10\x11", b"ls\n", CTRL_P, CTRL_Q) == (b"ls\n", True)


def test_a_beginning_that_goes_on_otherwise_is_passed_on() -> None:
    assert feed_all(b"\x10\x11", CTRL_P, b"x") == (CTRL_P + b"x", False)


def test_a_beginning_that_begins_again_still_detaches() -> None:
    assert feed_all(b"\x10\x11", CTRL_P, CTRL_P, CTRL_Q) == (CTRL_P, True)


def test_without_keys_everything_is_passed_on() -> None:
    assert feed_all(b"", CTRL_P + CTRL_Q) == (CTRL_P + CTRL_Q, False)
