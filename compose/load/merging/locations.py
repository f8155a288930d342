"""Relative paths of a document made absolute against a directory (which itself may be relative)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from compose.lazy import lazy_pattern
from compose.load.rules import Rules, compile_rules
from compose.load.text.files import Disk, clean_join
from compose.load.tree import Map, Seq
from compose.model.remotes import is_remote

_DRIVE = lazy_pattern(r"[\0-\x7f]:[\\/]|[\\/]{2}", re.DOTALL)


class Resolver:
    """Resolves paths against one directory; `~` is the home directory of the environment."""

    def __init__(self, base: str, home: str | None, disk: Disk) -> None:
        self._base = base
        self._home = home
        self._disk = disk

    def document(self, tree: Map) -> None:
        """Resolve the paths of a canonical document, in place."""
        self._walk(tree, PATHS)

    def _walk(self, value: Any, rules: Rules[Action]) -> Any:
        if rules.rule is not None:
            return rules.rule(self, value)
        if isinstance(value, Map):
            for key, entry in value.items():
                if (below := rules.at(key)) is not None:
                    value[key] = self._walk(entry, below)
        elif isinstance(value, Seq) and (below := rules.at("[]")) is not None:
            for index, item in enumerate(value):
                value[index] = self._walk(item, below)
        return value

    def _expand_home(self, path: str) -> str:
        if path.startswith("~") and self._home:
            return clean_join(self._home, path[1:].lstrip("/"))
        return path

    def path(self, value: Any) -> Any:
        """Return an absolute path, or the value as it is when it is absolute, empty or no text."""
        if not isinstance(value, str) or not value:
            return value
        path = self._expand_home(value)
        return path if path.startswith("/") else clean_join(self._base, path)

    def host_path(self, value: Any) -> Any:
        """Return an absolute path; Windows paths count as absolute."""
        if not isinstance(value, str):
            return value
        path = self._expand_home(value)
        return path if path.startswith("/") or _DRIVE.match(path) else clean_join(self._base, path)

    def context(self, value: Any) -> Any:
        """Return a build context: a remote one, a service's, or a path."""
        if not isinstance(value, str) or "://" in value or value.startswith("service:") or is_remote(value):
            return value
        return self.path(value)

    def watched(self, value: Any) -> Any:
        """Return the path of a watch rule, with a symbolic link followed."""
        path = self.path(value)
        return self._disk.follow_first_link(path) if isinstance(path, str) and path.startswith("/") else path

    def mount(self, value: Any) -> Any:
        """Resolve the source of a bind mount."""
        if isinstance(value, Map) and value.get("type") == "bind" and "source" in value:
            value["source"] = self.host_path(value["source"])
        return value

    def volume(self, value: Any) -> Any:
        """Resolve the device of a named volume that is a bind mount in disguise."""
        options = value.get("driver_opts") if isinstance(value, Map) and value.get("driver") == "local" else None
        if isinstance(options, Map) and options.get("o") == "bind" and "device" in options:
            options["device"] = self.host_path(options["device"])
        return value


Action = Callable[[Resolver, Any], Any]

PATHS: Rules[Action] = compile_rules(
    {
        "services.*.build.context": Resolver.context,
        "services.*.build.additional_contexts.*": Resolver.context,
        "services.*.build.ssh.*": Resolver.host_path,
        "services.*.env_file.*.path": Resolver.path,
        "services.*.label_file.*": Resolver.path,
        "services.*.extends.file": Resolver.path,
        "services.*.develop.watch.*.path": Resolver.watched,
        "services.*.volumes.*": Resolver.mount,
        "configs.*.file": Resolver.host_path,
        "secrets.*.file": Resolver.host_path,
        "volumes.*": Resolver.volume,
    }
)
