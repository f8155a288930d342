"""The project's name: asked for, else from the environment, else from the files, else that of the directory."""

from __future__ import annotations

import re

from compose.errors import ComposeError, Problem
from compose.load.assemble import Assembler
from compose.load.sources import LoadRequest, Sources
from compose.load.template import TemplateError, substitute
from compose.load.tree import Map

_ALLOWED = re.compile(r"[a-z0-9_-]")


def normalise_name(text: str) -> str:
    """Return what of the text a project name may have: `a-z`, `0-9`, `-` and `_`, not beginning with the last two."""
    return "".join(_ALLOWED.findall(text.lower())).lstrip("_-")


def project_name(request: LoadRequest, sources: Sources, assembler: Assembler) -> str:
    """Return the name; raises `ComposeError` when it is not valid, or nothing is left of it."""
    asked = request.project_name or sources.environment.get("COMPOSE_PROJECT_NAME", "")
    if asked:
        if normalise_name(asked) != asked:
            raise ComposeError(
                f"invalid project name `{asked}`",
                hint="use only lowercase letters, digits, hyphens and underscores, beginning with a letter or a digit",
            )
        return asked
    written = _written_name(sources, assembler, interpolate=request.interpolate)
    if written is None:
        written = sources.working_dir.rstrip("/").rpartition("/")[2]
        if assembler.disk.real_name(sources.working_dir) != written:
            assembler.report.warn(
                f'project has been loaded without an explicit name from a symlink. Using name "{written}"'
            )
    name = normalise_name(written)
    if not name:
        raise ComposeError("project name must not be empty", hint="set one with `-p NAME` or with `name:` in the file")
    return name


def _written_name(sources: Sources, assembler: Assembler, *, interpolate: bool) -> str | None:
    """Return the last `name` of the files, or None when no file has one."""
    name: str | None = None
    for file in sources.files:
        for document in assembler.documents(file):
            value = document.tree.get("name") if isinstance(document.tree, Map) else None
            if value is None or value == "":
                continue
            name = str(value)
            if interpolate:
                where = document.tree.value_at("name")
                try:
                    name = substitute(name, sources.environment.get, assembler.report.unset)
                except TemplateError as exc:
                    assembler.report.problem(Problem(str(exc), where, exc.hint, part=exc.part))
    return name
