"""Answers, in whichever pieces they come."""

from __future__ import annotations

import pytest

from engine.client.parser import AnswerParser, InvalidAnswer
from engine.wire.http import MAX_HEAD_BYTES

SIZED = b"HTTP/1.1 200 OK\r\nApi-Version: 1.51\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"


@pytest.mark.parametrize("answer", [SIZED, CHUNKED])
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_an_answer_is_the_same_in_whichever_pieces_it_comes(answer: bytes, size: int) -> None:
    parser = AnswerParser()
    for start in range(0, len(answer), size):
        assert not parser.is_complete
        parser.feed(answer[start : start + size])
    assert (parser.status, b"".join(parser.parts)) == (200, b"hello")
    assert parser.is_complete
    assert not parser.is_last


def test_answers_follow_one_another() -> None:
    parser = AnswerParser()
    for status in (204, 304, 200):
        parser.expect()
        body = SIZED if status == 200 else b"HTTP/1.1 %d Fine\r\n\r\n" % status
        parser.feed(body)
        assert (parser.status, parser.is_complete, parser.is_last) == (status, True, False)


def test_what_says_that_it_goes_on_is_not_yet_the_answer() -> None:
    parser = AnswerParser()
    parser.feed(b"HTTP/1.1 100 Continue\r\n\r\n" + SIZED)
    assert (parser.status, b"".join(parser.parts)) == (200, b"hello")


def test_an_answer_without_a_length_ends_with_its_connection() -> None:
    parser = AnswerParser()
    parser.feed(b"HTTP/1.1 200 OK\r\n\r\nhel")
    parser.feed(b"lo")
    assert not parser.is_complete
    parser.finish()
    assert (b"".join(parser.parts), parser.is_complete, parser.is_last) == (b"hello", True, True)


@pytest.mark.parametrize("beginning", [b"", SIZED[:20], SIZED[:-1], CHUNKED[:-3]])
def test_an_answer_that_breaks_off_is_none(beginning: bytes) -> None:
    parser = AnswerParser()
    if beginning:
        parser.feed(beginning)
    with pytest.raises(InvalidAnswer, match="broke off"):
        parser.finish()


def test_an_answer_to_a_head_request_has_no_body_and_ends_the_connection() -> None:
    parser = AnswerParser()
    parser.expect(is_bodiless=True)
    parser.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
    assert (parser.status, parser.is_complete, parser.is_last) == (200, True, True)


def test_what_follows_the_head_of_a_connection_that_is_given_over_is_no_answer() -> None:
    parser = AnswerParser()
    parser.feed(b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nHTTP/1.1 hello")
    assert (parser.status, parser.is_complete, parser.trailing) == (101, True, b"HTTP/1.1 hello")


def test_a_second_answer_is_refused_when_nobody_asked() -> None:
    parser = AnswerParser()
    with pytest.raises(InvalidAnswer):
        parser.feed(SIZED + SIZED)


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nA header\r\n\r\n",
    ],
)
def test_what_is_not_http_is_refused(answer: bytes) -> None:
    with pytest.raises(InvalidAnswer):
        AnswerParser().feed(answer)


def test_a_head_without_an_end_is_refused() -> None:
    parser = AnswerParser()
    with pytest.raises(InvalidAnswer, match="too long"):
        parser.feed(b"HTTP/1.1 200 OK\r\nX: ")
        for _ in range(MAX_HEAD_BYTES // 65536 + 1):
            parser.feed(b"x" * 65536)
