"""From a command to the engine and to standard output."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import click
from msgspec import UNSET

from compose.apply.refusals import refusals
from compose.cli.asynchronous import run_async
from compose.cli.reaching.connection import connected
from compose.cli.session import Session
from compose.errors import ComposeError, UsageError
from compose.render.listings.formats import Columns, listing
from compose.render.template.errors import TemplateError
from compose.render.template.values import Record
from engine.client import EngineClient
from engine.wire.images import Progress

T = TypeVar("T")

format_option = click.option("--format", "form", default="", help="table, json or a Go template")
filter_option = click.option(
    "-f", "--filter", "filters", multiple=True, metavar="KEY=VALUE", help="Only those that fit"
)
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Only ids or names")


def parsed_filters(texts: Iterable[str]) -> Mapping[str, list[str]]:
    """`KEY=VALUE` options as the API takes them."""
    wanted: dict[str, list[str]] = {}
    for text in texts:
        name, _, value = text.partition("=")
        wanted.setdefault(name, []).append(value)
    return wanted


def ask(session: Session, doing: str, act: Callable[[EngineClient], Awaitable[T]]) -> T:
    """Connect, act and return what came out. What the engine refuses is told with what we were doing."""

    async def work() -> T:
        async with connected(session) as engine:
            with refusals(doing):
                return await act(engine)

    return run_async(work)


def show(form: str, records: Iterable[Record], columns: Columns) -> None:
    """Print a listing. Raises `UsageError` for a template that is wrong."""
    try:
        sys.stdout.write(listing(form, records, columns))
    except TemplateError as exc:
        raise UsageError(f"--format: {exc}") from exc


def show_lines(names: Iterable[str]) -> None:
    """Print a line for each."""
    sys.stdout.write("".join(f"{name}\n" for name in names))


async def each(names: Sequence[str], act: Callable[[str], Awaitable[object]], doing: str) -> list[str]:
    """Act on one after another; what was refused is raised when all were tried, and the others are returned."""
    errors: list[Exception] = []
    done = []
    for name in names:
        try:
            with refusals(f"{doing} {name}"):
                await act(name)
        except ComposeError as exc:
            errors.append(exc)
        else:
            done.append(name)
    show_lines(done)
    if errors:
        raise errors[0] if len(errors) == 1 else ExceptionGroup(doing, errors)
    return done


async def tell_progress(lines: AsyncIterator[Progress], *, quiet: bool = False) -> None:
    """Print what a pull, push or build says, without the counting of bytes."""
    async for line in lines:
        if quiet:
            continue
        if line.stream is not UNSET:
            sys.stdout.write(line.stream)
        elif line.status is not UNSET and line.progress_detail is UNSET:
            sys.stdout.write(f"{line.id}: {line.status}\n" if line.id is not UNSET else f"{line.status}\n")
        sys.stdout.flush()
