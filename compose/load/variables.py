"""`env_file` and `label_file`: their contents merged into each service's environment and labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from compose.errors import Location, Problem
from compose.load.forms.shape import SERVICE
from compose.load.report import Report
from compose.load.sources import unreadable
from compose.load.text import dotenv
from compose.load.text.files import Disk, lenient
from compose.load.tree import Map, locate

RAW = "raw"


class Variables:
    """Reads the variable files of services; problems go to the report."""

    def __init__(self, tree: Map, environment: Mapping[str, str], disk: Disk, report: Report) -> None:
        self._tree = tree
        self._environment = environment
        self._disk = disk
        self._report = report

    def fill_environment(self, name: str, service: dict[str, Any]) -> None:
        """Put the variables of the env files under those of the service, in place."""
        own: dict[str, str | None] = {
            key: self._environment.get(key) if value is None else value
            for key, value in service.get("environment", {}).items()
        }
        merged: dict[str, str] = {key: value for key, value in own.items() if value is not None}

        def lookup(key: str) -> str | None:
            value = self._environment.get(key)
            return own.get(key) if value is None else value

        for index, entry in enumerate(service.pop("env_file", ())):
            where = locate(self._tree, ("services", name, "env_file", index, "path"))
            self._read(entry, where, merged, lookup, "env file")
        if own or merged:
            SERVICE.put(service, "environment", {**merged, **own})

    def fill_labels(self, name: str, service: dict[str, Any]) -> None:
        """Put the labels of the label files under those of the service, in place; the files stay named there."""
        labels: dict[str, str] = {}
        for index, path in enumerate(service.get("label_file", ())):
            where = locate(self._tree, ("services", name, "label_file", index))
            self._read({"path": path, "required": True}, where, labels, labels.get, "label file")
        if labels:
            SERVICE.put(service, "labels", {**labels, **service.get("labels", {})})

    def _read(self, entry: Mapping[str, Any], where: Location, into: dict[str, str], lookup: Any, kind: str) -> None:
        name = entry.get("path", "")
        path = self._disk.absolute(name)
        if not name or not self._disk.exists(path):
            if entry.get("required"):
                hint = "create it, or mark it `required: false`" if kind == "env file" else "create it"
                self._report.problem(Problem(f"{kind} {self._disk.display(path)} not found", where, hint))
            return
        file = self._disk.display(path)
        try:
            if entry.get("format", "") == RAW:
                dotenv.read_raw(self._disk.read(path), file, into, lookup)
            elif entry.get("format", "") in ("", ".env"):
                dotenv.read(self._disk.read(path, lenient), file, into, lookup, self._report.unset)
            else:
                self._report.problem(Problem(f"unsupported format `{entry['format']}` of an env file", where))
        except dotenv.DotenvError as exc:
            for problem in exc.problems:
                self._report.problem(problem)
        except (OSError, UnicodeDecodeError) as exc:
            found = unreadable(f"the {kind} {path}", file, exc)
            self._report.problem(found if isinstance(exc, UnicodeDecodeError) else replace(found, where=where))
