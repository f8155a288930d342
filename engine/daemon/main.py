"""`pycompose-engine`: the daemon's command line."""

from __future__ import annotations

import gc
import logging
import os
import sys
from pathlib import Path
from typing import NoReturn

import anyio
import click

from engine.daemon.settings import Options, Settings, default_paths, settings_of
from engine.errors import EngineError
from engine.kernel.limits import raise_open_files
from engine.state.paths import Paths

_FILE = click.Path(path_type=Path)
# Objects made, and not yet dropped, between two searches for cycles. A request makes hundreds and drops them by itself:
# with Python's 700 a twelfth of the engine's time goes into searches that find nothing.
_GARBAGE_THRESHOLD = 10_000
_UMASK = 0o022


class Refusing(click.Group):
    """Tells an `EngineError` of any command in one line and a hint."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; exit 1 for what it refuses."""
        try:
            return super().invoke(ctx)
        except EngineError as exc:
            _exit(exc)
        except ExceptionGroup as group:
            refused, others = group.split(EngineError)
            if refused is None or others is not None:
                raise
            _exit(_first(refused))


def _exit(exc: EngineError) -> NoReturn:
    sys.exit(f"pycompose-engine: {exc.message}" + (f"\nhint: {exc.hint}" if exc.hint else ""))


def _first(group: ExceptionGroup[EngineError]) -> EngineError:
    found = group.exceptions[0]
    return _first(found) if isinstance(found, ExceptionGroup) else found


@click.group(cls=Refusing, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """The container engine of pycompose."""


@main.command()
@click.option("--state-dir", type=_FILE, help="What lasts: images, volumes, the database.")
@click.option("--run-dir", type=_FILE, help="What is of this boot: the socket, namespaces.")
@click.option("--config-file", type=_FILE, help="Settings, instead of /etc/pycompose/daemon.json.")
@click.option("-H", "--host", "hosts", multiple=True, metavar="ADDRESS", help="Listen also on unix://… or tcp://….")
@click.option("-G", "--group", default="", help="Who may use the unix sockets (pycompose, else docker).")
@click.option("--tlsverify", is_flag=True, help="TCP only for clients with a certificate; needed for tcp://….")
@click.option("--tlscacert", type=_FILE, help="Who signs clients' certificates (~/.docker/ca.pem).")
@click.option("--tlscert", type=_FILE, help="Our certificate (~/.docker/cert.pem).")
@click.option("--tlskey", type=_FILE, help="Its key (~/.docker/key.pem).")
@click.option("--insecure-loopback", is_flag=True, help="Allow tcp://127.0.0.1 without certificates.")
@click.option("--label", "labels", multiple=True, metavar="KEY=VALUE", help="Shown by docker info.")
@click.option("-l", "--log-level", default="", metavar="LEVEL", help="debug, info, warn, error or fatal.")
@click.option("-D", "--debug", is_flag=True, help="Log every step.")
@click.option(
    "--registry-mirror", "mirrors", multiple=True, metavar="REGISTRY=URL", help="Try this first (docker.io=…)."
)
@click.option("--idle-timeout", "idle_seconds", type=float, metavar="SECONDS", help="End after so long without use.")
@click.option(
    "--ready-fd",
    "ready_descriptor",
    type=int,
    metavar="N",
    help="Write a line to this descriptor when the API answers.",
)
def serve(**options: object) -> None:
    """Answer the Docker Engine API on the run directory's engine.sock until stopped."""
    require_root("it makes namespaces, mounts and network links")
    gc.set_threshold(_GARBAGE_THRESHOLD)
    # Files of containers and images are for their users, whatever whoever started the engine keeps from others.
    os.umask(_UMASK)
    raise_open_files()
    settings = settings_of(Options(**options), dict(os.environ))  # type: ignore[arg-type]  # click has checked the types
    logging.basicConfig(
        level=settings.reloadable.log_level,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    anyio.run(_serve, settings)


@main.command("dial-stdio")
@click.option("--run-dir", type=_FILE, help="Where the engine's socket is.")
def dial(run_dir: Path | None) -> None:
    """Carry the API over stdin and stdout, for ssh://user@host."""
    from engine.daemon.dial_stdio import dial_stdio

    paths = default_paths(os.environ)
    dial_stdio((run_dir or paths.run) / paths.socket.name, sys.stdin.fileno(), sys.stdout.fileno())


@main.command()
@click.option("--state-dir", type=_FILE, help="What lasts: images, volumes, the database.")
@click.option("--run-dir", type=_FILE, help="What is of this boot: the socket, namespaces.")
@click.option("-G", "--group", default="", help="Who may use the socket (pycompose, else docker), besides root.")
def install(state_dir: Path | None, run_dir: Path | None, group: str) -> None:
    """Have systemd start the engine now, at boot, and when a client comes."""
    from engine.daemon import doors, units

    require_root("it writes to /etc/systemd/system")
    installation = units.Installation(_own_command(), _paths(state_dir, run_dir), doors.socket_group(group))
    click.echo("\n".join(units.install(installation)))


@main.command()
@click.option("--state-dir", type=_FILE, help="What lasts: images, volumes, the database.")
@click.option("--run-dir", type=_FILE, help="What is of this boot: the socket, namespaces.")
@click.option("--purge", is_flag=True, help="Remove all containers, images and volumes, and every other trace.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def uninstall(state_dir: Path | None, run_dir: Path | None, *, purge: bool, yes: bool) -> None:
    """Take the engine out of systemd; containers go on running unless --purge removes everything."""
    from engine.daemon import removal, units

    require_root("it removes what root has made")
    paths = _paths(state_dir, run_dir)
    if purge:
        removal.check_is_ours(paths)
        question = f"Remove all containers, images and volumes in {paths.root}?"
        if not yes and not click.confirm(question, err=True):
            sys.exit(1)
    done = units.uninstall()
    if purge:
        done += anyio.run(removal.purge, paths)
    click.echo("\n".join(done or ["there was nothing to remove"]))


@main.command()
@click.option("--state-dir", type=_FILE, help="What lasts: images, volumes, the database.")
@click.option("--run-dir", type=_FILE, help="What is of this boot: the socket, namespaces.")
@click.option("--config-file", type=_FILE, help="Settings, instead of /etc/pycompose/daemon.json.")
@click.option("--format", "style", type=click.Choice(["table", "json"]), default="table", help="Output format.")
def doctor(state_dir: Path | None, run_dir: Path | None, config_file: Path | None, style: str) -> None:
    """Say what this machine lacks and what is left over; exit 1 if the engine cannot work here."""
    from engine.daemon.doctor import finding
    from engine.daemon.doctor.examine import examine

    require_root("it looks at mounts, links and firewall rules")
    settings = settings_of(Options(state_dir=state_dir, run_dir=run_dir, config_file=config_file), dict(os.environ))
    findings = anyio.run(examine, settings)
    click.echo(finding.as_json(findings) if style == "json" else finding.as_text(findings), nl=False)
    sys.exit(finding.exit_status(findings))


def _paths(state_dir: Path | None, run_dir: Path | None) -> Paths:
    usual = default_paths(os.environ)
    return Paths(root=(state_dir or usual.root).absolute(), run=(run_dir or usual.run).absolute())


def _own_command() -> tuple[str, ...]:
    """How systemd starts `serve` of the same installation."""
    script = Path(sys.argv[0])
    if script.name == "pycompose-engine" and script.is_absolute():
        return (str(script), "serve")
    return (sys.executable, "-m", "pycompose", "engine-daemon", "serve")


async def _serve(settings: Settings) -> None:
    from engine.daemon.serve import serve as run_engine
    from pycompose import __version__

    await run_engine(settings, version=__version__)


def require_root(why: str) -> None:
    """Raise `EngineError` for everybody else."""
    if os.geteuid() != 0:
        raise EngineError(
            f"the engine needs root: {why}",
            hint="run it with sudo; clients in group `pycompose` need none",
        )
