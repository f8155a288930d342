"""Arguments that many commands have, with what a shell may complete them to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from compose.cli.parsing.completing import service_names

Decorated = TypeVar("Decorated", bound="Callable[..., Any] | click.Command")


def services_argument(*, required: bool = False) -> Callable[[Decorated], Decorated]:
    """Any number of services, as `services`; none means all of them."""
    metavar = "SERVICE..." if required else "[SERVICE...]"
    return click.argument("services", nargs=-1, required=required, metavar=metavar, shell_complete=service_names)


def remove_orphans_option() -> Callable[[Decorated], Decorated]:
    """`--remove-orphans`, None where neither it nor its opposite is given: then COMPOSE_REMOVE_ORPHANS decides."""
    return click.option(
        "--remove-orphans/--keep-orphans",
        default=None,
        help="Remove containers of services that the files do not define",
    )


def format_option(*names: str) -> Callable[[Decorated], Decorated]:
    """`--format`, as `style`; the first of the names is the default."""
    return click.option("--format", "style", type=click.Choice(names), default=names[0], help="Output format")


def service_argument(**attributes: Any) -> Callable[[Decorated], Decorated]:
    """One service, as `service`."""
    return click.argument("service", shell_complete=service_names, **attributes)
