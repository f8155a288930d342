"""`ps`, `logs`, `start`, `stop`, `restart`, `kill`, `rm`."""

from __future__ import annotations

import json
import sys
import time
from contextlib import aclosing

import click
from msgspec import UNSET

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
from compose.cli.parsing.completing import container_names
from compose.cli.parsing.moment import moment
from compose.cli.session import Session
from compose.plan.observed import ObservedPort
from compose.render.listings.formats import Columns
from compose.render.listings.ports import displayed_ports
from compose.render.template.values import Record
from compose.render.units import go_time, human_duration
from engine.client import EngineClient
from engine.wire.summaries import ContainerSummary

_COLUMNS = Columns(
    {
        "ID": "CONTAINER ID",
        "Image": "IMAGE",
        "Command": "COMMAND",
        "CreatedAt": "CREATED AT",
        "RunningFor": "CREATED",
        "Status": "STATUS",
        "Ports": "PORTS",
        "Names": "NAMES",
        "State": "STATE",
        "Labels": "LABELS",
        "Networks": "NETWORKS",
    },
    ("ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names"),
)
_COMMAND_LENGTH = 20


@click.command("ps", help="List containers")
@click.option("-a", "--all", "everything", is_flag=True, help="Also stopped ones")
@click.option("-n", "--last", type=int, default=-1, metavar="NUMBER", help="The newest ones, also if they have stopped")
@click.option("-l", "--latest", is_flag=True, help="The newest one, also if it has stopped")
@filter_option
@click.option("--no-trunc", is_flag=True, help="In full")
@quiet_option
@format_option
@click.pass_obj
def ps_command(  # noqa: PLR0913 - one parameter per option
    session: Session,
    everything: bool,
    last: int,
    latest: bool,
    filters: tuple[str, ...],
    no_trunc: bool,
    quiet: bool,
    form: str,
) -> None:
    """Print a line per container, the newest first."""
    wanted = parsed_filters(filters)
    most = 1 if latest else max(last, 0)
    found = ask(
        session,
        "listing containers",
        lambda engine: engine.list_containers(everything=everything or most > 0, filters=wanted),
    )
    found = found[:most] if most else found
    if quiet:
        show_lines(item.id if no_trunc else item.id[:12] for item in found)
        return
    now = time.time()
    show(form, [_record(item, now, truncate=not no_trunc) for item in found], _COLUMNS)


@click.command("logs", help="Print what a container wrote")
@click.argument("container", shell_complete=container_names)
@click.option("-f", "--follow", is_flag=True, help="Go on with new lines")
@click.option("-n", "--tail", default="all", help="Lines from the end")
@click.option("-t", "--timestamps", is_flag=True, help="Show the time of every line")
@click.option("--since", default="", help="From this time on")
@click.option("--until", default="", help="Up to this time")
@click.pass_obj
def logs_command(  # noqa: PLR0913 - one parameter per option
    session: Session, container: str, follow: bool, tail: str, timestamps: bool, since: str, until: str
) -> None:
    """Copy its output to ours."""
    now = time.time()

    async def act(engine: EngineClient) -> None:
        lines = engine.container_logs(
            container,
            follow=follow,
            tail=tail,
            timestamps=timestamps,
            since=moment(since, now),
            until=moment(until, now),
            tty=(await engine.inspect_container(container)).config.tty,
        )
        async with aclosing(lines) as found:
            async for stream, data in found:
                target = (sys.stderr if stream == 2 else sys.stdout).buffer
                target.write(data)
                target.flush()

    ask(session, f"reading the logs of {container}", act)


@click.command("stop", help="Stop containers")
@click.argument("containers", nargs=-1, required=True, shell_complete=container_names)
@click.option("-t", "--timeout", type=int, default=None, metavar="SECONDS", help="Before they are killed")
@click.option("-s", "--signal", default="", help="The first signal")
@click.pass_obj
def stop_command(session: Session, containers: tuple[str, ...], timeout: int | None, signal: str) -> None:
    """Stop one after another."""
    ask(
        session,
        "stopping",
        lambda engine: each(
            containers,
            lambda name: engine.stop_container(name, timeout_seconds=timeout, signal=signal),
            "stopping container",
        ),
    )


@click.command("start", help="Start containers")
@click.argument("containers", nargs=-1, required=True, shell_complete=container_names)
@click.pass_obj
def start_command(session: Session, containers: tuple[str, ...]) -> None:
    """Start one after another."""
    ask(session, "starting", lambda engine: each(containers, engine.start_container, "starting container"))


@click.command("restart", help="Stop containers, if they run, and start them")
@click.argument("containers", nargs=-1, required=True, shell_complete=container_names)
@click.option("-t", "--timeout", type=int, default=None, metavar="SECONDS", help="Before they are killed")
@click.option("-s", "--signal", default="", help="The first signal")
@click.pass_obj
def restart_command(session: Session, containers: tuple[str, ...], timeout: int | None, signal: str) -> None:
    """Restart one after another."""
    ask(
        session,
        "restarting",
        lambda engine: each(
            containers,
            lambda name: engine.restart_container(name, timeout_seconds=timeout, signal=signal),
            "restarting container",
        ),
    )


@click.command("kill", help="Send containers a signal")
@click.argument("containers", nargs=-1, required=True, shell_complete=container_names)
@click.option("-s", "--signal", default="SIGKILL", show_default=True, help="The signal")
@click.pass_obj
def kill_command(session: Session, containers: tuple[str, ...], signal: str) -> None:
    """Signal one after another."""
    ask(
        session,
        "sending a signal",
        lambda engine: each(containers, lambda name: engine.kill_container(name, signal), "killing container"),
    )


@click.command("rm", help="Remove containers")
@click.argument("containers", nargs=-1, required=True, shell_complete=container_names)
@click.option("-f", "--force", is_flag=True, help="Also running ones")
@click.option("-v", "--volumes", is_flag=True, help="With their anonymous volumes")
@click.pass_obj
def rm_command(session: Session, containers: tuple[str, ...], force: bool, volumes: bool) -> None:
    """Remove one after another."""
    ask(
        session,
        "removing",
        lambda engine: each(
            containers,
            lambda name: engine.remove_container(name, force=force, volumes=volumes),
            "removing container",
        ),
    )


def _record(item: ContainerSummary, now: float, *, truncate: bool) -> Record:
    command = item.command
    if truncate and len(command) > _COMMAND_LENGTH:
        command = f"{command[: _COMMAND_LENGTH - 1]}…"
    ports = [
        ObservedPort(
            private=port.private_port,
            public=0 if port.public_port is UNSET else port.public_port,
            ip="" if port.ip is UNSET else port.ip,
            protocol=port.type,
        )
        for port in item.ports
    ]
    return Record(
        {
            "ID": item.id[:12] if truncate else item.id,
            "Image": item.image,
            "Command": json.dumps(command, ensure_ascii=False),
            "CreatedAt": go_time(item.created),
            "RunningFor": f"{human_duration(now - item.created)} ago",
            "Status": item.status,
            "Ports": displayed_ports(ports),
            "Names": ",".join(name.removeprefix("/") for name in item.names),
            "State": item.state,
            "Labels": ",".join(f"{key}={value}" for key, value in sorted(item.labels.items())),
            "Networks": ",".join(item.network_settings.networks),
        }
    )
