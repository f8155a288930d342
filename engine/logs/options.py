"""The log options of a container (`--log-driver`, `--log-opt`), with Docker's rules and in its words. Pure.

`json-file` and `local` differ in their defaults only: both are files that conmon writes. With `journald` the journal
gets the messages as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote_plus

from engine.errors import BadRequest
from engine.logs.rotation import Retention

DRIVERS: Final = ("json-file", "local", "journald", "none")
JOURNAL: Final = Path("/run/systemd/journal/socket")
# What a Docker can have that we do not: they are refused for what they are.
_FOREIGN: Final = frozenset({"awslogs", "etwlogs", "fluentd", "gcplogs", "gelf", "splunk", "syslog"})

_SHARED: Final = frozenset({"mode", "max-buffer-size"})
_ATTRIBUTES: Final = frozenset({"labels", "labels-regex", "env", "env-regex", "tag"})
_FILES: Final = frozenset({"max-size", "max-file", "compress"})
_KNOWN: Final = {
    "json-file": _SHARED | _ATTRIBUTES | _FILES,
    "local": _SHARED | _FILES,
    "journald": _SHARED | _ATTRIBUTES,
}
# Docker's defaults of `local`; also for the copy of what goes to the journal, which is what `logs` reads.
_LOCAL: Final = Retention(size_bytes=20 << 20, files=5, is_compressed=True)
_TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "FALSE", "false", "False"})
_UNITS: Final = {"": 1, "b": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "p": 10**15}
_SIZE: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+) ?(\D*)")
_FIELD: Final = re.compile(r"{{-?\s*\.(\w+)\s*-?}}")


def check(driver: str, options: Mapping[str, str], *, has_journal: bool) -> None:
    """Raise `BadRequest` for a driver or an option that cannot be honoured."""
    if driver == "none":
        return
    if driver in _FOREIGN:
        raise BadRequest(f"the log driver {driver} is not supported", hint=f"use {', '.join(DRIVERS)}")
    if driver not in DRIVERS:
        # Docker's words to the letter: its clients compare them.
        raise BadRequest(f"logger: no log driver named '{driver}' is registered")
    if driver == "journald" and not has_journal:
        raise BadRequest("journald is not enabled on this host")
    for name in sorted(options.keys() - _KNOWN[driver]):
        where = f"{driver} log driver" if driver != "local" else "log driver local"
        raise BadRequest(f"unknown log opt '{name}' for {where}")
    _check_mode(options)
    _check_patterns(options)
    retention(driver, options)


def retention(driver: str, options: Mapping[str, str]) -> Retention | None:
    """How much of a log is kept; None for all of it. Raises `BadRequest`."""
    if driver in ("local", "journald"):
        return _local_retention(options)
    size = options.get("max-size")
    size_bytes = 0 if size is None else _size(size)
    if size is not None and size_bytes <= 0:
        raise BadRequest("max-size must be a positive number")
    files = _integer(options.get("max-file", "1"))
    if files < 1:
        raise BadRequest("max-file cannot be less than 1")
    is_compressed = _boolean(options.get("compress", "false"))
    if is_compressed and (files < 2 or size is None):
        raise BadRequest("compress cannot be true when max-file is less than 2 or max-size is not set")
    return Retention(size_bytes, files, is_compressed) if size_bytes else None


def attributes(options: Mapping[str, str], labels: Mapping[str, str], environment: Sequence[str]) -> dict[str, str]:
    """The labels and variables of a container that go with its messages (`labels`, `env` and their patterns)."""
    variables = dict(variable.split("=", 1) for variable in environment if "=" in variable)
    return {**_chosen(labels, options, "labels"), **_chosen(variables, options, "env")}


def tag(template: str, facts: Mapping[str, str]) -> str:
    """A `tag` with its fields filled in. Raises `BadRequest` for a field that there is not."""

    def fill(match: re.Match[str]) -> str:
        if match[1] not in facts:
            raise BadRequest(f"template: log-tag: can't evaluate field {match[1]}", hint=f"use {', '.join(facts)}")
        return facts[match[1]]

    text = _FIELD.sub(fill, template)
    if "{{" in text:
        raise BadRequest(f"template: log-tag: cannot understand {template!r}", hint="use fields such as {{.Name}}")
    return text


def details(found: Mapping[str, str]) -> bytes:
    """Attributes as `logs --details` shows them before each message."""
    return ",".join(f"{quote_plus(name)}={quote_plus(found[name])}" for name in sorted(found)).encode() + b" "


def _local_retention(options: Mapping[str, str]) -> Retention:
    size_bytes, files, is_compressed = _LOCAL.size_bytes, _LOCAL.files, _LOCAL.is_compressed
    if "max-size" in options:
        try:
            size_bytes = _size(options["max-size"])
        except BadRequest as exc:
            raise BadRequest(f"invalid value for max-size: {options['max-size']}: {exc.message}") from exc
    if size_bytes <= 0:
        raise BadRequest("max size should be a positive number")
    if "max-file" in options:
        files = max(1, _integer(options["max-file"]))
    if "compress" in options:
        try:
            is_compressed = _boolean(options["compress"])
        except BadRequest as exc:
            raise BadRequest(f"error reading compress log option: {exc.message}") from exc
    if is_compressed and files == 1:
        raise BadRequest("compression cannot be enabled when max file count is 1")
    return Retention(size_bytes, files, is_compressed)


def _check_mode(options: Mapping[str, str]) -> None:
    """Refuse what is no mode. What a container says never waits for a reader of its log, so both modes are one."""
    mode = options.get("mode", "")
    if mode not in ("", "blocking", "non-blocking"):
        raise BadRequest(f"logger: logging mode not supported: {mode}")
    if "max-buffer-size" in options:
        if mode != "non-blocking":
            raise BadRequest("logger: max-buffer-size option is only supported with 'mode=non-blocking'")
        try:
            _size(options["max-buffer-size"])
        except BadRequest as exc:
            raise BadRequest(f"error parsing option max-buffer-size: {exc.message}") from exc


def _check_patterns(options: Mapping[str, str]) -> None:
    for name in ("labels-regex", "env-regex"):
        try:
            re.compile(options.get(name, ""))
        except re.error as exc:
            raise BadRequest(f"error parsing regexp: {exc.msg}: `{options[name]}`") from exc


def _chosen(values: Mapping[str, str], options: Mapping[str, str], option: str) -> dict[str, str]:
    names: Iterable[str] = options.get(option, "").split(",")
    found = {name: values[name] for name in names if name in values}
    if pattern := options.get(f"{option}-regex"):
        found |= {name: value for name, value in values.items() if re.search(pattern, name)}
    return found


def _size(text: str) -> int:
    match = _SIZE.fullmatch(text)
    if match is None:
        raise BadRequest(f"invalid size: '{text}'")
    unit = match[2].lower()
    if unit not in _UNITS and unit.removesuffix("ib").removesuffix("b") not in _UNITS:
        raise BadRequest(f"invalid suffix: '{unit}'")
    return int(float(match[1]) * _UNITS[unit if unit in _UNITS else unit.removesuffix("ib").removesuffix("b")])


def _integer(text: str) -> int:
    if not re.fullmatch(r"[+-]?\d+", text):
        raise BadRequest(f'strconv.Atoi: parsing "{text}": invalid syntax')
    return int(text)


def _boolean(text: str) -> bool:
    if text not in _TRUE | _FALSE:
        raise BadRequest(f'strconv.ParseBool: parsing "{text}": invalid syntax')
    return text in _TRUE
