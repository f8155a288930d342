"""Flags as programs written in Go take them, put into the spelling that click takes.

`--detach=false`, `-d=true` and `-f=compose.yaml` are written in scripts for docker compose; click knows neither values
of switches nor `=` behind a letter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import click
from msgspec import Struct

# What strconv.ParseBool takes.
_TRUTHS: Mapping[str, bool] = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}

# Names that flags once had, or have in docker compose only by mistake: (command, flag) -> flag.
OLDER_NAMES: Mapping[tuple[str, str], str] = {
    ("create", "--y"): "--yes",
    ("publish", "--y"): "--yes",
    ("up", "--y"): "--yes",
    ("down", "--volume"): "--volumes",
    ("exec", "--no-TTY"): "--no-tty",
    ("run", "--no-TTY"): "--no-tty",
    ("run", "--labels"): "--label",
    ("run", "--volumes"): "--volume",
}


def respelt(command: click.Command, ctx: click.Context, words: Sequence[str]) -> list[str]:
    """The words of a command line, less its name, as click takes them. Raises `click.BadParameter`.

    What stands behind `--`, or behind the first argument of a command that takes the rest as it is, is left alone.
    """
    speller = _Speller(command, ctx)
    interspersed = bool(command.context_settings.get("allow_interspersed_args", command.allow_interspersed_args))
    left = iter(words)
    for word in left:
        if word == "--" or (not interspersed and not word.startswith("-")):
            speller.kept += [word, *left]
        elif word.startswith("--"):
            speller.take_long(word, left)
        elif word.startswith("-") and word != "-":
            speller.take_short(word, left)
        else:
            speller.kept.append(word)
    return speller.kept


class _Speller(Struct):
    command: click.Command
    ctx: click.Context
    kept: list[str] = []
    options: dict[str, click.Option] = {}

    def __post_init__(self) -> None:
        found = [each for each in self.command.get_params(self.ctx) if isinstance(each, click.Option)]
        self.options = {name: option for option in found for name in (*option.opts, *option.secondary_opts)}

    def take_long(self, word: str, left: Iterator[str]) -> None:
        name, equals, value = word.partition("=")
        if newer := OLDER_NAMES.get((self.command.name or "", name)):
            name, word = newer, newer + word[len(name) :]
        option = self.options.get(name)
        if option is None:
            self.kept.append(word)
        elif option.is_flag and equals:
            self._switch(option, name, value)
        else:
            self.kept.append(word)
            if not (equals or option.is_flag or option.count):
                self.kept += _next(left)

    def take_short(self, word: str, left: Iterator[str]) -> None:
        """One letter or several, the last of which may have a value."""
        for place, letter in enumerate(word[1:], 1):
            name, rest = f"-{letter}", word[place + 1 :]
            option = self.options.get(name)
            if option is None:
                self.kept.append(f"-{word[place:]}")
                return
            if not (option.is_flag or option.count):
                self.kept += [name, rest.removeprefix("=")] if rest else [name, *_next(left)]
                return
            if rest.startswith("="):
                self._switch(option, name, rest[1:])
                return
            self.kept.append(name)

    def _switch(self, option: click.Option, name: str, value: str) -> None:
        try:
            is_on = _TRUTHS[value]
        except KeyError:
            problem = f"`{value}` is neither true nor false"
            raise click.BadParameter(problem, ctx=self.ctx, param=option, param_hint=name) from None
        if is_on != (name in option.secondary_opts):
            self.kept.append(option.opts[0] if name in option.secondary_opts else name)
        elif option.secondary_opts:
            self.kept.append(option.secondary_opts[0])
        else:  # off is what it is without the flag, and the last one counts
            self.kept = [word for word in self.kept if word not in option.opts]


def _next(left: Iterator[str]) -> list[str]:
    return [word for word in (next(left, None),) if word is not None]
