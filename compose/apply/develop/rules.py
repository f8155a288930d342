"""Which rule a changed file concerns, and what is to be done for a batch of them. Pure but for `.dockerignore`."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence
from pathlib import Path

from msgspec import Struct, field

from compose.errors import ComposeError
from compose.model.project import Project
from compose.model.service import Service
from compose.model.tooling import Hook, WatchRule
from engine.wire.ignore import Ignore, InvalidPattern, read_ignore

# What editors and tools leave for a moment, and version control. The same patterns as docker compose's.
_PASSING = (
    "**/*___jb_old___",
    "**/*___jb_tmp___",
    "**/.idea/**",
    "**/.#*",
    "**/#*#",
    "**/4913",
    "**/*~",
    "**/.*.swp",
    "**/.*.swx",
    "**/.*.swo",
    "**/.*.swn",
    "**/.*.kate-swp",
    "**/*-go-tmp-umask",
    "**/.git",
)
_SYNCING = ("sync", "sync+restart", "sync+exec")


class Patterns(Struct, frozen=True):
    """Patterns that are relative to a directory."""

    directory: str
    ignore: Ignore

    def match(self, path: str) -> bool:
        """Whether an absolute path below the directory is meant."""
        below = _below(self.directory, path)
        return below is not None and self.ignore.excludes(below)


class Watched(Struct, frozen=True):
    """A rule of a service, ready to be asked."""

    service: str
    rule: WatchRule
    ignored: tuple[Patterns, ...]
    included: Patterns | None

    def concerns(self, path: str) -> bool:
        """Whether the rule is about this (absolute) path."""
        if _below(self.rule.path, path) is None or any(patterns.match(path) for patterns in self.ignored):
            return False
        return self.included is None or self.included.match(path)

    def passes_over(self, directory: str) -> bool:
        """Whether nothing below a directory can concern the rule, so that it need not be watched."""
        inside = _below(self.rule.path, directory) is not None
        if not inside:
            return _below(directory, self.rule.path) is None
        return any(patterns.match(directory) and not patterns.ignore.has_exceptions for patterns in self.ignored)

    def place_of(self, path: str) -> str:
        """Where a file stands in the container."""
        return posixpath.normpath(posixpath.join(self.rule.target, _below(self.rule.path, path) or ""))


class Work(Struct):
    """What a batch of changes asks for; `copies` are, by service, the files by their places in the container."""

    rebuilds: set[str] = field(default_factory=set[str])
    copies: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    restarts: set[str] = field(default_factory=set[str])
    hooks: dict[str, list[Hook]] = field(default_factory=dict[str, list[Hook]])


def watched_rules(project: Project, services: Iterable[str]) -> list[Watched]:
    """The rules of the services. Raises `ComposeError` for a rule that cannot be kept."""
    rules: list[Watched] = []
    for name in services:
        service = project.services[name]
        for number, rule in enumerate(service.develop.watch if service.develop else ()):
            subject = ("services", name, "develop", "watch", number)
            if rule.action == "rebuild" and service.build is None:
                raise ComposeError(
                    f"service `{name}` cannot be rebuilt when files change: it has no `build`",
                    hint="give it one, or use `sync` or `restart`",
                    subject=subject,
                )
            try:
                rules.append(_watched(service, rule))
            except InvalidPattern as exc:
                raise ComposeError(exc.message, subject=subject) from exc
    return rules


def is_mounted(service: Service, path: str) -> bool:
    """Whether the container sees the path anyway, by a bind mount."""
    return any(mount.type == "bind" and _below(mount.source, path) is not None for mount in service.volumes)


def work_for(paths: Iterable[str], rules: Sequence[Watched]) -> Work:
    """What the changes of these (absolute) paths ask for."""
    work = Work()
    for path in sorted(paths):
        for watched in rules:
            if watched.concerns(path):
                _add(work, watched, path)
    return work


def initial_copies(paths: Iterable[str], rules: Sequence[Watched]) -> Work:
    """The copies that rules with `initial_sync` ask for at the beginning."""
    first = [watched for watched in rules if watched.rule.initial_sync and watched.rule.action in _SYNCING]
    return Work(copies=work_for(paths, first).copies)


def _add(work: Work, watched: Watched, path: str) -> None:
    name, action = watched.service, watched.rule.action
    if action in _SYNCING:
        work.copies.setdefault(name, {})[watched.place_of(path)] = path
    if action == "rebuild":
        work.rebuilds.add(name)
    if action in ("restart", "sync+restart"):
        work.restarts.add(name)
    if action == "sync+exec" and watched.rule.exec is not None:
        hooks = work.hooks.setdefault(name, [])
        if watched.rule.exec not in hooks:
            hooks.append(watched.rule.exec)


def _watched(service: Service, rule: WatchRule) -> Watched:
    ignored = [
        Patterns("/", Ignore(_PASSING)),
        Patterns(rule.path, Ignore(read_ignore("\n".join(rule.ignore)))),
        *_of_the_build(service),
    ]
    included = Patterns(rule.path, Ignore(read_ignore("\n".join(rule.include)))) if rule.include else None
    return Watched(service.name, rule, tuple(patterns for patterns in ignored if patterns.ignore), included)


def _of_the_build(service: Service) -> list[Patterns]:
    """What is not in the build's context does not matter to its image."""
    context = service.build.context if service.build else ""
    file = Path(context) / ".dockerignore"
    if not context.startswith("/") or not file.is_file():
        return []
    return [Patterns(context, Ignore(read_ignore(file.read_text("utf-8", "replace"))))]


def _below(directory: str, path: str) -> str | None:
    """The path relative to a directory, "" for the directory itself; None if it is not below it."""
    if path == directory:
        return ""
    prefix = directory if directory.endswith("/") else f"{directory}/"
    return path.removeprefix(prefix) if path.startswith(prefix) else None
