"""`info`, `df`, `events`, `prune`."""

from __future__ import annotations

import json
import sys
import time
from contextlib import aclosing
from typing import Any

import click

from compose.cli.engine.asking import ask, filter_option, format_option, parsed_filters, show
from compose.cli.parsing.moment import moment
from compose.cli.session import Session
from compose.render.listings.formats import Columns
from compose.render.template.values import Record
from compose.render.units import human_size
from engine.client import EngineClient
from engine.wire.codec import encode
from engine.wire.system import SystemInfo

_USAGE = Columns(
    {"Type": "TYPE", "TotalCount": "TOTAL", "Active": "ACTIVE", "Size": "SIZE", "Reclaimable": "RECLAIMABLE"},
    ("Type", "TotalCount", "Active", "Size", "Reclaimable"),
)
_PRUNED = ("containers", "networks", "volumes", "images", "build")


@click.command("info", help="Show the engine and its machine")
@click.option("--format", "form", type=click.Choice(["", "json"]), default="", help="json for programs")
@click.pass_obj
def info_command(session: Session, form: str) -> None:
    """Print a line per fact."""
    found = ask(session, "asking for the engine", lambda engine: engine.info())
    if form == "json":
        sys.stdout.write(encode(found).decode() + "\n")
        return
    facts = _facts(found)
    width = max(map(len, facts)) + 1
    sys.stdout.write("".join(f"{name + ':':<{width}} {value}\n" for name, value in facts.items()))
    for warning in found.warnings or ():
        sys.stderr.write(f"{warning}\n")


@click.command("df", help="Show what takes room on the disk")
@format_option
@click.pass_obj
def df_command(session: Session, form: str) -> None:
    """Print a line per kind."""

    async def act(engine: EngineClient) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(await engine.call("GET", "/system/df"))
        return found

    show(form, _usage(ask(session, "counting", act)), _USAGE)


@click.command("events", help="Print what happens in the engine")
@filter_option
@click.option("--since", default="", help="From this time on (a date, or 42m for 42 minutes ago)")
@click.option("--until", default="", help="Up to this time")
@click.option("--format", "form", type=click.Choice(["", "json"]), default="", help="json for programs")
@click.pass_obj
def events_command(session: Session, filters: tuple[str, ...], since: str, until: str, form: str) -> None:
    """Print a line per event, until ended."""
    from engine.wire.times import rfc3339

    now = time.time()
    since, until = moment(since, now), moment(until, now)

    async def act(engine: EngineClient) -> None:
        async with aclosing(engine.events(filters=parsed_filters(filters), since=since, until=until)) as found:
            async for event in found:
                attributes = ", ".join(f"{key}={value}" for key, value in sorted(event.actor.attributes.items()))
                line = f"{rfc3339(event.time_nano)} {event.type} {event.action} {event.actor.id} ({attributes})"
                sys.stdout.write((encode(event).decode() if form == "json" else line) + "\n")
                sys.stdout.flush()

    ask(session, "listening", act)


@click.command("prune", help="Remove what nobody uses")
@click.option("-a", "--all", "everything", is_flag=True, help="Also images with names that no container uses")
@click.option("--volumes", is_flag=True, help="Also anonymous volumes")
@click.option("-f", "--force", "is_forced", is_flag=True, help="Do not ask")
@click.pass_obj
def prune_command(session: Session, everything: bool, volumes: bool, is_forced: bool) -> None:
    """Remove stopped containers, unused networks, images and build cache."""
    kinds = [kind for kind in _PRUNED if volumes or kind != "volumes"]
    if not is_forced:
        click.confirm(f"Remove unused {', '.join(kinds[:-1])} and build cache?", abort=True, err=True)

    async def act(engine: EngineClient) -> int:
        freed = 0
        for kind in kinds:
            filters = '{"dangling":["false"]}' if everything and kind == "images" else ""
            found = json.loads(await engine.call("POST", f"/{kind}/prune", {"filters": filters}))
            freed += found.get("SpaceReclaimed", 0)
            names = found.get(f"{kind.capitalize()}Deleted") or ()
            sys.stdout.write("".join(f"{_name(item)}\n" for item in names))
        return freed

    sys.stdout.write(f"Total reclaimed space: {human_size(ask(session, 'pruning', act))}\n")


def _name(item: Any) -> str:
    return str(item) if isinstance(item, str) else " ".join(f"{key}: {value}" for key, value in item.items())


def _facts(found: SystemInfo) -> dict[str, object]:
    return {
        "Server Version": found.server_version,
        "Containers": f"{found.containers} ({found.containers_running} running, {found.containers_paused} paused, "
        f"{found.containers_stopped} stopped)",
        "Images": found.images,
        "Storage Driver": found.driver,
        "Root Directory": found.docker_root_dir,
        "Runtimes": " ".join(found.runtimes),
        "Cgroups": f"v{found.cgroup_version} ({found.cgroup_driver})",
        "Security": " ".join(found.security_options),
        "Kernel Version": found.kernel_version,
        "Operating System": found.operating_system,
        "Architecture": found.architecture,
        "CPUs": found.n_cpu,
        "Total Memory": human_size(found.mem_total),
        "Name": found.name,
        "ID": found.id,
        "Labels": " ".join(found.labels),
    }


def _usage(found: dict[str, Any]) -> list[Record]:
    images, containers = found["Images"] or [], found["Containers"] or []
    volumes, cache = found["Volumes"] or [], found["BuildCache"] or []
    idle = [item for item in containers if item["State"] not in ("running", "paused", "restarting")]
    unused = [item for item in volumes if not item["UsageData"]["RefCount"]]
    own = [item["Size"] - max(item["SharedSize"], 0) for item in images if not item["Containers"]]
    spare = [item["Size"] for item in cache if not item["InUse"]]
    rows = (
        ("Images", len(images), sum(item["Containers"] > 0 for item in images), found["LayersSize"], sum(own)),
        ("Containers", len(containers), len(containers) - len(idle), _written(containers), _written(idle)),
        ("Local Volumes", len(volumes), len(volumes) - len(unused), _sizes(volumes), _sizes(unused)),
        ("Build Cache", len(cache), len(cache) - len(spare), sum(item["Size"] for item in cache), sum(spare)),
    )
    return [
        Record(
            {
                "Type": kind,
                "TotalCount": total,
                "Active": active,
                "Size": human_size(size),
                "Reclaimable": human_size(spare_size) + (f" ({spare_size * 100 // size}%)" if size else ""),
            }
        )
        for kind, total, active, size, spare_size in rows
    ]


def _written(containers: list[Any]) -> int:
    return sum(item.get("SizeRw", 0) for item in containers)


def _sizes(volumes: list[Any]) -> int:
    return sum(item["UsageData"]["Size"] for item in volumes)
