"""The format of `.env`, `env_file` and `label_file`.

`NAME=value` (or `NAME: value`) per line, `export` allowed, `#` begins a comment. Single-quoted values are literal,
double-quoted ones know `\\n`-like escapes; unquoted and double-quoted values are interpolated. A bare `NAME` takes
its value from the surroundings, if it has one there.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, MutableMapping

from compose.errors import Location, Problem
from compose.lazy import lazy_pattern
from compose.load.text.template import Lookup, TemplateError, substitute

_EXPORT = lazy_pattern(r"export(?=[\t\n\f\r ])")
_ESCAPE = lazy_pattern(r"""\\(?:([abcfnrtv$"\\])|0([0-9]{0,3}))""")
_NAME_EXTRA = "_.-[]"
_BLANKS = "\t\v\f\r \x85\xa0"
# White space as Unicode has it; Python's `isspace` and `strip` count four control characters as well.
_SPACES = _BLANKS + "\n\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
_ESCAPES = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    '"': '"',
    "\\": "\\",
    "$": "$$",
}


class DotenvError(Exception):
    """A file that cannot be read; `problems` say where and why."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = problems


class _Reader:
    def __init__(self, text: str, file: str) -> None:
        self.text = text.removeprefix("\ufeff")
        self.file = file
        self.position = 0

    def error(self, message: str, hint: str | None = None) -> DotenvError:
        return DotenvError(Problem(message, self.where(), hint))

    def where(self) -> Location:
        """Return the place that is looked at."""
        line_start = self.text.rfind("\n", 0, self.position) + 1
        return Location(self.file, self.text.count("\n", 0, self.position) + 1, self.position - line_start + 1)

    def skip_line(self) -> None:
        """Go to the end of the line."""
        self.position = self._line_end()

    def next_statement(self) -> bool:
        """Go to the next name; False at the end of the file."""
        while True:
            while self.position < len(self.text) and self.text[self.position] in _SPACES:
                self.position += 1
            if self.position >= len(self.text):
                return False
            if self.text[self.position] != "#":
                return True
            self.position = self._line_end()

    def name(self) -> tuple[str, bool]:
        """Read a name and what separates it from its value; True when it is bare."""
        export = _EXPORT.match(self.text, self.position)
        if export:
            self.position = export.end()
            self._skip_blanks()
        start = self.position
        for index in range(start, len(self.text)):
            char = self.text[index]
            if char in "=:\n":
                self.position = index + 1
                return self._checked(self.text[start:index].rstrip(_SPACES), start), char == "\n"
            if not (char in _BLANKS or char in _NAME_EXTRA or unicodedata.category(char)[0] in "LN"):
                self.position = index
                shown = self.text[start : self._line_end()]
                raise self.error(f"unexpected character `{char}` in the variable name `{shown}`", "write `NAME=value`")
        if start == len(self.text):
            self.position = start
            raise self.error("`export` without a variable", "write `export NAME=value`")
        # The reference reads a last line without a line break as the value of a variable without a name.
        self.position = start
        return "", False

    def _checked(self, name: str, start: int) -> str:
        if " " in name:
            self.position = start
            raise self.error(f"the variable name `{name}` contains a space", "write `NAME=value`")
        return name

    def value(self, expand: Callable[[str], str]) -> str:
        """Read a value: quoted, or the rest of the line without a trailing comment."""
        self._skip_blanks()
        quote = self.text[self.position : self.position + 1]
        if quote in ("'", '"') and quote:
            return self._quoted(quote, expand)
        end = self._line_end()
        value = self.text[self.position : end].split(" #", 1)[0].rstrip(_SPACES)
        value = expand(value)
        self.position = end + 1
        return value

    def _quoted(self, quote: str, expand: Callable[[str], str]) -> str:
        chars: list[str] = []
        index, is_escaped = self.position + 1, False
        while index < len(self.text):
            char = self.text[index]
            if char == quote and not is_escaped:
                value = "".join(chars)
                value = expand(_unescape(value)) if quote == '"' else value
                self.position = index + 1
                return value
            if char == "\\" and not is_escaped:
                is_escaped = True
            else:
                chars.append(f"\\{char}" if is_escaped and char != quote else char)
                is_escaped = False
            index += 1
        raise self.error(f"unterminated quoted value {self.text[self.position : self._line_end()]}", f"add a {quote}")

    def _skip_blanks(self) -> None:
        while self.position < len(self.text) and self.text[self.position] in _BLANKS:
            self.position += 1

    def _line_end(self) -> int:
        end = self.text.find("\n", self.position)
        return len(self.text) if end < 0 else end


def _unescape(text: str) -> str:
    def replace(match: re.Match[str]) -> str:
        if match[1]:
            return _ESCAPES.get(match[1], match[0])
        # Exactly three octal digits after `\0` make a character, as in the reference; otherwise only the 0 goes.
        digits = match[2]
        is_octal = len(digits) == 3 and set(digits) <= set("01234567") and digits < "400"
        return chr(int(digits, 8)) if is_octal else f"\\{digits}"

    return _ESCAPE.sub(replace, text)


def read(text: str, file: str, into: MutableMapping[str, str], lookup: Lookup, notice: Callable[[str], None]) -> None:
    """Add the variables of a file to `into`.

    Values see `lookup` first and then what `into` has; raises `DotenvError` with the places of all faults.
    """
    reader = _Reader(text, file)
    faults: list[Problem] = []

    def find(name: str) -> str | None:
        value = lookup(name)
        return into.get(name) if value is None else value

    def expand(value: str) -> str:
        try:
            return substitute(value, find, notice)
        except TemplateError as exc:
            faults.append(Problem(str(exc), reader.where(), exc.hint, part=exc.part))
            return value

    while reader.next_statement():
        try:
            name, is_bare = reader.name()
        except DotenvError as exc:
            faults += exc.problems
            reader.skip_line()
            continue
        if is_bare:
            inherited = lookup(name)
            if inherited is not None:
                into[name] = inherited
            continue
        try:
            into[name] = reader.value(expand)
        except DotenvError as exc:
            faults += exc.problems
            break  # a quote that is not closed: where the next variable begins is anyone's guess
    if faults:
        raise DotenvError(*faults)


def read_raw(text: str, file: str, into: MutableMapping[str, str], lookup: Lookup) -> None:
    """Add the variables of a file in the `raw` format: `NAME=value` lines, nothing interpreted.

    Raises `DotenvError` with the places of all faults.
    """
    faults: list[Problem] = []
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        stripped = line.removesuffix("\r").lstrip(_SPACES)
        if not stripped or stripped.startswith("#"):
            continue
        name, equals, value = stripped.partition("=")
        if not name or " " in name or "\t" in name:
            where = Location(file, number, 1)
            faults.append(Problem(f"`{name}` is not a variable name", where, "write `NAME=value`"))
            continue
        inherited = value if equals else lookup(name)
        if inherited is not None:
            into[name] = inherited
    if faults:
        raise DotenvError(*faults)


def places(text: str, file: str, *, is_raw: bool) -> dict[str, Location]:
    """Return where a file that can be read sets its variables; of several places of one variable the last."""
    found: dict[str, Location] = {}
    if is_raw:
        for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
            found[line.strip().partition("=")[0]] = Location(file, number, len(line) - len(line.lstrip()) + 1)
        return found
    reader = _Reader(text, file)
    while reader.next_statement():
        where = reader.where()
        name, is_bare = reader.name()
        found[name] = where
        if not is_bare:
            reader.value(str)
    return found
