"""A project directory to fill with files and load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from compose.errors import InvalidProject, Problem
from compose.load.pipeline import Loaded, LoadRequest, load


@dataclass(frozen=True)
class Directory:
    """Files are written below `path`; `load` loads what lies there."""

    path: Path

    def write(self, name: str, text: str) -> None:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")

    def load(self, text: str | None = None, **wishes: Any) -> Loaded:
        if text is not None:
            self.write("compose.yaml", text)
        wishes = {"environment": {"HOME": "/root"}, "project_name": "demo", **wishes}
        return load(LoadRequest(cwd=self.path, **wishes))

    def service(self, text: str, **wishes: Any) -> dict[str, Any]:
        """Load a project whose service `app` has the given attributes, and return it as the document shows it."""
        body = "".join(f"    {line}\n" for line in text.strip("\n").splitlines())
        service: dict[str, Any] = self.load(f"services:\n  app:\n    image: alpine\n{body}", **wishes).document[
            "services"
        ]["app"]
        wanted = {line.partition(":")[0] for line in text.splitlines()}
        given = ("command", "entrypoint", "image", "networks")
        return {key: value for key, value in service.items() if key in wanted or key not in given}

    def problems(self, text: str | None = None, **wishes: Any) -> Sequence[Problem]:
        with pytest.raises(InvalidProject) as caught:
            self.load(text, **wishes)
        return caught.value.problems

    def complaints(self, text: str | None = None, **wishes: Any) -> list[str]:
        """Return the problems as `line:column message`."""
        return [
            f"{problem.where.line}:{problem.where.column} {problem.message}" if problem.where else problem.message
            for problem in self.problems(text, **wishes)
        ]
