"""The runtime's words to Docker's: which failure it is, and the exit code that `docker run` ends with."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from engine.errors import RuntimeFailure

NOT_EXECUTABLE = 126
NOT_FOUND = 127

_CREATE = "failed to create task for container: failed to create shim task: OCI runtime create failed: "
_EXEC = "OCI runtime exec failed: exec failed: "
_OTHER_KIND = (
    ": Are you trying to mount a directory onto a file (or vice-versa)? "
    "Check if the specified host path exists and is the expected type"
)
# Newer versions of crun say "to"; the second way is runc's.
_CHDIR: Final = re.compile(r"""chdir (?:to )?(?:`|cwd \(")([^`"]*)(?:`|"\) set in config\.json failed): (.*)""")
# crun puts its name or a time before the message.
_PREFIX: Final = re.compile(r"^(?:crun: )?(?:\d{4}-\S+: )?(?:crun: )?")
# runc writes a line as logfmt, what it says as a quoted string.
_LINE: Final = re.compile(r'^time="[^"]*" level=(?P<level>\w+) msg=(?P<message>".*"|\S*)')
_PREAMBLE: Final = re.compile(
    r"^(?:runc \w+ failed: |exec failed: )?(?:unable to start container process: )?(?:error during container init: )?"
)
_PROGRAM: Final = re.compile(r'exec: "(?:[^"\\]|\\.)*": ')


def create_failure(words: str, program: str) -> RuntimeFailure:
    """A container that could not be created; `program` is the first word of its command."""
    return _failure(_CREATE, words, program)


def exec_failure(words: str, program: str) -> RuntimeFailure:
    """A further process that could not be started."""
    return _failure(_EXEC, words, program)


def program_failure(reason: str, exit_code: int) -> RuntimeFailure:
    """A further process whose program cannot be run."""
    return _started(_EXEC, reason, exit_code)


def not_found(program: str) -> str:
    """What Docker says of a program that is not there."""
    reason = "no such file or directory" if "/" in program else "executable file not found in $PATH"
    prefix = "stat " + program + ": " if "/" in program else ""
    return f'exec: "{program}": {prefix}{reason}'


def not_executable(program: str, reason: str = "permission denied") -> str:
    """What Docker says of a program that cannot be executed."""
    return f'exec: "{program}": {reason}'


def plain(words: str) -> str:
    """What a runtime complains of, on one line, without what its log puts around it. Warnings are left out."""
    return "; ".join(said for line in words.splitlines() if (said := _said(line)))


def _said(line: str) -> str:
    found = _LINE.match(line)
    if found is None:
        return _PREFIX.sub("", line).strip()
    if found["level"] in {"debug", "info", "warning"}:
        return ""
    try:
        return msgspec.json.decode(found["message"], type=str)
    except msgspec.DecodeError:  # a bare word, or a byte as only Go quotes it
        return found["message"].strip('"')


def _failure(context: str, words: str, program: str) -> RuntimeFailure:
    said = _PREAMBLE.sub("", plain(words))
    lower = said.lower()
    if "executable file" in lower and "not found" in lower:
        return _started(context, not_found(program), NOT_FOUND)
    if match := _CHDIR.search(said):
        return _no_directory(context, match[1], match[2].lower())
    if not program:
        return _started(context, not_found(program), NOT_FOUND)
    if "open executable" in lower or "is not executable" in lower:
        return _started(context, not_executable(program), NOT_EXECUTABLE)
    if _PROGRAM.match(said):
        return _started(context, said, NOT_FOUND if "no such file" in lower else NOT_EXECUTABLE)
    if lower.endswith(("not a directory", "is a directory")):
        return RuntimeFailure(f"{context}{said}{_OTHER_KIND}", exit_code=NOT_FOUND)
    return RuntimeFailure(f"{context}{said}")


def _no_directory(context: str, path: str, reason: str) -> RuntimeFailure:
    if "not a directory" in reason:
        return RuntimeFailure(f"Cannot mkdir: {path} is not a directory")
    words = f'chdir to cwd ("{path}") set in config.json failed: {reason}'
    return _started(context, words, NOT_FOUND if "no such" in reason else NOT_EXECUTABLE)


def _started(context: str, reason: str, exit_code: int) -> RuntimeFailure:
    return RuntimeFailure(f"{context}unable to start container process: {reason}", exit_code=exit_code)
