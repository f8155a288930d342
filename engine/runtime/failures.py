"""The runtime's words to Docker's: which failure it is, and the exit code that `docker run` ends with."""

from __future__ import annotations

import re

from engine.errors import RuntimeFailure

NOT_EXECUTABLE = 126
NOT_FOUND = 127

_CREATE = "failed to create task for container: failed to create shim task: OCI runtime create failed: "
_EXEC = "OCI runtime exec failed: exec failed: "
_OTHER_KIND = (
    ": Are you trying to mount a directory onto a file (or vice-versa)? "
    "Check if the specified host path exists and is the expected type"
)
_CHDIR = re.compile(r"chdir (?:to )?`([^`]*)`: (.*)")  # newer ones say "to"
# crun puts its name or a time before the message.
_PREFIX = re.compile(r"^(?:crun: )?(?:\d{4}-\S+: )?(?:crun: )?")


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


def _failure(context: str, words: str, program: str) -> RuntimeFailure:
    said = "; ".join(_PREFIX.sub("", line).strip() for line in words.splitlines() if line.strip())
    lower = said.lower()
    if "executable file" in lower and "not found" in lower:
        return _started(context, not_found(program), NOT_FOUND)
    if match := _CHDIR.search(said):
        if "not a directory" in lower:
            return RuntimeFailure(f"Cannot mkdir: {match[1]} is not a directory")
        reason = f'chdir to cwd ("{match[1]}") set in config.json failed: {match[2].lower()}'
        return _started(context, reason, NOT_FOUND if "no such" in match[2].lower() else NOT_EXECUTABLE)
    if not program:
        return _started(context, not_found(program), NOT_FOUND)
    if "open executable" in lower or "is not executable" in lower:
        return _started(context, not_executable(program), NOT_EXECUTABLE)
    if lower.endswith(("not a directory", "is a directory")):
        return RuntimeFailure(f"{context}{said}{_OTHER_KIND}", exit_code=NOT_FOUND)
    return RuntimeFailure(f"{context}{said}")


def _started(context: str, reason: str, exit_code: int) -> RuntimeFailure:
    return RuntimeFailure(f"{context}unable to start container process: {reason}", exit_code=exit_code)
