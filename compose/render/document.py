"""The resolved project as YAML or JSON, in the style of docker compose's output."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

import yaml

from compose.errors import ComposeError
from compose.lazy import lazy_pattern


def as_json(document: Mapping[str, Any]) -> str:
    """Two spaces per level, no escapes beyond JSON's own; ends with a newline.

    Raises `ComposeError` for numbers that JSON does not have.
    """
    try:
        text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    except ValueError as exc:
        raise ComposeError(
            "JSON has no infinity and no NaN", hint="put quotes around it, or use --format yaml"
        ) from exc
    if "e+" in text:
        text = json.dumps(_written_out(document), indent=2, ensure_ascii=False)
    return text + "\n"


def _written_out(value: Any) -> Any:
    """Return the value with its large numbers as docker compose writes them: their digits, and zeros up to 1e21."""
    if isinstance(value, dict):
        return {key: _written_out(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_written_out(item) for item in value]
    return int(Decimal(repr(value))) if isinstance(value, float) and 1e15 <= abs(value) < 1e21 else value


def as_yaml(document: Mapping[str, Any]) -> str:
    """Block style, two spaces per level, also below lists; ends with a newline.

    A string is quoted when a reader of YAML 1.1 or 1.2 would take it for something else, and a text of several lines
    is a literal block. PyYAML's own writer needs 5 s for 2,000 services, 20 times as long: it decides these few
    questions for every character of every language.
    """
    lines: list[str] = []
    _mapping(document, "", lines)
    return "\n".join(lines or ["{}"]) + "\n"


_STEP = "  "
# A reader may look for the end of a key no further than 1,024 characters (YAML 1.2.2, 7.4.2).
_LONGEST_SIMPLE_KEY = 1000


def _mapping(mapping: Mapping[str, Any], pad: str, lines: list[str]) -> None:
    for key, value in mapping.items():
        name = _text(key)
        if len(name) > _LONGEST_SIMPLE_KEY:
            lines.append(f"{pad}? {name}")
            name = ""
        _entry(f"{pad}{name}:", value, pad + _STEP, lines)


def _entry(start: str, value: Any, pad: str, lines: list[str]) -> None:
    """Add a value after `start`, on the same line if it fits there."""
    if isinstance(value, dict) and value:
        lines.append(start)
        _mapping(value, pad, lines)
    elif isinstance(value, list) and value:
        lines.append(start)
        _sequence(value, pad, lines)
    else:
        lines.append(f"{start} {_scalar(value, pad)}")


def _sequence(items: Sequence[Any], pad: str, lines: list[str]) -> None:
    below = pad + _STEP
    for item in items:
        if isinstance(item, dict | list) and item:
            first = len(lines)
            if isinstance(item, dict):
                _mapping(item, below, lines)
            else:
                _sequence(item, below, lines)
            lines[first] = f"{pad}- {lines[first][len(below) :]}"
        else:
            lines.append(f"{pad}- {_scalar(item, below)}")


def _scalar(value: Any, pad: str) -> str:
    if isinstance(value, str):
        return _block(value, pad) if "\n" in value else _text(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float(value)
    return str(value)


def _float(value: float) -> str:
    if not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    text = repr(value)
    # A reader of YAML 1.1 takes 1e+16 for a string: there a float has a point.
    return text.replace("e", ".0e") if "e" in text and "." not in text else text


# What cannot stand without quotes in block style: an indicator at the start (but `-`, `?` and `:` before a letter),
# `: ` and ` #` within, a blank at either end (YAML 1.2.2, 7.3.3). Looked for, as a match of all that may stand
# would take 100 bytes of memory per character.
_BREACH = lazy_pattern(r"""\A(?:\Z|---|\.\.\.|[\s,\[\]{}#&*!|>'"%@`]|[?:-](?!\S))|:(?!\S)|[ ](?=[#:]|\Z)|[^\S ]""")
_NUMBER = lazy_pattern(r"[-+]?(?:\.[0-9_]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?0[xob][0-9a-fA-F_]+")
_RESOLVERS: Mapping[str, Sequence[tuple[str, re.Pattern[str]]]] = yaml.SafeDumper.yaml_implicit_resolvers
# Booleans of YAML 1.1 that PyYAML does not know.
_WORDS = {"y", "Y", "n", "N"}


@lru_cache(maxsize=4096)  # the names of attributes come again and again
def _text(text: str) -> str:
    """A string on one line: plain where that reads as the same string, else in quotes."""
    if not text.isprintable():
        return _escaped(text)
    if _is_taken_for_another_type(text):
        return json.dumps(text, ensure_ascii=False)
    return "'" + text.replace("'", "''") + "'" if _BREACH.search(text) else text


def _is_taken_for_another_type(text: str) -> bool:
    if text in _WORDS or _NUMBER.fullmatch(text):
        return True
    return any(pattern.match(text) for _, pattern in _RESOLVERS.get(text[:1], ()))


def _escaped(text: str) -> str:
    """The string in double quotes, what cannot be printed as escapes."""
    quoted = json.dumps(text, ensure_ascii=False)
    return quoted if quoted.isprintable() else "".join(map(_escape, quoted))


def _escape(char: str) -> str:
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _block(text: str, pad: str) -> str:
    """A text of several lines as a literal block, or escaped where a block would lose something."""
    lines = text.split("\n")
    if text[0] in " \n" or any(line and (line[-1] == " " or not line.isprintable()) for line in lines):
        return _escaped(text)
    end = len(text) - len(text.rstrip("\n"))
    sign = "-" if end == 0 else "" if end == 1 else "+"
    shown = lines[:-1] if end else lines
    return "\n".join([f"|{sign}", *(pad + line if line else "" for line in shown)])
