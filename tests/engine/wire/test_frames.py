from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.wire.frames import BrokenFrame, Deframer, frame

PIECES = st.lists(st.tuples(st.sampled_from([0, 1, 2, 3]), st.binary(min_size=1, max_size=40)), max_size=8)


def joined(pieces: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """Neighbouring pieces of one stream as one."""
    whole: list[tuple[int, bytes]] = []
    for stream, data in pieces:
        if whole and whole[-1][0] == stream:
            whole[-1] = (stream, whole[-1][1] + data)
        else:
            whole.append((stream, data))
    return whole


def test_a_frame_is_the_streams_number_the_length_and_the_payload() -> None:
    assert frame(2, b"oh no") == b"\x02\0\0\0\0\0\0\x05oh no"


@given(PIECES, st.integers(1, 13))
def test_what_was_framed_comes_out_again_however_it_is_cut(pieces: list[tuple[int, bytes]], step: int) -> None:
    data = b"".join(frame(*piece) for piece in pieces)
    deframer = Deframer()
    found = [piece for at in range(0, len(data), step) for piece in deframer.feed(data[at : at + step])]
    assert joined(found) == joined(pieces)


def test_payload_is_given_before_its_frame_is_complete() -> None:
    deframer = Deframer()
    assert deframer.feed(frame(1, b"abcdef")[:11]) == [(1, b"abc")]


def test_frames_that_follow_on_one_stream_are_one_piece() -> None:
    data = frame(1, b"a") + frame(1, b"b") + frame(2, b"c") + frame(1, b"d")
    assert Deframer().feed(data) == [(1, b"ab"), (2, b"c"), (1, b"d")]


def test_an_empty_frame_is_passed_over() -> None:
    assert Deframer().feed(frame(1, b"") + frame(2, b"x")) == [(2, b"x")]


@pytest.mark.parametrize("data", [b"HTTP/1.1", b"\x01\0\0\x01\0\0\0\0", b"\x04\0\0\0\0\0\0\0"])
def test_bytes_that_are_no_frame_are_refused(data: bytes) -> None:
    with pytest.raises(BrokenFrame):
        Deframer().feed(data)
