"""Statements to instructions: each keyword's own grammar (Dockerfile reference), `file:line` for what is wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Final

from engine.builder.dockerfile import flags as flag_rules
from engine.builder.dockerfile.durations import nanoseconds
from engine.builder.dockerfile.flags import Flags
from engine.builder.dockerfile.instructions import (
    Arg,
    Cmd,
    Command,
    Copy,
    Entrypoint,
    Env,
    Expose,
    From,
    HealthCheck,
    Instruction,
    Label,
    Maintainer,
    OnBuild,
    Run,
    Shell,
    StopSignal,
    User,
    Volume,
    Workdir,
)
from engine.builder.dockerfile.mounts import read_mount
from engine.builder.dockerfile.problem import DockerfileError, Misspelt
from engine.builder.dockerfile.source import Statement, split_statement
from engine.builder.dockerfile.words import raw_words

_STAGE_NAME: Final = re.compile(r"[a-z][a-z0-9_.-]*")
_HEREDOC: Final = re.compile(r"\d*<<-?[^<]+")
_NOT_TRIGGERS: Final = ("ONBUILD", "FROM", "MAINTAINER")

_Reader = Callable[[Statement, Flags, str], Instruction | From]


def read_instruction(statement: Statement, escape: str, file: str) -> Instruction | From:
    """One statement as an instruction. Raises `DockerfileError`."""
    try:
        reader = _READERS.get(statement.keyword)
        if reader is None:
            raise Misspelt(f"unknown instruction: {statement.keyword}", _suggestion(statement.keyword))
        found = flag_rules.read_flags(statement.keyword, statement.flags)
        if not statement.arguments.strip() and statement.keyword not in ("CMD", "ENTRYPOINT"):
            raise Misspelt(_nothing_given(statement.keyword))
        return reader(statement, found, escape)
    except Misspelt as exc:
        raise DockerfileError(file, statement.line, exc.problem, hint=exc.hint) from exc


def read_trigger(text: str, line: int, escape: str, file: str) -> Instruction:
    """An ONBUILD trigger as the instruction it stands for. Raises `DockerfileError`."""
    try:
        statement = split_statement(line, text, escape)
    except Misspelt as exc:
        raise DockerfileError(file, line, exc.problem, hint=exc.hint) from exc
    instruction = read_instruction(statement, escape, file)
    if isinstance(instruction, From | OnBuild | Maintainer):
        raise DockerfileError(file, line, f"{statement.keyword} isn't allowed as an ONBUILD trigger")
    return instruction


def _nothing_given(keyword: str) -> str:
    if keyword in ("ADD", "COPY"):
        return f"{keyword} requires at least two arguments, but 0 were provided. Destination could not be determined"
    exact = keyword in ("WORKDIR", "USER", "STOPSIGNAL", "MAINTAINER")
    return f"{keyword} requires {'exactly' if exact else 'at least'} one argument"


def _suggestion(keyword: str) -> str | None:
    from difflib import get_close_matches  # only a mistake needs it

    found = get_close_matches(keyword, _READERS, 1)
    return f"did you mean {found[0]}?" if found else None


def _json_words(text: str) -> tuple[str, ...] | None:
    """The words of the exec form; None for what is not a JSON array of strings, which then is a shell's line."""
    if not text.startswith("["):
        return None
    try:
        words = json.loads(text)
    except ValueError:
        return None
    if isinstance(words, list) and all(isinstance(word, str) for word in words):
        return tuple(words)
    return None


def _command(text: str) -> Command:
    words = _json_words(text)
    return Command((text,) if text else (), is_exec=False) if words is None else Command(words, is_exec=True)


def _list(text: str) -> tuple[str, ...]:
    words = _json_words(text)
    return tuple(text.split()) if words is None else words


def _one(statement: Statement) -> str:
    return statement.arguments.strip()


def _from(statement: Statement, found: Flags, escape: str) -> From:
    words = statement.arguments.split()
    if len(words) == 3 and words[1].lower() == "as":
        name = words[2].lower()
        if not _STAGE_NAME.fullmatch(name):
            raise Misspelt(
                f"invalid name for build stage: {words[2]!r}", "a name starts with a letter, then a-z, 0-9, - _ ."
            )
        return From(
            line=statement.line, text=statement.text, image=words[0], name=name, platform=found.text("platform")
        )
    if len(words) != 1:
        raise Misspelt("FROM requires either one or three arguments", "FROM image, or FROM image AS name")
    return From(line=statement.line, text=statement.text, image=words[0], platform=found.text("platform"))


def _arg(statement: Statement, found: Flags, escape: str) -> Arg:
    names: list[tuple[str, str | None]] = []
    for word in raw_words(statement.arguments, escape):
        name, has_default, value = word.partition("=")
        if not name:
            raise Misspelt("ARG names can not be blank")
        names.append((name, value if has_default else None))
    return Arg(line=statement.line, text=statement.text, names=tuple(names))


def _pairs(statement: Statement, escape: str) -> tuple[tuple[str, str], ...]:
    """`name=value …`, or the old form `name the rest`."""
    words = raw_words(statement.arguments, escape)
    if "=" not in words[0]:
        return (_old_pair(statement),)
    pairs = []
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise Misspelt(
                f"Syntax error - can't find = in {word!r}. Must be of the form: name=value",
                "put a value with spaces in quotes",
            )
        if not name:
            raise Misspelt(f"{statement.keyword} names can not be blank")
        pairs.append((name, value))
    return tuple(pairs)


def _old_pair(statement: Statement) -> tuple[str, str]:
    parts = statement.arguments.split(None, 1)
    if len(parts) < 2:
        raise Misspelt(f"{statement.keyword} must have two arguments", f"{statement.keyword} name=value")
    return parts[0], parts[1]


def _env(statement: Statement, found: Flags, escape: str) -> Env:
    return Env(line=statement.line, text=statement.text, pairs=_pairs(statement, escape))


def _label(statement: Statement, found: Flags, escape: str) -> Label:
    return Label(line=statement.line, text=statement.text, pairs=_pairs(statement, escape))


def _run(statement: Statement, found: Flags, escape: str) -> Run:
    words = raw_words(statement.arguments, escape) if statement.heredocs else []
    # `RUN <<EOF` runs the text itself. With anything beside it (`<<EOF cat >x`) the text is a command's input.
    is_script = len(words) == 1 and _HEREDOC.fullmatch(words[0])
    return Run(
        line=statement.line,
        text=statement.text,
        command=Command((), is_exec=False) if is_script else _command(statement.arguments),
        heredocs=statement.heredocs,
        mounts=tuple(read_mount(text) for text in found.texts("mount")),
        network=found.choice("network", ("", "default", "none", "host")),
        security=found.choice("security", ("", "sandbox", "insecure")),
    )


def _copy(statement: Statement, found: Flags, escape: str) -> Copy:
    words = list(_list(statement.arguments))
    if len(words) < 2:
        raise Misspelt(
            f"{statement.keyword} requires at least two arguments, but {len(words)} were provided. "
            "Destination could not be determined"
        )
    sources = [word for word in words[:-1] if not (statement.heredocs and _HEREDOC.fullmatch(word))]
    return Copy(
        line=statement.line,
        text=statement.text,
        sources=tuple(sources),
        destination=words[-1],
        heredocs=statement.heredocs,
        is_add=statement.keyword == "ADD",
        origin=found.text("from"),
        chown=found.text("chown"),
        chmod=found.text("chmod"),
        link=found.flag("link"),
        parents=found.flag("parents"),
        excludes=found.texts("exclude"),
        checksum=found.text("checksum"),
        keep_git_dir=found.flag("keep-git-dir"),
        unpack=found.flag("unpack") if found.has("unpack") else None,
    )


def _workdir(statement: Statement, found: Flags, escape: str) -> Workdir:
    return Workdir(line=statement.line, text=statement.text, path=_one(statement))


def _user(statement: Statement, found: Flags, escape: str) -> User:
    return User(line=statement.line, text=statement.text, user=_one(statement))


def _cmd(statement: Statement, found: Flags, escape: str) -> Cmd:
    return Cmd(line=statement.line, text=statement.text, command=_command(statement.arguments))


def _entrypoint(statement: Statement, found: Flags, escape: str) -> Entrypoint:
    return Entrypoint(line=statement.line, text=statement.text, command=_command(statement.arguments))


def _expose(statement: Statement, found: Flags, escape: str) -> Expose:
    return Expose(line=statement.line, text=statement.text, ports=tuple(statement.arguments.split()))


def _volume(statement: Statement, found: Flags, escape: str) -> Volume:
    paths = _list(statement.arguments)
    if not all(path.strip() for path in paths):
        raise Misspelt("VOLUME specified can not be an empty string")
    return Volume(line=statement.line, text=statement.text, paths=paths)


def _stop_signal(statement: Statement, found: Flags, escape: str) -> StopSignal:
    words = statement.arguments.split()
    if len(words) != 1:
        raise Misspelt("STOPSIGNAL requires exactly one argument")
    return StopSignal(line=statement.line, text=statement.text, signal=words[0])


def _health_check(statement: Statement, found: Flags, escape: str) -> HealthCheck:
    kind, _, rest = statement.arguments.partition(" ")
    if kind.upper() == "NONE":
        if rest.strip() or found.names:
            raise Misspelt("HEALTHCHECK NONE takes no arguments")
        return HealthCheck(line=statement.line, text=statement.text, command=None)
    if kind.upper() != "CMD":
        raise Misspelt(f'Unknown type "{kind}" in HEALTHCHECK (try CMD)')
    if not rest.strip():
        raise Misspelt("Missing command after HEALTHCHECK CMD")
    return HealthCheck(
        line=statement.line,
        text=statement.text,
        command=_command(rest.strip()),
        interval=nanoseconds(found.text("interval"), "interval"),
        timeout=nanoseconds(found.text("timeout"), "timeout"),
        start_period=nanoseconds(found.text("start-period"), "start-period"),
        start_interval=nanoseconds(found.text("start-interval"), "start-interval"),
        retries=found.number("retries"),
    )


def _shell(statement: Statement, found: Flags, escape: str) -> Shell:
    words = _json_words(statement.arguments)
    if not words:
        raise Misspelt(
            f"SHELL requires the arguments to be in JSON form, not {statement.arguments!r}", 'SHELL ["/bin/bash", "-c"]'
        )
    return Shell(line=statement.line, text=statement.text, words=words)


def _on_build(statement: Statement, found: Flags, escape: str) -> OnBuild:
    trigger = statement.arguments.split(None, 1)[0].upper()
    if trigger in _NOT_TRIGGERS:
        problem = "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed" if trigger == "ONBUILD" else None
        raise Misspelt(problem or f"{trigger} isn't allowed as an ONBUILD trigger")
    if trigger not in _READERS:
        raise Misspelt(f"unknown instruction: {trigger}", _suggestion(trigger))
    if statement.heredocs:
        raise Misspelt("here-documents are not supported in an ONBUILD trigger", "put the script into a file")
    return OnBuild(line=statement.line, text=statement.text, trigger=statement.arguments)


def _maintainer(statement: Statement, found: Flags, escape: str) -> Maintainer:
    return Maintainer(line=statement.line, text=statement.text, name=_one(statement))


_READERS: Final[Mapping[str, _Reader]] = {
    "FROM": _from,
    "ARG": _arg,
    "ENV": _env,
    "LABEL": _label,
    "RUN": _run,
    "COPY": _copy,
    "ADD": _copy,
    "WORKDIR": _workdir,
    "USER": _user,
    "CMD": _cmd,
    "ENTRYPOINT": _entrypoint,
    "EXPOSE": _expose,
    "VOLUME": _volume,
    "STOPSIGNAL": _stop_signal,
    "HEALTHCHECK": _health_check,
    "SHELL": _shell,
    "ONBUILD": _on_build,
    "MAINTAINER": _maintainer,
}
