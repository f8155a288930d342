"""The YAML parser that decides: PyYAML's, with the rules of the Go library that Compose is built on where they differ.

libyaml reads almost every file the same way, and many times faster; `compose.load.text.nodes` knows which not.
"""

from __future__ import annotations

# PyYAML has no annotations of its own, and those of its stubs are partial.
# mypy: allow-untyped-calls
import re
from typing import Any

from yaml.error import Mark
from yaml.parser import Parser, ParserError
from yaml.reader import Reader
from yaml.scanner import Scanner, ScannerError
from yaml.tokens import DirectiveToken, ScalarToken, TagToken

from compose.lazy import lazy_pattern

_ENDS = "\0\r\n\x85\u2028\u2029"
_BLANK_ENDS = f" \t{_ENDS}"
_BREAKS = _ENDS[1:]
_URI = lazy_pattern(r"[-;/?:@&=+$,_.!~*'()\[\]%0-9A-Za-z]*")
_HANDLE = lazy_pattern(r"!(?:[-_0-9A-Za-z]*!)?")
_INDICATORS = lazy_pattern(r"[+-][0-9]?|[0-9][+-]?|")
_NO_CHARACTER = lazy_pattern("[\ud800-\udfff]")
_PERCENT = lazy_pattern(r"(?:%[0-9A-Fa-f]{2})+")


class Events(Reader, Scanner, Parser):
    """The events of a YAML text; `get_event` raises `yaml.YAMLError`."""

    # A typing stub calls this table final; PyYAML reads it from the instance.
    ESCAPE_REPLACEMENTS = {**{c: s for c, s in Scanner.ESCAPE_REPLACEMENTS.items() if c != "/"}, "'": "'"}  # type: ignore[misc]

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)

    def scan_to_next_token(self) -> None:
        """Skip blanks, line breaks and comments; tabs only where they cannot be indentation."""
        while True:
            if self.column == 0 and self.peek() == "\ufeff":
                self.forward()
            blanks = " \t" if self.flow_level or not self.allow_simple_key else " "
            while self.peek() in blanks:
                self.forward()
            if self.peek() == "#":
                self._skip_line()
            if not self.scan_line_break():
                return
            if not self.flow_level:
                self.allow_simple_key = True

    def scan_plain(self) -> ScalarToken:
        """Scan a plain scalar; within brackets it ends at each of `,?[]{}`, and a colon only before a blank."""
        start, end = self.get_mark(), self.get_mark()
        indent = self.indent + 1
        chunks: list[str] = []
        spaces = ""
        has_breaks = False
        while not self._at_document_marker() and self.peek() != "#":
            length = self._plain_length()
            if length:
                chunks += (spaces, self.prefix(length))
                self.forward(length)
                end = self.get_mark()
                has_breaks = False
            elif self.peek() not in _BREAKS + " \t":
                break
            self.allow_simple_key = False
            spaces, has_breaks = self._plain_spaces(indent, start)
            if not spaces or (not self.flow_level and self.column < indent):
                break
        self.allow_simple_key = has_breaks
        return ScalarToken("".join(chunks), True, start, end)

    def _plain_length(self) -> int:
        length = 0
        while (char := self.peek(length)) not in _BLANK_ENDS:
            if char == ":" and self.peek(length + 1) in _BLANK_ENDS:
                break
            if self.flow_level and char in ",?[]{}":
                break
            length += 1
        return length

    def _plain_spaces(self, indent: int, start: Mark) -> tuple[str, bool]:
        """Skip the blanks and line breaks after a part of a plain scalar; return what they mean between two parts."""
        blanks, breaks = "", list[str]()
        while (char := self.peek()) in " \t" or char in _BREAKS:
            if char not in " \t":
                breaks.append(self.scan_line_break())
                continue
            if breaks and char == "\t" and self.column < indent:
                self._fail("while scanning a plain scalar", start, "found a tab character that violates indentation")
            if not breaks:
                blanks += char
            self.forward()
        return (_folded(breaks), True) if breaks else (blanks, False)

    def _at_document_marker(self) -> bool:
        return self.column == 0 and self.prefix(3) in ("---", "...") and self.peek(3) in _BLANK_ENDS

    def scan_tag(self) -> TagToken:
        """Scan a tag: `!<uri>`, `!handle!suffix`, `!suffix` or `!`; it goes on to the next blank, brackets or not."""
        start = self.get_mark()
        handle: str | None
        if self.peek(1) == "<":
            self.forward(2)
            handle, suffix = None, self._uri(start)
            if self.peek() != ">":
                self._fail("while scanning a tag", start, "did not find the expected '>'")
            self.forward()
        else:
            handle = self._matched(_HANDLE)
            if len(handle) > 1:
                suffix = self._uri(start)
            elif self.peek() in _BLANK_ENDS:
                handle, suffix = None, "!"
            else:
                suffix = self._uri(start)
        if self.peek() not in _BLANK_ENDS:
            self._fail("while scanning a tag", start, "did not find expected whitespace or line break")
        return TagToken((handle, suffix), start, self.get_mark())

    def _uri(self, start: Mark) -> str:
        text = self._matched(_URI)
        if not text:
            self._fail("while scanning a tag", start, "did not find expected tag URI")
        try:
            found = _PERCENT.sub(lambda escape: bytes.fromhex(escape[0].replace("%", "")).decode(), text)
        except UnicodeDecodeError:
            found = "%"
        if "%" in _PERCENT.sub("", text) or found == "%":
            self._fail("while parsing a tag", start, "did not find URI escaped octet")
        return found

    def _matched(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.buffer, self.pointer)
        text = match[0] if match else ""
        self.forward(len(text))
        return text

    def scan_block_scalar_indicators(self, start_mark: Mark) -> tuple[bool | None, int | None]:
        """Scan what may follow `|` or `>`: whether the last line breaks stay, and the indentation, in either order."""
        found = self._matched(_INDICATORS)
        if "0" in found:
            message = "found an indentation indicator equal to 0"
            self._fail("while scanning a block scalar", start_mark, message)
        digits = found.strip("+-")
        return None if found == digits else "+" in found, int(digits) if digits else None

    def scan_flow_scalar_non_spaces(self, double: bool, start_mark: Mark) -> list[str]:  # PyYAML's
        """Scan a part of a quoted scalar without blanks; an escape must name a character."""
        try:
            chunks: list[str] = super().scan_flow_scalar_non_spaces(double, start_mark)
        except (ValueError, OverflowError):
            chunks = ["\ud800"]
        if _NO_CHARACTER.search("".join(chunks)):
            message = "found invalid Unicode character escape code"
            self._fail("while parsing a quoted scalar", start_mark, message)
        return chunks

    def scan_block_scalar_ignored_line(self, start_mark: Mark) -> None:
        """Skip the rest of a block scalar's first line."""
        while self.peek() in " \t":
            self.forward()
        if self.peek() == "#":
            self._skip_line()
        if self.peek() not in _ENDS:
            self._fail("while scanning a block scalar", start_mark, "did not find expected comment or line break")
        self.scan_line_break()

    def scan_block_scalar_indentation(self) -> tuple[list[str], int, Mark]:
        """Return the first line breaks of a block scalar, its indentation and where they end."""
        breaks, end, indent = list[str](), self.get_mark(), 0
        while True:
            while self.peek() == " ":
                self.forward()
            indent = max(indent, self.column)
            if self.peek() == "\t":
                self._fail_for_tab()
            if self.peek() not in _BREAKS:
                return breaks, indent, end
            breaks.append(self.scan_line_break())
            end = self.get_mark()

    def scan_block_scalar_breaks(self, indent: int) -> tuple[list[str], Mark]:
        """Return the line breaks between two lines of a block scalar, and where they end."""
        breaks, end = list[str](), self.get_mark()
        while True:
            while self.column < indent and self.peek() == " ":
                self.forward()
            if self.column < indent and self.peek() == "\t":
                self._fail_for_tab()
            if self.peek() not in _BREAKS:
                return breaks, end
            breaks.append(self.scan_line_break())
            end = self.get_mark()

    def _fail_for_tab(self) -> None:
        message = "found a tab character where an indentation space is expected"
        self._fail("while scanning a block scalar", self.get_mark(), message)

    def scan_directive(self) -> DirectiveToken:
        """Scan a directive; only `%YAML` and `%TAG` are known."""
        token: DirectiveToken = super().scan_directive()
        if token.name not in ("YAML", "TAG"):
            self._fail("while scanning a directive", token.start_mark, "found unknown directive name")
        return token

    def process_directives(self) -> Any:
        """Take over the directives of a document; the only version is 1.1, as the reference has it."""
        token = self.peek_token()
        found = super().process_directives()
        if self.yaml_version not in (None, (1, 1)):
            version = ".".join(map(str, self.yaml_version))
            raise ParserError(None, None, f"found incompatible YAML document: version {version}", token.start_mark)
        return found

    def _skip_line(self) -> None:
        while self.peek() not in _ENDS:
            self.forward()

    def _fail(self, context: str, start: Mark, problem: str) -> None:
        raise ScannerError(context, start, problem, self.get_mark())


def _folded(breaks: list[str]) -> str:
    first, *others = breaks
    if first != "\n":
        return "".join(breaks)
    return "".join(others) or " "
