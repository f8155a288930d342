"""`network ls|create|rm`."""

from __future__ import annotations

import click

from compose.cli.engine.asking import (
    ask,
    each,
    filter_option,
    format_option,
    parsed_filters,
    quiet_option,
    show,
    show_lines,
)
from compose.cli.parsing.completing import network_names
from compose.cli.session import Session
from compose.render.listings.formats import Columns
from compose.render.template.values import Record
from engine.wire.networks import NetworkCreateRequest

_COLUMNS = Columns(
    {"ID": "NETWORK ID", "Name": "NAME", "Driver": "DRIVER", "Scope": "SCOPE", "Labels": "LABELS"},
    ("ID", "Name", "Driver", "Scope"),
)


@click.group("network", help="List, make and remove networks")
def network_command() -> None:
    """Networks without a project."""


@network_command.command("ls", help="List networks")
@filter_option
@quiet_option
@format_option
@click.pass_obj
def listed(session: Session, filters: tuple[str, ...], quiet: bool, form: str) -> None:
    """Print a line per network."""
    wanted = parsed_filters(filters)
    found = ask(session, "listing networks", lambda engine: engine.list_networks(filters=wanted))
    found.sort(key=lambda network: network.name)
    if quiet:
        show_lines(network.id[:12] for network in found)
        return
    records = [
        Record(
            {
                "ID": network.id[:12],
                "Name": network.name,
                "Driver": network.driver,
                "Scope": network.scope,
                "Labels": ",".join(f"{key}={value}" for key, value in sorted((network.labels or {}).items())),
            }
        )
        for network in found
    ]
    show(form, records, _COLUMNS)


@network_command.command("create", help="Make a network")
@click.argument("name")
@click.option("-d", "--driver", default="bridge", help="bridge, macvlan or ipvlan")
@click.option("--internal", is_flag=True, help="Without a way out")
@click.pass_obj
def create(session: Session, name: str, driver: str, internal: bool) -> None:
    """Make it and print its id."""
    request = NetworkCreateRequest(name=name, driver=driver, internal=internal)
    show_lines([ask(session, f"making network {name}", lambda engine: engine.create_network(request)).id])


@network_command.command("rm", help="Remove networks")
@click.argument("networks", nargs=-1, required=True, shell_complete=network_names)
@click.pass_obj
def remove(session: Session, networks: tuple[str, ...]) -> None:
    """Remove one after another."""
    ask(session, "removing networks", lambda engine: each(networks, engine.remove_network, "removing network"))
