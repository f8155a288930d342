"""From arguments to an exit code: runs the command, tells its errors."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator, Sequence

import click

from compose.cli.group import COMMANDS, cli
from compose.cli.session import Session
from compose.errors import ComposeError, InvalidProject, Location, Problem

INTERRUPTED = 130
_WRONG_USAGE = 1


def run(prog_name: str, arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; every expected failure has been told on stderr."""
    sessions: list[Session] = []  # the command's, once the global options are understood
    try:
        result = cli.main(list(arguments), prog_name=prog_name, standalone_mode=False, obj=sessions)
        sys.stdout.flush()
    except click.exceptions.Exit as exc:
        return exc.exit_code
    except click.ClickException as exc:
        return _tell_misuse(exc, prog_name, arguments, sessions)
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone (`| head`): nothing to tell, and nobody to tell it to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except ExceptionGroup as group:
        return _tell([known for exc in _flat(group) for known in _known(exc)], group, sessions)
    except Exception as exc:  # noqa: BLE001 - what is not known is raised again in _tell
        return _tell(list(_known(exc)), exc, sessions)
    return result if isinstance(result, int) else 0


def _tell_misuse(
    error: click.ClickException, prog_name: str, arguments: Sequence[str], sessions: Sequence[Session]
) -> int:
    from compose.cli.parsing.mistakes import problem_of
    from compose.cli.terminal import tell_problems

    command = next((word for word in arguments if word in COMMANDS), "")
    problem = problem_of(error, f"{prog_name} {command}".strip(), arguments)
    tell_problems([problem], sessions[-1] if sessions else None)
    return _WRONG_USAGE


def _tell(errors: list[ComposeError], original: Exception, sessions: Sequence[Session]) -> int:
    if not errors:
        raise original
    from compose.cli.terminal import tell_problems, warn

    session = sessions[-1] if sessions else None
    problems: list[Problem] = []
    for error in errors:
        problems += [problem for problem in error.problems if problem not in problems]
        for warning in error.warnings if isinstance(error, InvalidProject) else ():
            warn(session, warning)
    if len(errors) > 1:  # they came in any order
        problems.sort(key=_place)
    tell_problems(problems, session)
    return errors[0].exit_code


def _place(problem: Problem) -> tuple[bool, Location]:
    """What has a place in the files comes first, in their order."""
    return (problem.where is None, problem.where or Location(""))


def _flat(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for exc in group.exceptions:
        if isinstance(exc, BaseExceptionGroup):
            yield from _flat(exc)
        else:
            yield exc


def _known(exc: BaseException) -> Iterator[ComposeError]:
    """The error as one of ours; nothing for a bug."""
    if isinstance(exc, ComposeError):
        yield exc
    elif isinstance(exc, OSError) and exc.errno == errno.ENOSPC and exc.filename is None:
        yield ComposeError("cannot write the output: no space left there")
    elif isinstance(exc, PermissionError) and exc.filename is not None:
        yield ComposeError(f"permission denied: {exc.filename}", hint="run the command as a user who may use it")
    elif "engine.client" in sys.modules:
        # Only then can it be one of the client's errors, and only then is its import free.
        from compose.cli.reaching.connection import as_compose_error

        if (error := as_compose_error(exc)) is not None:
            yield error
