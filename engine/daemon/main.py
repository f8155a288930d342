"""`pycompose-engine`: the daemon's command line."""

from __future__ import annotations

import logging
import math
import os
import sys
from pathlib import Path

import anyio
import click

from engine.daemon.settings import Settings, default_paths, parse_mirrors, proxies, registry_files
from engine.errors import EngineError
from engine.state.paths import Paths


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """The container engine of pycompose."""


@main.command()
@click.option("--state-dir", type=click.Path(path_type=Path), help="What lasts: images, volumes, the database.")
@click.option("--run-dir", type=click.Path(path_type=Path), help="What is of this boot: the socket, namespaces.")
@click.option(
    "--registry-mirror", "mirrors", multiple=True, metavar="REGISTRY=URL", help="Try this first (docker.io=…)."
)
@click.option("--idle-timeout", type=float, metavar="SECONDS", help="End after so long without use.")
@click.option("--ready-fd", type=int, metavar="N", help="Write a line to this descriptor when the API answers.")
@click.option("--debug", is_flag=True, help="Log every step.")
def serve(
    state_dir: Path | None,
    run_dir: Path | None,
    mirrors: tuple[str, ...],
    idle_timeout: float | None,
    ready_fd: int | None,
    *,
    debug: bool,
) -> None:
    """Answer the Docker Engine API on the run directory's engine.sock until stopped."""
    logging.basicConfig(
        level=logging.DEBUG if debug else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    try:
        _require_root()
        defaults = default_paths(os.environ)
        paths = Paths(
            root=(state_dir or defaults.root).absolute(),
            run=(run_dir or defaults.run).absolute(),
        )
        settings = Settings(
            paths=paths,
            registry_files=registry_files(paths, os.environ),
            mirrors=parse_mirrors(mirrors),
            proxies=proxies(os.environ),
            ready_descriptor=ready_fd,
            idle_seconds=math.inf if idle_timeout is None else idle_timeout,
        )
        anyio.run(_serve, settings)
    except EngineError as exc:
        sys.exit(f"pycompose-engine: {exc.message}" + (f"\nhint: {exc.hint}" if exc.hint else ""))


async def _serve(settings: Settings) -> None:
    from engine.daemon.serve import serve as run_engine
    from pycompose import __version__

    await run_engine(settings, version=__version__)


def _require_root() -> None:
    if os.geteuid() != 0:
        raise EngineError(
            "the engine needs root: it makes namespaces, mounts and network links",
            hint="run it with sudo; clients in group `pycompose` need none",
        )
