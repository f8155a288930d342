"""What `up` and `create` are asked to do, as one value, and the plan that follows from it."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from compose.cli.loading import load_project, warn_without_effect
from compose.cli.session import Session, is_true, removes_orphans
from compose.errors import UsageError
from compose.load.origins.places import Places
from compose.model.project import Project
from compose.plan.deciding.building import BuildOptions
from compose.plan.deciding.survey import Options, Recreate

PULL_POLICIES = ("always", "missing", "if_not_present", "never", "policy", "build")
_FLAGS = {
    "--abort-on-container-exit": "abort_on_exit",
    "--abort-on-container-failure": "abort_on_failure",
    "--always-recreate-deps": "always_recreate_deps",
    "--attach": "attach",
    "--attach-dependencies": "attach_dependencies",
    "--build": "build",
    "--detach": "detach",
    "--exit-code-from": "exit_code_from",
    "--force-recreate": "force_recreate",
    "--no-build": "no_build",
    "--no-recreate": "no_recreate",
    "--no-start": "no_start",
    "--renew-anon-volumes": "renew_anon_volumes",
    "--wait": "wait",
    "--watch": "watch",
}
_FOREGROUND = (
    "--abort-on-container-exit",
    "--abort-on-container-failure",
    "--attach",
    "--attach-dependencies",
    "--exit-code-from",
    "--watch",
)
# The pairs of docker compose, and --no-start, which starts nothing to watch.
_CONTRADICTIONS = (
    ("--detach", _FOREGROUND),
    ("--wait", _FOREGROUND),
    ("--abort-on-container-exit", ("--abort-on-container-failure",)),
    ("--attach", ("--attach-dependencies",)),
    ("--build", ("--no-build",)),
    ("--no-recreate", ("--force-recreate", "--always-recreate-deps", "--renew-anon-volumes")),
    ("--watch", ("--no-build", "--no-start")),
)
# Of one service. A container takes two processes at least, and to look at more of them than that takes minutes.
_MOST_CONTAINERS = 100_000


class UpRequest(Struct, frozen=True):
    """The command's options; `services` as named there. `yes`: nothing is asked."""

    services: tuple[str, ...] = ()
    detach: bool = False
    wait: bool = False
    wait_timeout: int | None = None
    force_recreate: bool = False
    no_recreate: bool = False
    always_recreate_deps: bool = False
    no_deps: bool = False
    remove_orphans: bool | None = None
    ignore_orphans: bool = False
    renew_anon_volumes: bool = False
    pull: str = ""
    quiet_pull: bool = False
    build: bool = False
    no_build: bool = False
    quiet_build: bool = False
    no_start: bool = False
    timeout_seconds: int | None = None
    scale: Mapping[str, int] = field(default_factory=dict[str, int])
    timestamps: bool = False
    no_color: bool = False
    no_log_prefix: bool = False
    abort_on_exit: bool = False
    abort_on_failure: bool = False
    exit_code_from: str = ""
    attach: tuple[str, ...] = ()
    no_attach: tuple[str, ...] = ()
    attach_dependencies: bool = False
    watch: bool = False
    menu: bool | None = None
    trace: bool = False
    trace_out: str = ""
    yes: bool = True

    def checked(self) -> UpRequest:
        """The same with what some options imply. Raises `UsageError` for those that contradict each other."""
        given = {flag: bool(getattr(self, name)) for flag, name in _FLAGS.items()}
        for flag, others in _CONTRADICTIONS:
            for other in others:
                if given[flag] and given[other]:
                    raise UsageError(f"{flag} and {other} contradict each other", hint="leave one of them out")
        return replace(
            self,
            detach=self.detach or self.wait or self.no_start,
            abort_on_exit=self.abort_on_exit or (bool(self.exit_code_from) and not self.abort_on_failure),
        )

    def check_for(self, project: Project) -> None:
        """Raise `UsageError` for an option that names a service which is not in `project`, and for absurd scales."""
        named = {
            "--scale": self.scale,
            "--attach": self.attach,
            "--exit-code-from": filter(None, [self.exit_code_from]),
        }
        for flag, names in named.items():
            for name in names:
                if name in project.disabled:
                    raise UsageError(
                        f"{flag}: service {name} is not brought up", hint="name it as well, or enable its profile"
                    )
                if name not in project.services:
                    known = ", ".join(sorted({*project.services, *project.disabled}))
                    raise UsageError(f"{flag}: no such service: {name}", hint=f"the project's services: {known}")
        for name, service in project.services.items():
            if self.scale.get(name, service.scale) > _MOST_CONTAINERS:
                raise UsageError(
                    f"service {name} wants more containers than any machine can run",
                    hint=f"scale it to {_MOST_CONTAINERS} at most",
                )

    def plan_options(self) -> Options:
        """What the planner has to know."""
        recreate: Recreate = "always" if self.force_recreate else "never" if self.no_recreate else "changed"
        dependencies: Recreate = "never" if self.no_recreate else "always" if self.always_recreate_deps else "changed"
        return Options(
            recreate=recreate,
            recreate_dependencies=dependencies,
            targets=frozenset(self.services),
            pull=self.pull,
            scale=self.scale,
            timeout_seconds=self.timeout_seconds,
            is_starting=not self.no_start,
            is_waiting=self.wait,
            remove_orphans=bool(self.remove_orphans),
            ignore_orphans=self.ignore_orphans,
            renew_anonymous_volumes=self.renew_anon_volumes,
        )

    def build_options(self) -> BuildOptions:
        """Which images to build."""
        attempt = "build" if self.build else self.pull
        return BuildOptions(always=self.build, never=self.no_build, attempt=attempt, pull=self.pull == "build")

    def attached(self, project: Project) -> frozenset[str]:
        """The services whose output the foreground prints, and whose end it awaits: all of them if it were none."""
        wanted = set(self.attach)
        if not wanted:
            named = set(self.services) if self.services and not self.attach_dependencies else set(project.services)
            wanted = {name for name in named if name in project.services and project.services[name].attach}
        return frozenset(wanted - set(self.no_attach)) or frozenset(project.services)


def pull_policy(text: str) -> str:
    """`--pull` as plans know it; "" leaves it to the services."""
    return {"policy": "", "if_not_present": "missing"}.get(text, text)


def with_orphans(request: UpRequest, session: Session, project: Project) -> UpRequest:
    """The request with what COMPOSE_REMOVE_ORPHANS and COMPOSE_IGNORE_ORPHANS say. Raises `UsageError`."""
    removes = removes_orphans(session, request.remove_orphans)
    ignores = is_true(project.environment.get("COMPOSE_IGNORE_ORPHANS", ""))
    if removes and ignores:
        raise UsageError("COMPOSE_IGNORE_ORPHANS and --remove-orphans contradict each other", hint="unset one of them")
    return replace(request, remove_orphans=removes, ignore_orphans=ignores)


def parse_scale(texts: tuple[str, ...]) -> dict[str, int]:
    """`web=3` as numbers. Raises `UsageError`."""
    scale: dict[str, int] = {}
    for text in texts:
        name, _, number = text.partition("=")
        if not name or not number.isdecimal():
            raise UsageError(f"`{text}` is not a scale", hint="write SERVICE=NUMBER, as in web=3")
        scale[name] = int(number)
    return scale


def load_selected(
    session: Session, services: tuple[str, ...], *, with_dependencies: bool = True
) -> tuple[Project, Places]:
    """The project narrowed to these services (all without names). Raises `UsageError` for an unknown one."""
    from compose.graph.graph import select_services

    loaded = load_project(session, select=services, selected_only=True)
    project = loaded.project
    if not project.services and not services:
        raise UsageError("no service selected", hint="enable a profile with --profile, or name a service")
    selected = select_services(
        project, services, with_dependencies=with_dependencies, all_resources=session.all_resources
    )
    warn_without_effect(session, loaded, selected.services)
    return selected, loaded.places
