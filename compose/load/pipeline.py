"""Loading a project: the stages in order. See docs/architecture.md for what each stage does."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from compose.errors import InvalidProject, Location, Problem
from compose.load.assemble import Assembler, drop_secret_values, keep_secret_values
from compose.load.bind import bind_file_object, bind_model, bind_network, bind_service, bind_volume
from compose.load.checks.references import check_names, check_project
from compose.load.document import Parts, canonical, document, drop_unused, select, shape
from compose.load.forms.kinds import plain
from compose.load.forms.normalise import normalise
from compose.load.name import project_name
from compose.load.origins.environment import Environment
from compose.load.origins.places import Places
from compose.load.origins.trace import Trace
from compose.load.report import Report
from compose.load.scope import Scope
from compose.load.sources import NAMES, LoadRequest, Sources, find_settings, find_sources
from compose.load.text.files import STDIN, Disk
from compose.load.tree import Map
from compose.load.variables import Variables
from compose.model.project import Project
from compose.model.remotes import ARTIFACT

__all__ = ["LoadRequest", "Loaded", "load", "settings"]


class Loaded(Struct, frozen=True):
    """A loaded project: typed for planning, and as the document that `config --format json` prints.

    Without interpolation the document is the merged one with its variables, and the project has no services unless
    it was to be bound all the same.
    """

    project: Project
    document: Mapping[str, Any]
    places: Places


def _fetched(request: LoadRequest, address: str) -> str:
    if address.startswith(ARTIFACT):
        return request.artifact(address)
    from compose.load.elsewhere import fetched  # hardly any project is

    return fetched(address, NAMES, request.environment)


def settings(request: LoadRequest) -> dict[str, str]:
    """The variables `COMPOSE_…` by which the shell and the env files set up the program itself."""
    return find_settings(request, Disk(request.cwd, request.stdin, partial(_fetched, request)))


def load(request: LoadRequest) -> Loaded:
    """Load a project.

    Raises `InvalidProject` with every problem that was found, or `NoProject` when there is no Compose file.
    """
    disk = Disk(request.cwd, request.stdin, partial(_fetched, request))
    report = Report(disk.source_line)
    sources = find_sources(request, disk, report)
    assembler = Assembler(request, disk, report)
    assembler.read_all(sources.files)
    name = project_name(request, sources, assembler)
    # A document that keeps its variables keeps those without a value as well.
    is_bound = request.interpolate or request.bind_always
    known = sources.environment if is_bound else Environment({}, outer={})
    environment = known.plus(COMPOSE_PROJECT_NAME=name)
    scope = Scope(directory=sources.working_dir, base=sources.working_dir, environment=environment)
    tree = assembler.project(sources.files, scope, resolve_paths=request.resolve_paths)
    if report.has_problems:
        if request.check and request.interpolate and not report.is_incomplete:
            _find_more(tree, sources, environment, _Stage(request, disk, report))
        report.raise_problems()
    if not tree:
        raise InvalidProject(report.with_sources([_empty(sources, disk)]))
    places = Places(tree, Trace(disk, environment, assembler.environments, request.project_name))
    if request.normalise:
        normalise(tree, name, environment)
    if not is_bound:
        drop_secret_values(tree)
        project = Project(name, sources.working_dir, sources.files, {}, warnings=report.warnings)
        return Loaded(project, plain(tree), places)
    keep_secret_values(tree)
    parts = _finish(tree, sources, environment, _Stage(request, disk, report))
    project = replace(_bind(name, parts, sources, environment, report), remote_files=disk.addresses)
    if not request.all_resources:
        drop_unused(parts)
    return Loaded(project, document(name, parts), places)


class _Stage(Struct, frozen=True):
    request: LoadRequest
    disk: Disk
    report: Report


def _empty(sources: Sources, disk: Disk) -> Problem:
    name = "<stdin>" if sources.files[0] == STDIN else disk.display(sources.files[0])
    return Problem("empty compose file", Location(name, 1, 1), "add a `services:` section")


def _find_more(tree: Map, sources: Sources, environment: Environment, stage: _Stage) -> None:
    """Add to the report what else is wrong with a project that has mistakes; the tree is of no use afterwards."""
    from compose.load.checks.salvage import take_out  # only when something is wrong

    lost = take_out(tree, stage.report.problems)
    normalise(tree, environment["COMPOSE_PROJECT_NAME"], environment)
    try:
        _finish(tree, sources, environment, replace(stage, report=Report(stage.disk.source_line)))
    except InvalidProject as exc:
        stage.report.absorb(InvalidProject(lost.unexplained(exc.problems)))


def _finish(tree: Map, sources: Sources, environment: Mapping[str, str], stage: _Stage) -> Parts:
    """Return the canonical parts, checked as a whole, with their variable files read."""
    report = stage.report
    parts = shape(tree, sources.profiles, report)
    if stage.request.check:
        check_project(parts, tree, report)

    def read_variables(services: dict[str, Any], said: Report) -> None:
        variables = Variables(tree, environment, stage.disk, said)
        for name, service in services.items():
            if stage.request.resolve_environment:
                variables.fill_environment(name, service)
            variables.fill_labels(name, service)

    if stage.request.select and not report.has_problems:
        if not stage.request.selected_only:
            read_variables(parts.services, report)
        select(parts, stage.request.select)
    if stage.request.check and stage.request.check_names:
        check_names(parts, tree, report)
    read_variables(parts.services, report)
    # A disabled service may lack its files; what is there is read in case it gets enabled by name.
    read_variables(parts.disabled, Report(stage.disk.source_line))
    report.raise_problems()
    return parts


def _bind(name: str, parts: Parts, sources: Sources, environment: Mapping[str, str], report: Report) -> Project:
    platform = environment.get("DOCKER_DEFAULT_PLATFORM", "")
    default: dict[str, Any] = {"platform": platform} if platform else {}
    try:
        return Project(
            name=name,
            working_dir=sources.working_dir,
            compose_files=sources.files,
            services={key: bind_service(key, {**default, **entry}) for key, entry in parts.services.items()},
            disabled={key: bind_service(key, {**default, **entry}) for key, entry in parts.disabled.items()},
            networks={key: bind_network(key, entry) for key, entry in parts.sections["networks"].items()},
            volumes={key: bind_volume(key, entry) for key, entry in parts.sections["volumes"].items()},
            configs={
                key: bind_file_object(key, entry, environment) for key, entry in parts.sections["configs"].items()
            },
            secrets={
                key: bind_file_object(key, entry, environment) for key, entry in parts.sections["secrets"].items()
            },
            models={key: bind_model(key, entry) for key, entry in parts.sections["models"].items()},
            environment=environment,
            environment_files=tuple(file for file in sources.env_files if file != f"{sources.home}/.env"),
            canonical=canonical(parts, platform),
            warnings=report.warnings,
        )
    except InvalidProject as exc:
        raise InvalidProject(report.with_sources(list(exc.problems))) from exc
