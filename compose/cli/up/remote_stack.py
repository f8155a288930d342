"""What is asked before a project runs that comes from elsewhere: others wrote it, and it runs with our variables."""

from __future__ import annotations

import sys

from compose.cli.asking import is_agreed
from compose.cli.loading import load_silently
from compose.cli.session import Session
from compose.errors import ComposeError
from compose.load.text.used import UsedVariable, used_variables
from compose.model.project import Project
from compose.model.remotes import is_remote_file
from compose.render.tables import table

_HEADER = ("VARIABLE", "VALUE", "SOURCE", "REQUIRED", "DEFAULT")


def confirm_remote(session: Session, project: Project, *, yes: bool) -> None:
    """Ask for what a project that is elsewhere brings along; nothing with `yes`. Raises `ComposeError` for a no."""
    if not session.files or not is_remote_file(session.files[0]):
        return
    included = [address for address in project.remote_files if address not in session.files]
    if included and not yes:
        said = ["The project includes files from elsewhere:", *(f"  {address}" for address in included)]
        _insist("\n".join((*said, "Whoever can change them decides what runs here. Go on?")), default=False)
    if session.progress not in ("quiet", "json"):
        sys.stdout.write(f'Your compose stack "{session.files[0]}" is stored in "{project.working_dir}"\n')
    if not yes and (used := used_variables(load_silently(session, interpolate=False).document)):
        rows = [_row(session, project, used[name]) for name in sorted(used)]
        _insist(f"\nThe files use these variables:\n{table(_HEADER, rows)}\nGo on with them?", default=True)


def _row(session: Session, project: Project, variable: UsedVariable) -> tuple[str, ...]:
    name = variable.name
    if name in session.environment:
        value, source = session.environment[name], "environment"
    elif name in project.environment:
        value, source = project.environment[name], "env file"
    elif variable.default_value:
        value, source = variable.default_value, "compose file"
    else:
        value, source = "<unset>", "none"
    return name, value, source, "yes" if variable.required else "no", variable.default_value


def _insist(question: str, *, default: bool) -> None:
    if not is_agreed(question, default=default):
        raise ComposeError("operation cancelled by user", hint="-y answers yes to every question")
