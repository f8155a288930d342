"""The only reader of disk in the loader: which files make the project, what is in them, which paths exist."""

from __future__ import annotations

import codecs
import errno
import os
from collections.abc import Callable
from pathlib import Path

from compose.errors import Location
from compose.lazy import lazy_pattern
from compose.model.remotes import is_remote_file

STDIN = "-"
# Nobody means a larger file, and one without an end (a device) would take all memory.
MOST_BYTES = 32 * 1024 * 1024
LINE_BREAK = lazy_pattern(r"\r\n|[\n\r\x85\u2028\u2029]")

Decode = Callable[[bytes], str]
Fetch = Callable[[str], str]


def strict(data: bytes) -> str:
    """Return the text of UTF-8 bytes; raises `UnicodeDecodeError`."""
    return data.decode("utf-8")


def document_text(data: bytes) -> str:
    """Return the text of a YAML file without its byte order mark, which may say that it is UTF-16 (YAML 1.2, 5.2).

    Raises `UnicodeDecodeError`.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16")
    return data.removeprefix(codecs.BOM_UTF8).decode("utf-8")


def lenient(data: bytes) -> str:
    """Return the text of UTF-8 bytes, with U+FFFD for each byte that has no place in it."""
    return readable(data.decode("utf-8", "surrogateescape"))


def readable(text: str) -> str:
    """Return a text from the system, such as a variable, with U+FFFD for each byte that is no text."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= character <= "\udfff" else character for character in text)
    return text


class Disk:
    """Reads files, remembers their text for error messages, and names them as the user would."""

    def __init__(self, cwd: Path, stdin: Callable[[], bytes], fetch: Fetch) -> None:
        self._cwd = os.path.abspath(cwd)  # noqa: PTH100  # lexical, as the reference does; `resolve` follows links
        self._stdin = stdin
        self._fetch = fetch
        self._elsewhere: dict[str, str] = {}  # local copy -> address
        self._addresses: dict[str, None] = {}
        self._texts: dict[str, str] = {}
        self._lines: dict[str, list[str]] = {}  # made when a line is asked for: a file may have a thousand mistakes
        self._decoded: dict[tuple[str, Decode], str] = {}

    @property
    def cwd(self) -> str:
        return self._cwd

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses of the Compose files that came from elsewhere, in the order in which they were needed."""
        return tuple(self._addresses)

    def absolute(self, path: str) -> str:
        """Return the path made absolute and cleaned, without looking at links."""
        return clean_join(self._cwd, path)

    def located(self, directory: str, name: str) -> str:
        """Return the absolute path of a Compose file named in a directory; of one that is elsewhere that of a copy.

        Raises `ComposeError` when that cannot be had.
        """
        if not is_remote_file(name):
            return clean_join(directory, name)
        path = self._fetch(name)
        self._elsewhere[path] = name
        self._addresses[name] = None
        return path

    def is_elsewhere(self, path: str) -> bool:
        """Tell whether a path that `located` gave is that of a copy."""
        return path in self._elsewhere

    def display(self, path: str) -> str:
        """Return the path as messages show it: relative to the working directory when below it, or an address."""
        if path in self._elsewhere:
            return self._elsewhere[path]
        return path.removeprefix(f"{self._cwd.rstrip('/')}/")

    def read(self, path: str, decode: Decode = strict) -> str:
        """Return the text of a file (`-` is standard input).

        Raises `OSError`, also when it has more than `MOST_BYTES`, or `UnicodeDecodeError`.
        """
        name = "<stdin>" if path == STDIN else self.display(path)
        text = self._decoded.get((name, decode))
        if text is None:
            data = _bounded(self._stdin()) if path == STDIN else contents(path)
            self._texts[name] = lenient(data)  # to show the place when it cannot be decoded
            self._decoded[name, decode] = self._texts[name] = text = decode(data)
            self._lines.pop(name, None)
        return text

    def text_of(self, name: str) -> str | None:
        """Return the text of a file that was read, by the name that `display` gave it."""
        return self._texts.get(name)

    def source_line(self, where: Location) -> str | None:
        """Return the line of text that a place points into, if its file was read."""
        text = self._texts.get(where.file)
        if text is None or not where.line:
            return None
        lines = self._lines.get(where.file)
        if lines is None:
            lines = self._lines[where.file] = LINE_BREAK.split(text)
        return lines[where.line - 1] if where.line <= len(lines) else None

    def exists(self, path: str) -> bool:
        """Tell whether something is there. In a directory that is closed to us it may be: reading it tells."""
        try:
            return Path(path).exists()
        except PermissionError:
            return True

    def is_file(self, path: str) -> bool:
        """Tell whether the path is something that can be read as a file (not a directory)."""
        return self.exists(path) and not self.is_directory(path)

    def is_directory(self, path: str) -> bool:
        try:
            return Path(path).is_dir()
        except PermissionError:
            return False

    def real_name(self, path: str) -> str:
        """Return the last part of the path after following links."""
        return Path(path).resolve().name

    def follow_first_link(self, path: str) -> str:
        """Return the path with its first part that is a symbolic link replaced by what it leads to."""
        current = "/"
        for part in path.split("/"):
            if not part:
                continue
            current = clean_join(current, part)
            if os.path.islink(current):  # noqa: PTH114 - False, not an error, where we may not look
                return path.replace(current, os.path.realpath(current), 1)
        return path


def contents(path: str | Path) -> bytes:
    """Return the bytes of a file that a user has named. Raises `OSError`, also when it has more than `MOST_BYTES`."""
    with Path(path).open("rb") as file:
        return _bounded(file.read(MOST_BYTES + 1))


def _bounded(data: bytes) -> bytes:
    if len(data) > MOST_BYTES:
        raise OSError(errno.EFBIG, f"it has more than {MOST_BYTES:,} bytes")
    return data


def clean_join(base: str, path: str) -> str:
    """Join two paths and clean the result (`.` and `..` are worked out without looking at the disk).

    A relative base stays relative. An absolute `path` wins.
    """
    joined = os.path.normpath(f"{base}/{path}" if base and not path.startswith("/") else path or base or ".")
    return joined[1:] if joined.startswith("//") else joined
