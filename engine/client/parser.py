"""Answers of one connection, as httptools (llhttp) reads them: for both clients. Without input or output."""

from __future__ import annotations

from collections import deque
from typing import Final

import httptools

from engine.wire.http import MAX_HEAD_BYTES

_FIRST_FINAL: Final = 200
_SWITCHING: Final = 101


class InvalidAnswer(Exception):
    """What came is not HTTP, or not an answer to the request."""


class AnswerParser:
    """Reads one answer after the other; `expect` begins each."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self.expect()

    def expect(self, *, is_bodiless: bool = False) -> None:
        """Forget the last answer, and make ready for the next one; to HEAD requests none has a body."""
        self.status = 0
        self.headers: dict[str, str] = {}
        self.parts: deque[bytes] = deque()  # of the body, for who reads it to take
        self.trailing = b""  # what follows the head of an answer that gives the connection over
        self.has_head = self.is_complete = False
        self.is_last = False  # the connection ends with this answer
        self._is_bodiless = is_bodiless
        self._head_bytes = 0

    def feed(self, data: bytes) -> None:
        """Take in what came. Raises `InvalidAnswer`."""
        if not self.has_head:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as switch:
            self.trailing = data[switch.args[0] :]
        except httptools.HttpParserError as exc:
            if not (self._is_bodiless and self.is_complete):
                raise InvalidAnswer(str(exc)) from exc
        if not self.has_head and self._head_bytes > MAX_HEAD_BYTES:
            raise InvalidAnswer("its head is too long")

    def finish(self) -> None:
        """Take note that nothing more will come. Raises `InvalidAnswer` where something is missing."""
        is_open_ended = "content-length" not in self.headers and "transfer-encoding" not in self.headers
        if not self.has_head or not (self.is_complete or is_open_ended):
            raise InvalidAnswer("it broke off")
        self.is_complete = self.is_last = True

    # -- what httptools calls

    def on_message_begin(self) -> None:
        """An answer begins; before the final one there may be others."""
        if self.is_complete:
            raise InvalidAnswer("nobody asked for another")
        self.headers = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        """Of a repeated one the last counts."""
        self.headers[name.decode("ascii").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """The head is there."""
        status = self._parser.get_status_code()
        if status < _FIRST_FINAL and status != _SWITCHING:
            return
        self.status = status
        self.has_head = True
        if self._is_bodiless or status == _SWITCHING:
            # The parser does not know what was asked, and waits for a body: it can be used no more.
            self.is_complete = self.is_last = True

    def on_body(self, data: bytes) -> None:
        """A part of the body."""
        self.parts.append(data)

    def on_message_complete(self) -> None:
        """The answer is whole."""
        if self.has_head and not self.is_complete:
            self.is_complete = True
            self.is_last = not self._parser.should_keep_alive()
