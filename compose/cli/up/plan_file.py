"""A plan in a file: what `up` was asked for, of which project, and what would become of everything."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, structs

from compose.cli.session import Session
from compose.cli.up.options import UpRequest
from compose.errors import ComposeError, UsageError
from compose.load.text.files import contents

_VERSION = 2
# What of the session decides which project it is.
_PROJECT = ("files", "project_name", "profiles", "env_files", "project_directory", "all_resources", "compatibility")


class Saved(Struct, frozen=True):
    """A plan of a file: how it was asked for, its entries as `--format json` has them, and its mark."""

    session: Session
    request: UpRequest
    plan: Any
    mark: str


def saved(session: Session, request: UpRequest, entries: str, mark: str) -> str:
    """The text of the file; `entries` are the plan's, as JSON, `mark` tells it from every other plan.

    Raises `UsageError` for a project that cannot be read a second time.
    """
    if "-" in session.files:
        raise UsageError(
            "a plan of what came from standard input cannot be kept",
            hint="`apply` reads the file again: give it a name",
        )
    document = {
        "version": _VERSION,
        "cwd": str(session.cwd),
        "project": {name: getattr(session, name) for name in _PROJECT},
        "request": structs.asdict(request),
        "plan": json.loads(entries),
        "mark": mark,
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def read_plan(session: Session, file: Path) -> Saved:
    """What `saved` has written. Raises `ComposeError`, `UsageError`."""
    try:
        document = json.loads(contents(file))
    except OSError as exc:
        raise ComposeError(f"cannot read {file}: {exc.strerror}") from exc
    except ValueError as exc:
        raise _not_a_plan(file) from exc
    if not isinstance(document, dict) or document.get("version") != _VERSION:
        raise _not_a_plan(file)
    try:
        session = structs.replace(session, cwd=Path(document["cwd"]), **_tuples(document["project"]))
        request = UpRequest(**_tuples(document["request"]))
        return Saved(session, request, document["plan"], document["mark"])
    except (KeyError, TypeError) as exc:
        raise _not_a_plan(file) from exc


def _not_a_plan(file: Path) -> UsageError:
    return UsageError(f"{file} is not a plan of this version", hint="make one with `pycompose plan --out FILE`")


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
