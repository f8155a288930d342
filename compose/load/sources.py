"""Which files, variables, profiles and directory a project is loaded from, by flags, environment and discovery."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct, field

from compose.errors import ComposeError, InvalidProject, Location, NoProject, Problem
from compose.load.origins.environment import Environment
from compose.load.report import Report
from compose.load.text import dotenv
from compose.load.text.files import LINE_BREAK, STDIN, Disk, lenient, readable

NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
OVERRIDE_NAMES = (
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)
TRUE_TEXTS = ("1", "t", "T", "true", "TRUE", "True")
FALSE_TEXTS = ("0", "f", "F", "false", "FALSE", "False")


def no_input() -> bytes:
    """Stand for a standard input that is not there."""
    raise ComposeError("`-f -` needs a Compose file on standard input")


def no_artifact(address: str) -> str:
    """Stand for registries that nobody is to ask."""
    raise ComposeError(f"`{address}` is in a registry, which is not asked here")


class LoadRequest(Struct, frozen=True):
    """What the command line and the environment say about the project.

    `files` are the `-f` arguments in order ("-" is standard input). `environment` is the shell's. `artifact` gives the
    local path of the Compose file of an address `oci://…`, or raises `ComposeError`. The switches are
    those of `config`: with `interpolate` off the document keeps its variables (and no project is bound, unless
    `bind_always` wants one of what is written there), `resolve_paths` off keeps relative paths, `normalise` off adds
    no defaults, `check` off allows references to what is not there, `check_names` off allows services to share a
    container's name, `resolve_environment` off leaves `env_file` alone. `select` narrows the document and the project
    to these services, their dependencies and what they use, and `selected_only` leaves the `env_file`s of the others
    unread; `all_resources` keeps unused resources.
    """

    cwd: Path
    files: tuple[str, ...] = ()
    project_directory: str = ""
    project_name: str = ""
    profiles: tuple[str, ...] = ()
    env_files: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    stdin: Callable[[], bytes] = no_input
    artifact: Callable[[str], str] = no_artifact
    interpolate: bool = True
    bind_always: bool = False
    normalise: bool = True
    resolve_paths: bool = True
    check: bool = True
    check_names: bool = True
    resolve_environment: bool = True
    all_resources: bool = False
    select: tuple[str, ...] = ()
    selected_only: bool = False


class Sources(Struct, frozen=True):
    """The answer: absolute file names in order, the project's directory, its variables and its profiles.

    `home` is the directory that has the `.env` and gives the project its name: another one for files from elsewhere.
    """

    files: tuple[str, ...]
    working_dir: str
    home: str
    environment: Environment
    env_files: tuple[str, ...]
    profiles: tuple[str, ...]


def find_sources(request: LoadRequest, disk: Disk, report: Report) -> Sources:
    """Find the project's files and variables; raises `NoProject` when there is no Compose file."""
    finder = _Finder(request, disk, report)
    finder.adopt_settings()
    finder.load_env_files()
    files = finder.files or finder.files_by_variable() or finder.discover()
    if not files:
        raise NoProject(
            "no configuration file provided: not found",
            hint=f"create compose.yaml in {disk.cwd}, change to the project's directory, or name a file with -f",
        )
    finder.files = files
    finder.load_env_files()  # again: the files may lie in another directory, with its own .env
    return Sources(
        files=tuple(name if name == STDIN else disk.absolute(name) for name in files),
        working_dir=finder.working_dir(),
        home=finder.home(),
        environment=finder.environment,
        env_files=tuple(finder.env_files),
        profiles=finder.profiles(),
    )


def find_settings(request: LoadRequest, disk: Disk) -> dict[str, str]:
    """The variables `COMPOSE_…` of the shell and the env files. Files with mistakes have none: `load` tells of them."""
    finder = _Finder(request, disk, Report(disk.source_line))
    finder.adopt_settings()
    return {name: value for name, value in finder.environment.items() if name.startswith("COMPOSE_")}


class _Finder:
    def __init__(self, request: LoadRequest, disk: Disk, report: Report) -> None:
        self._request = request
        self._disk = disk
        self._report = report
        self.files = [self._located(name) for name in request.files]
        shell = {name: readable(value) for name, value in request.environment.items()}
        self.environment = Environment({"PWD": disk.cwd, **shell}, outer=shell)
        self.env_files: list[str] = []

    def home(self) -> str:
        """Return the user's directory: as asked for, else that of the first file, else the current one.

        A file that is elsewhere has none: whoever uses it stands in the current directory.
        """
        if self._request.project_directory:
            return self._disk.absolute(self._request.project_directory)
        first = next((name for name in self.files if name != STDIN), "")
        if not first or self._disk.is_elsewhere(first):
            return self._disk.cwd
        return str(Path(self._disk.absolute(first)).parent)

    def working_dir(self) -> str:
        """Return what relative paths start from: where the first file from elsewhere is, else the user's directory."""
        far = next((name for name in self.files if self._disk.is_elsewhere(name)), "")
        return str(Path(far).parent) if far else self.home()

    def profiles(self) -> tuple[str, ...]:
        if self._request.profiles:
            return self._request.profiles
        return tuple(name.strip() for name in self.environment.get("COMPOSE_PROFILES", "").split(","))

    def adopt_settings(self) -> None:
        """Let the COMPOSE_ variables of the first env files count like the shell's.

        So `.env` can say with COMPOSE_DISABLE_ENV_FILE that nothing else of it is to be used.
        """
        files = tuple(self._env_files())
        loaded: dict[str, str] = {}
        silent = Report(self._disk.source_line)  # all that is wrong is found again, and told, when the files are loaded
        for path in files:
            try:
                read_env_file(self._disk, path, loaded, self._request.environment.get, silent)
            except InvalidProject:
                return
        settings = {name: value for name, value in loaded.items() if name.startswith("COMPOSE_")}
        if settings:
            self.environment.add_files(files, settings)

    def load_env_files(self) -> None:
        """Add the variables of the env files that the environment does not have yet."""
        self.env_files = self._env_files() or self.env_files
        loaded: dict[str, str] = {}
        for path in self.env_files:
            try:
                read_env_file(self._disk, path, loaded, self.environment.get, self._report)
            except InvalidProject as exc:
                self._report.absorb(exc)
        self.environment.add_files(tuple(self.env_files), loaded)

    def _env_files(self) -> list[str]:
        wanted = self._request.env_files or [
            name for name in self._request.environment.get("COMPOSE_ENV_FILES", "").split(",") if name
        ]
        if wanted:
            return [self._disk.absolute(name) for name in wanted]
        disabled = self.environment.get("COMPOSE_DISABLE_ENV_FILE")
        if disabled is not None and disabled not in (*TRUE_TEXTS, *FALSE_TEXTS):
            raise ComposeError(f"COMPOSE_DISABLE_ENV_FILE is `{disabled}`, which is not a boolean", hint="use 1 or 0")
        default = f"{self.home().rstrip('/')}/.env"
        return [default] if disabled not in TRUE_TEXTS and self._disk.is_file(default) else []

    def files_by_variable(self) -> list[str]:
        value = self.environment.get("COMPOSE_FILE")
        if value is None:
            return []
        separator = self.environment.get("COMPOSE_PATH_SEPARATOR") or ":"
        return [self._located(name) for name in value.split(separator)]

    def _located(self, name: str) -> str:
        return name if name == STDIN else self._disk.located(self._disk.cwd, name)

    def discover(self) -> list[str]:
        """Look for the usual names here and upwards."""
        directory = Path(self.home())
        for place in (directory, *directory.parents):
            found = self._choose("config", NAMES, place)
            if found:
                return found + self._choose("override", OVERRIDE_NAMES, place)
        return []

    def _choose(self, kind: str, names: tuple[str, ...], place: Path) -> list[str]:
        found = [path for name in names if self._disk.exists(path := str(place / name))]
        if len(found) > 1:
            self._report.warn(f"Found multiple {kind} files with supported names: {', '.join(found)}")
            self._report.warn(f"Using {found[0]}")
        return found[:1]


def read_env_file(
    disk: Disk, path: str, into: dict[str, str], lookup: Callable[[str], str | None], report: Report
) -> None:
    """Add the variables of one env file to `into`; raises `InvalidProject` when it cannot be used."""
    name = disk.display(path)
    try:
        text = disk.read(path, lenient)
    except FileNotFoundError as exc:
        raise InvalidProject([Problem(f"env file {name} not found", Location(name))]) from exc
    except OSError as exc:
        raise InvalidProject([unreadable(f"the env file {name}", name, exc)]) from exc
    try:
        dotenv.read(text, name, into, lookup, report.unset)
    except dotenv.DotenvError as exc:
        raise InvalidProject(report.with_sources(list(exc.problems))) from exc


def unreadable(what: str, name: str, exc: OSError | UnicodeDecodeError) -> Problem:
    """Return the problem that a file cannot be read, at its first bad byte if it is not text."""
    if isinstance(exc, OSError):
        return Problem(f"cannot read {what}: {(exc.strerror or str(exc)).lower()}", Location(name))
    before = exc.object[: exc.start].decode("utf-8", "replace")
    line = LINE_BREAK.split(before)
    where = Location(name, len(line), len(line[-1]) + 1)
    return Problem(f"cannot read {what}: it is not UTF-8 text", where, "save the file in the encoding UTF-8")
