"""`up`: bring a project up, and in the foreground print what it says until it ends."""

from __future__ import annotations

from typing import Any

import click

from compose.cli.parsing.arguments import remove_orphans_option, services_argument
from compose.cli.pointing import pointing
from compose.cli.session import Session
from compose.cli.up.options import PULL_POLICIES, UpRequest, load_selected, parse_scale, pull_policy, with_orphans


def create_options(function: Any) -> Any:
    """Add the options that `up` shares with `create`."""
    for option in reversed(
        (
            services_argument(),
            click.option("--force-recreate", is_flag=True, help="Replace containers though nothing changed"),
            click.option("--no-recreate", is_flag=True, help="Keep containers though something changed"),
            remove_orphans_option(),
            click.option("--pull", type=click.Choice(PULL_POLICIES), default="policy",
                         help="When to pull images"),
            click.option("--quiet-pull", is_flag=True, help="Pull without showing progress"),
            click.option("--scale", "scale", multiple=True, metavar="SERVICE=NUM", help="Number of containers"),
            click.option("--build", "build", is_flag=True, help="Build images first, also those that are there"),
            click.option("--no-build", is_flag=True, help="Never build images"),
            click.option("--quiet-build", is_flag=True, help="Build without showing progress"),
            click.option("-y", "--yes", is_flag=True, help="Answer yes to every question"),
        )
    ):  # fmt: skip
        function = option(function)
    return function


@click.command("up", help="Create and start containers")
@create_options
@click.option("-d", "--detach", is_flag=True, help="Leave the containers running in the background")
@click.option("--wait", "wait", is_flag=True, help="Wait until services run and are healthy (implies --detach)")
@click.option("--wait-timeout", type=int, default=None, help="Seconds to wait at most")
@click.option("--always-recreate-deps", is_flag=True, help="Replace dependencies too")
@click.option("--no-deps", is_flag=True, help="Leave out the services that the named ones depend on")
@click.option("-V", "--renew-anon-volumes", is_flag=True, help="New anonymous volumes for replaced containers")
@click.option("--no-start", is_flag=True, help="Create, but do not start")
@click.option("-t", "--timeout", "timeout_seconds", type=int, default=None, help="Seconds until containers are killed")
@click.option("--timestamps", is_flag=True, help="Show the time of every line")
@click.option("--no-color", is_flag=True, help="Without colours")
@click.option("--no-log-prefix", is_flag=True, help="Without names before the lines")
@click.option("--abort-on-container-exit", "abort_on_exit", is_flag=True, help="Stop all when one ends")
@click.option("--abort-on-container-failure", "abort_on_failure", is_flag=True, help="Stop all when one fails")
@click.option("--exit-code-from", default="", metavar="SERVICE", help="End with this service's exit code")
@click.option("--attach", multiple=True, metavar="SERVICE", help="Print the output of these services only")
@click.option("--no-attach", multiple=True, metavar="SERVICE", help="Do not print the output of these services")
@click.option("--attach-dependencies", is_flag=True, help="Print the output of dependencies too")
@click.option("-w", "--watch", is_flag=True, help="Keep containers up to date with their files (`develop.watch`)")
@click.option("--trace", is_flag=True, help="Print what took the time")
@click.option("--trace-out", default="", metavar="FILE", help="Write the time of every step to a file for Perfetto")
@click.option("--menu/--no-menu", default=None, help="Keys to watch and to detach, below the output (on a terminal)")
@click.pass_obj
def command(session: Session, /, **options: Any) -> int:
    """Bring the project up."""
    return up(session, requested(options))


def requested(options: dict[str, Any]) -> UpRequest:
    """What `up`'s options ask for. Raises `UsageError` for what contradicts itself."""
    pull = pull_policy(options.pop("pull"))
    scale = parse_scale(options.pop("scale"))
    return UpRequest(pull=pull, scale=scale, **options).checked()


def up(session: Session, request: UpRequest) -> int:
    """Bring the project up as asked; returns the exit code."""
    project, places = load_selected(session, request.services, with_dependencies=not request.no_deps)
    request.check_for(project)
    request = with_orphans(request, session, project)
    if session.files and not request.no_start:
        from compose.cli.up.remote_stack import confirm_remote

        confirm_remote(session, project, yes=request.yes)
    observed = None
    if request.detach and not (session.dry_run or request.trace or request.trace_out):
        from compose.cli.reaching.starting import begun_engine

        with begun_engine(session) as starting:
            from compose.cli.up.nearby import up_nearby

            if starting:
                import compose.cli.up.briefly  # noqa: F401  # while the engine starts, for which there will be work

                starting.wait()
        with pointing(places):
            is_up, observed = up_nearby(session, project, request)
        if is_up:
            return 0
    from compose.cli.asynchronous import run_async
    from compose.cli.up.bringing_up import detached

    with pointing(places):
        if request.detach or session.dry_run:
            return run_async(lambda: detached(session, project, request, observed))
        from compose.cli.up.foreground import attached

        return run_async(lambda: attached(session, project, request))
