"""`include`: other Compose projects made part of this one (specification, 14-include.md).

Each is assembled on its own, with its own directory and `.env`; then its resources are added to the including
document. The same name on both sides is an error, unless both mean exactly the same.
"""

from __future__ import annotations

import os.path
from pathlib import Path
from typing import Any, NoReturn

from msgspec.structs import replace

from compose.errors import ComposeError, InvalidProject, Location, Problem
from compose.load.merging.extends import relative_directory
from compose.load.origins.environment import Environment
from compose.load.scope import Assembling, Scope
from compose.load.sources import read_env_file
from compose.load.text.files import clean_join
from compose.load.tree import Map, Seq

SECTIONS = ("services", "volumes", "networks", "secrets", "configs", "models")
MAX_DEPTH = 30


def apply_include(tree: Map, file: str, scope: Scope, assembler: Assembling) -> None:
    """Add what a document includes to it, in place."""
    if "include" not in tree:
        return
    entries = Seq(tree.where) if tree["include"] is None else tree["include"]
    if not isinstance(entries, Seq):
        where = tree.value_at("include")
        assembler.report.problem(Problem("`include` must be a list", where, "write `include: [path]`"))
        del tree["include"]
        return
    scope = replace(scope, included=(*scope.included, file))
    for entry, where in entries.pairs():
        try:
            _Inclusion(entry, where, scope, assembler).add_to(tree)
        except InvalidProject as exc:
            assembler.report.absorb(exc)
            assembler.report.is_incomplete = True
    del tree["include"]


class _Inclusion:
    def __init__(self, entry: Any, where: Location, scope: Scope, assembler: Assembling) -> None:
        self._where = where
        self._scope = scope
        self._assembler = assembler
        self._entry = entry if isinstance(entry, Map) else Map(where, {"path": entry})

    def add_to(self, tree: Map) -> None:
        """Assemble the included project and add its resources to `tree`."""
        names = self._texts("path")
        if not names:
            self._assembler.report.warn(f"{self._where}: an `include` without a path includes nothing")
            return
        files = tuple(map(self._located, names, self._places("path")))
        for file, place in zip(files, self._places("path"), strict=True):
            if not self._assembler.disk.is_file(file):
                self._fail(f"`include` names a file that does not exist: {self._shown(file)}", place)
        if files[0] in self._scope.included:
            trail = " -> ".join(self._assembler.disk.display(name) for name in (*self._scope.included, files[0]))
            self._fail(f"files include each other in a circle: {trail}")
        directory, base = self._directory(files[0])
        if len(self._scope.included) > MAX_DEPTH:
            self._fail(f"more than {MAX_DEPTH} files include each other in a row")
        environment = self._environment(directory)
        inner = replace(self._scope, directory=directory, base=base, environment=environment)
        included = self._assembler.project(files, inner, resolve_paths=True)
        for section in SECTIONS:
            self._import(included, tree, section)

    def _located(self, name: str, place: Location) -> str:
        try:
            return self._assembler.disk.located(self._scope.directory, name)
        except ComposeError as exc:
            self._fail(exc.message, place, exc.hint)

    def _texts(self, key: str) -> list[str]:
        value = self._entry.get(key)
        if isinstance(value, str):
            return [value]
        if value is None:
            return []
        if not isinstance(value, Seq) or not all(isinstance(item, str) for item in value):
            self._fail(f"`{key}` of `include` must be a path or a list of paths", self._entry.value_at(key))
        return list(value)

    def _places(self, key: str) -> list[Location]:
        value = self._entry.get(key)
        return [place for _, place in value.pairs()] if isinstance(value, Seq) else [self._entry.value_at(key)]

    def _shown(self, path: str) -> str:
        return self._assembler.disk.display(path)

    def _directory(self, file: str) -> tuple[str, str]:
        """Return the included project's directory, absolute and as seen from the including one."""
        wanted = self._entry.get("project_directory")
        if not isinstance(wanted, str) or not wanted:
            return str(Path(file).parent), relative_directory(file, self._scope.directory)
        directory = clean_join(self._scope.directory, wanted)
        if wanted.startswith("/"):
            return directory, wanted
        return directory, os.path.relpath(directory, self._scope.directory)

    def _environment(self, directory: str) -> Environment:
        names = self._texts("env_file")
        paths = [clean_join(self._scope.directory, name) for name in names]
        default = clean_join(directory, ".env")
        if not paths and self._assembler.disk.is_file(default):
            paths = [default]
        loaded: dict[str, str] = {}
        for index, path in enumerate(paths):
            if not self._assembler.disk.is_file(path):
                place = self._places("env_file")[index] if names else None
                self._fail(f"`include` names an env file that does not exist: {self._shown(path)}", place)
            read_env_file(self._assembler.disk, path, loaded, self._scope.environment.get, self._assembler.report)
        outer = self._scope.environment
        return Environment({**loaded, **outer}, outer=outer, layers=(tuple(paths),))

    def _import(self, source: Map, target: Map, section: str) -> None:
        resources = source.get(section)
        if not isinstance(resources, Map):
            return
        if not isinstance(target.get(section), Map):
            target.put(section, Map(self._where), self._where)
        for name in resources:
            if name not in target[section]:
                target[section].take(resources, name)
            elif target[section][name] != resources[name]:
                where = target[section].key_at(name)
                other = resources.key_at(name)
                hint = f"the other one is at {other}; rename one, or change it in an override file"
                message = f"{section}.{name} is defined here and in an included file"
                self._assembler.report.problem(Problem(message, where, hint))

    def _fail(self, message: str, where: Location | None = None, hint: str | None = None) -> NoReturn:
        """Raise, with the problems found before."""
        self._assembler.report.fail(Problem(message, where or self._where, hint))
