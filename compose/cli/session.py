"""What every command starts from: the global options, the environment and the working directory."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field
from msgspec.structs import replace

from compose.errors import UsageError
from compose.model.remotes import is_remote_file

PROGRESS = ("auto", "tty", "plain", "json", "quiet")
# The options that are attributes of a session as they are.
_FIELDS = (
    "files",
    "project_name",
    "profiles",
    "env_files",
    "all_resources",
    "host",
    "dry_run",
    "compatibility",
    "insecure_registries",
)

if TYPE_CHECKING:
    from compose.load.pipeline import LoadRequest
    from compose.model.project import Project


class Session(Struct, frozen=True):
    """One run of the program. Nothing but `.env` is read, and nothing connected, before a command asks for it.

    `settings` are the variables `COMPOSE_…` of the shell, and those of `.env` that the shell does not have. `progress`
    and `ansi` fit together; `parallel` is how many calls may go on at the same time, 0 for any number. From
    `insecure_registries` Compose files may come without TLS; `known_artifacts` are those that were pulled in this run.
    """

    environment: Mapping[str, str]
    cwd: Path
    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    files: tuple[str, ...] = ()
    project_name: str = ""
    profiles: tuple[str, ...] = ()
    env_files: tuple[str, ...] = ()
    project_directory: str = ""
    all_resources: bool = False
    host: str = ""
    ansi: str = "auto"
    progress: str = "auto"
    parallel: int = 0
    dry_run: bool = False
    compatibility: bool = False
    insecure_registries: tuple[str, ...] = ()
    known_artifacts: dict[str, str] = field(default_factory=dict[str, str])

    def request(self, **switches: Any) -> LoadRequest:
        """What to load, with the switches of `LoadRequest`."""
        from compose.load.pipeline import LoadRequest

        return LoadRequest(
            cwd=self.cwd,
            files=self.files,
            project_directory=self.project_directory,
            project_name=self.project_name,
            profiles=self.profiles,
            env_files=self.env_files,
            environment=self.environment,
            stdin=sys.stdin.buffer.read,
            all_resources=self.all_resources,
            **switches,
        )

    @property
    def given_name(self) -> str:
        """The project's name if the user gave it outside the files, "" otherwise."""
        return self.project_name or self.settings.get("COMPOSE_PROJECT_NAME", "")


def session_of(options: Mapping[str, Any], environment: Mapping[str, str]) -> Session:
    """The session that the global options and the variables which stand for them ask for.

    Raises `UsageError` for what contradicts itself or means nothing.
    """
    directory = _directory(options)
    plain: dict[str, Any] = {name: value for name, value in options.items() if name in _FIELDS}
    given = Session(
        environment=dict(environment), cwd=_working_directory(environment), project_directory=directory, **plain
    )
    settings = _settings(given)
    ansi, progress = _appearance(options, environment, settings)
    return replace(
        given,
        settings=settings,
        host=given.host or environment.get("DOCKER_HOST", ""),
        ansi=ansi,
        progress=progress,
        parallel=_parallel(options["parallel"], settings),
        compatibility=given.compatibility or is_true(settings.get("COMPOSE_COMPATIBILITY", "")),
    )


def rehearsing(session: Session) -> Session:
    """The same with `--dry-run`."""
    return replace(session, dry_run=True)


def _working_directory(environment: Mapping[str, str]) -> Path:
    """Where we are, by the name that the shell has for it: behind a symbolic link, the project is named after the link.

    So it is with docker compose, as Go's `os.Getwd` believes `PWD` where that is true. Raises `UsageError`.
    """
    named = environment.get("PWD", "")
    if named.startswith("/") and ".." not in Path(named).parts:
        with suppress(OSError):  # it is somebody's word for it: the system's comes next
            if Path(named).samefile("."):
                return Path(named)
    try:
        return Path.cwd()
    except FileNotFoundError as exc:
        raise UsageError("the current directory is not there any more", hint="go to another one") from exc


def _directory(options: Mapping[str, Any]) -> str:
    directory: str = options["project_directory"]
    older: str = options["workdir"]
    if directory and older:
        raise UsageError("--workdir and --project-directory mean the same", hint="use --project-directory only")
    return directory or older


def _settings(session: Session) -> Mapping[str, str]:
    """The variables `COMPOSE_…`: those of `.env` count like the shell's."""
    own = {name: value for name, value in session.environment.items() if name.startswith("COMPOSE_")}
    first = next((name for name in session.files if name != "-"), "")
    is_here = first and not is_remote_file(first)
    directory = session.project_directory or (str(Path(first).parent) if is_here else "")
    named = session.env_files or own.get("COMPOSE_ENV_FILES")
    # Most directories have no `.env`.
    if not (named or _has_env_file(session.cwd / directory)):
        return own
    from compose.load.pipeline import settings

    return {**settings(replace(session, files=(), project_directory=directory).request()), **own}


def _has_env_file(directory: Path) -> bool:
    try:
        return (directory / ".env").is_file()
    except PermissionError:
        return False  # what is read next from that directory tells it


def _appearance(
    options: Mapping[str, Any], environment: Mapping[str, str], settings: Mapping[str, str]
) -> tuple[str, str]:
    """Colours, and the form of progress; each says something of the other."""
    ansi: str = options["ansi"] or settings.get("COMPOSE_ANSI", "") or "auto"
    if options["no_ansi"]:
        if ansi != "auto":
            raise UsageError("--no-ansi and --ansi contradict each other", hint="use --ansi only")
        ansi = "never"
    # docker compose has read this one before it reads `.env`.
    progress: str = options["progress"] or environment.get("COMPOSE_PROGRESS", "") or "auto"
    progress = "quiet" if progress == "none" else progress
    if progress not in PROGRESS:
        raise UsageError(f"there is no progress `{progress}`", hint=f"use one of {', '.join(PROGRESS)}")
    if (ansi, progress) in (("never", "tty"), ("always", "plain")):
        raise UsageError(f"--progress {progress} and --ansi {ansi} contradict each other", hint="leave one of them out")
    if progress == "auto":
        progress = {"never": "plain", "always": "tty"}.get(ansi, progress)
    return ansi, progress


def _parallel(given: int | None, settings: Mapping[str, str]) -> int:
    if given is not None:
        return max(given, 0)
    text = settings.get("COMPOSE_PARALLEL_LIMIT")
    try:
        return max(int(text), 0) if text is not None else 0
    except ValueError:
        raise UsageError(f"COMPOSE_PARALLEL_LIMIT is `{text}`", hint="set it to a number, -1 for no limit") from None


def is_true(text: str) -> bool:
    """As docker compose reads its variables."""
    return text.lower() in ("1", "t", "true", "y", "yes", "on")


def removes_orphans(session: Session, given: bool | None) -> bool:
    """Whether containers of services that the files do not define go: as the option says, else the variable."""
    return is_true(session.settings.get("COMPOSE_REMOVE_ORPHANS", "")) if given is None else given


def check_services(project: Project | None, names: tuple[str, ...]) -> None:
    """Raise `UsageError` for a name that no service of the project has."""
    if project is None:
        return
    for name in names:
        if name not in project.services and name not in project.disabled:
            known = ", ".join(sorted({*project.services, *project.disabled})) or "none"
            raise UsageError(f"no such service: {name}", hint=f"the project's services: {known}")
