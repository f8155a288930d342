"""`watch`: bring a project up and keep it up to date with its files."""

from __future__ import annotations

import click
from msgspec.structs import replace

from compose.cli.parsing.arguments import services_argument
from compose.cli.session import Session

_INTERRUPTED = 130


@click.command("watch", help="Bring the project up and keep its containers up to date with their files")
@services_argument()
@click.option("--no-up", is_flag=True, help="Do not build and start anything before")
@click.option("--prune/--no-prune", default=True, help="Remove images that a rebuild has replaced")
@click.option("--quiet", is_flag=True, help="Build without progress")
@click.pass_obj
def command(session: Session, services: tuple[str, ...], no_up: bool, prune: bool, quiet: bool) -> int:
    """Watch until Ctrl-C."""
    import anyio

    from compose.apply.parallel import unwrapped
    from compose.cli.asynchronous import run_async
    from compose.cli.interrupts import on_interrupts
    from compose.cli.pointing import pointing
    from compose.cli.reaching.connection import connected
    from compose.cli.terminal import progress, warn, write_output
    from compose.cli.up.bringing_up import detached
    from compose.cli.up.developing import Developer, developed
    from compose.cli.up.options import UpRequest, load_selected
    from compose.render.progress import Quiet

    project, places = load_selected(session, services)
    if session.progress == "auto":  # lines stay readable between those of many changes
        session = replace(session, progress="plain")

    def tell(line: str) -> None:
        # What is asked for: programs wait for these lines, and docker compose has them here, too.
        write_output(f"{line}\n".encode(errors="surrogateescape"))

    async def work() -> int:
        rules = developed(project, lambda message: warn(session, message))
        if not no_up:
            # What is rebuilt on changes is built at the beginning, so that it has those made meanwhile.
            await detached(session, project, UpRequest(services, detach=True, build=True, quiet_build=quiet))
        with unwrapped():
            async with connected(session) as engine, progress(session, "watch") as shown:
                report = Quiet().update if quiet else shown.update
                async with anyio.create_task_group() as tasks:
                    await tasks.start(on_interrupts, (tasks.cancel_scope.cancel,))
                    await Developer(engine, project, rules, tell, report, prunes=prune).run()
        tell("Watch disabled")
        return _INTERRUPTED

    with pointing(places):
        return run_async(work)
