"""The project's name: asked for, else from the environment, else from the files, else that of the directory."""

from __future__ import annotations

from msgspec import Struct

from compose.errors import ComposeError, InvalidProject, Location, Problem
from compose.lazy import lazy_pattern
from compose.load.assemble import Assembler
from compose.load.origins.trace import Trace
from compose.load.sources import LoadRequest, Sources
from compose.load.text.template import TemplateError, substitute
from compose.load.tree import NOWHERE, Map

_ALLOWED = lazy_pattern(r"[a-z0-9_-]")


def normalise_name(text: str) -> str:
    """Return what of the text a project name may have: `a-z`, `0-9`, `-` and `_`, not beginning with the last two."""
    return "".join(_ALLOWED.findall(text.lower())).lstrip("_-")


def project_name(request: LoadRequest, sources: Sources, assembler: Assembler) -> str:
    """Return the name; raises `ComposeError` when it is not valid, or nothing is left of it."""
    asked = request.project_name or sources.environment.get("COMPOSE_PROJECT_NAME", "")
    if asked:
        if normalise_name(asked) != asked:
            raise _invalid(asked, request, sources, assembler)
        return asked
    written = _written(sources, assembler)
    name = written.text
    if name and request.interpolate:
        try:
            name = substitute(name, sources.environment.get, assembler.report.unset)
        except TemplateError as exc:
            assembler.report.problem(Problem(str(exc), written.where, exc.hint, part=exc.part))
    if request.normalise:
        name = normalise_name(name)
    if not name and not written.is_in_first_document:
        name = _directory_name(sources, assembler)
    if not name:
        hint = "set one with `-p NAME` or with `name:` in the file"
        error = ComposeError("project name must not be empty", hint=hint, where=written.where)
        error.source = assembler.disk.source_line(written.where) if written.where else None
        raise error
    return name


def _invalid(name: str, request: LoadRequest, sources: Sources, assembler: Assembler) -> ComposeError:
    """Return the error of a name that was asked for, at the line of the variable file that gave it, if one did."""
    from compose.load.origins.find import Origins  # only when something is wrong

    hint = "use only lowercase letters, digits, hyphens and underscores, beginning with a letter or a digit"
    if request.project_name:
        return ComposeError(f"invalid project name `{name}`", hint=hint)
    message = f"COMPOSE_PROJECT_NAME is the invalid project name `{name}`"
    trace = Trace(assembler.disk, sources.environment, {})
    where = Origins(Map(NOWHERE), trace).variable("COMPOSE_PROJECT_NAME").where
    if where is None:
        return ComposeError(f"{message} in the environment", hint=hint)
    return InvalidProject(assembler.report.with_sources([Problem(message, where, hint, part=name)]))


def _directory_name(sources: Sources, assembler: Assembler) -> str:
    written = sources.home.rstrip("/").rpartition("/")[2]
    if assembler.disk.real_name(sources.home) != written:
        assembler.report.warn(
            f'project has been loaded without an explicit name from a symlink. Using name "{written}"'
        )
    return normalise_name(written)


class _Written(Struct):
    """The last `name` of the files; one in a file's first document keeps that of the directory from standing in."""

    text: str = ""
    where: Location | None = None
    is_in_first_document: bool = False


def _written(sources: Sources, assembler: Assembler) -> _Written:
    written = _Written()
    for file in sources.files:
        for index, document in enumerate(assembler.documents(file)):
            if not isinstance(document.tree, Map):
                break
            name = document.reset_name or document.tree.get("name") or ""
            if name:
                written.text, written.where = str(name), document.tree.value_at("name")
                written.is_in_first_document = written.is_in_first_document or index == 0
    return written
