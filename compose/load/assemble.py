"""Files to one document: read, interpolate, extend, include, merge, check against the schema, canonicalise.

A file is laid over what came before it only after its own `extends` and `include` are worked out, so that each is
resolved where it stands. Included projects go through the same steps with their own directory and variables.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from compose.errors import InvalidProject, Problem
from compose.load.checks.entries import check_entries
from compose.load.checks.validate import check_schema
from compose.load.forms.allowed import check_forms
from compose.load.forms.canonical import canonicalise, set_defaults
from compose.load.merging import extends, include
from compose.load.merging.locations import Resolver
from compose.load.merging.merge import apply_resets, merge_documents
from compose.load.merging.unique import enforce_unique
from compose.load.report import Report
from compose.load.scope import Scope
from compose.load.sources import LoadRequest, unreadable
from compose.load.text.files import STDIN, Disk, document_text
from compose.load.text.interpolate import Interpolation
from compose.load.text.yaml import Document, Path, parse
from compose.load.tree import NOWHERE, Map, Seq, clone

# Where a secret keeps its value between files: a key that no attribute has, so that it passes for an extension.
SECRET_VALUE = "x-#value"


class Assembler(Struct):
    """Assembles the documents of one load; `environments` are those that the files were interpolated with."""

    request: LoadRequest
    disk: Disk
    report: Report
    environments: dict[str, list[Mapping[str, str]]] = field(default_factory=dict[str, "list[Mapping[str, str]]"])
    _documents: dict[str, list[Document]] = field(default_factory=dict[str, list[Document]])

    def project(self, files: tuple[str, ...], scope: Scope, *, resolve_paths: bool) -> Map:
        """Return the canonical document of some files, defaults and (if asked for) absolute paths included."""
        tree = Map(NOWHERE)
        for file in files:
            tree = self._lay_over(tree, file, scope)
        set_defaults(tree, self.report)
        check_entries(tree, self.report)
        if resolve_paths:
            Resolver(scope.base, self.request.environment.get("HOME"), self.disk).document(tree)
        _fill_environment(tree, scope.environment)
        return tree

    def base_file(self, file: str, base: str, environment: Mapping[str, str]) -> tuple[Map, set[Path]]:
        """Return the document of a file that a service `extends`, and the paths that it resets.

        Nothing but the file itself is looked at: its services are extended one by one, as they are asked for.
        """
        tree = Map(NOWHERE)
        resets: set[Path] = set()
        for document, content in self._contents(file, environment):
            resets = document.resets
            apply_resets(tree, resets)
            tree = merge_documents(tree, content, self.report.problem)
            enforce_unique(tree, self.report)
            check_forms(tree, self.report)
            canonicalise(tree, self.report, keep_unparsable=not self.request.interpolate)
            enforce_unique(tree, self.report)
        Resolver(base, self.request.environment.get("HOME"), self.disk).document(tree)
        return tree, resets

    def documents(self, file: str) -> list[Document]:
        """Return the parsed YAML documents of a file; raises `InvalidProject` when it cannot be read."""
        if file not in self._documents:
            name = "<stdin>" if file == STDIN else self.disk.display(file)
            try:
                text = self.disk.read(file, document_text)
            except (OSError, UnicodeDecodeError) as exc:
                raise InvalidProject(self.report.with_sources([unreadable(name, name, exc)])) from exc
            try:
                self._documents[file] = parse(text, name, self.report.problem)
            except InvalidProject as exc:
                raise InvalidProject(self.report.with_sources(list(exc.problems))) from exc
        return self._documents[file]

    def read_all(self, files: tuple[str, ...]) -> None:
        """Parse files; raises `InvalidProject` if one of them, or a variable file before, cannot be read."""
        unreadable = self.report.has_problems
        for file in files:
            try:
                self.documents(file)
            except InvalidProject as exc:
                self.report.absorb(exc)
                unreadable = True
        if unreadable:
            self.report.raise_problems()

    def _contents(self, file: str, environment: Mapping[str, str]) -> list[tuple[Document, Map]]:
        contents = []
        for document in self.documents(file):
            if not isinstance(document.tree, Map):
                self.report.fail(Problem("a Compose file must be a mapping at the top", document.where))
            if self.request.interpolate:
                self.environments.setdefault(document.tree.where.file, []).append(environment)
                contents.append((document, Interpolation(environment.get, self.report).document(document.tree)))
            else:
                contents.append((document, clone(document.tree)))  # the stages work in place
        return contents

    def _lay_over(self, tree: Map, file: str, scope: Scope) -> Map:
        for document, content in self._contents(file, scope.environment):
            extends.apply_extends(content, document.resets, file, scope, self)
            apply_resets(tree, document.resets)
            include.apply_include(content, file, scope, self)
            tree = merge_documents(tree, content, self.report.problem)
            enforce_unique(tree)
            check_schema(tree, self.report)
            if "version" in tree:
                self.report.warn(
                    f"{self.disk.display(file)}: the attribute `version` is obsolete, it will be ignored, "
                    "please remove it to avoid potential confusion"
                )
                del tree["version"]
            canonicalise(tree, self.report, keep_unparsable=not self.request.interpolate)
            enforce_unique(tree, self.report)
        return tree


def _fill_environment(tree: Map, environment: Mapping[str, str]) -> None:
    """Give variables named without a value theirs while the right environment is at hand."""
    for service in _entries(tree, "services"):
        variables = service.get("environment")
        if isinstance(variables, Seq):
            for index, item in enumerate(variables):
                if isinstance(item, str) and item in environment:
                    variables[index] = f"{item}={environment[item]}"
    for config in _entries(tree, "configs"):
        name = config.get("environment")
        if isinstance(name, str) and name in environment:
            config["content"] = environment[name]
    for secret in _entries(tree, "secrets"):
        name = secret.get("environment")
        if isinstance(name, str) and name in environment:
            secret[SECRET_VALUE] = environment[name]


def keep_secret_values(tree: Map) -> None:
    """Make the values of secrets their content, which is never printed, in place."""
    for secret in _entries(tree, "secrets"):
        if isinstance(secret.get(SECRET_VALUE), str):
            secret["content"] = secret.pop(SECRET_VALUE)


def drop_secret_values(tree: Map) -> None:
    """Forget the values of secrets, in place: docker compose prints those of included ones with `--no-interpolate`."""
    for secret in _entries(tree, "secrets"):
        secret.pop(SECRET_VALUE, None)


def _entries(tree: Map, section: str) -> list[Map]:
    entries: Any = tree.get(section)
    return [entry for entry in entries.values() if isinstance(entry, Map)] if isinstance(entries, Map) else []
