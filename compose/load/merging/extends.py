"""`extends`: a service built on another one, of the same file or of another (specification, 05-services.md)."""

from __future__ import annotations

import os.path
from typing import Any, NoReturn

from compose.errors import ComposeError, InvalidProject, Location, Problem
from compose.load.checks.advice import about_type
from compose.load.hints import did_you_mean
from compose.load.merging.merge import apply_resets, merge_service
from compose.load.scope import Assembling, Scope
from compose.load.text.files import clean_join
from compose.load.text.yaml import Path
from compose.load.tree import Map, clone

MAX_DEPTH = 50


def apply_extends(tree: Map, resets: set[Path], file: str, scope: Scope, assembler: Assembling) -> None:
    """Replace every service of a document that extends another by the result, in place."""
    if "services" not in tree:
        return
    services = tree["services"]
    if not isinstance(services, Map):
        assembler.report.fail(Problem("services must be a mapping", tree.value_at("services")))
    extension = _Extension(services, scope, assembler)
    failed: set[tuple[str, str]] = set()
    for name in services:
        if (file, name) in failed:
            continue  # a part of a chain that has no end: one error is enough
        try:
            extension.service(name, services, file, resets, ())
        except InvalidProject as exc:
            assembler.report.absorb(exc)
            failed.update(extension.trail)
            if len(extension.trail) > MAX_DEPTH:
                break


class _Extension:
    def __init__(self, services: Map, scope: Scope, assembler: Assembling) -> None:
        self._services = services
        self._scope = scope
        self._assembler = assembler
        self.trail: tuple[tuple[str, str], ...] = ()  # the chain that was followed last

    def service(
        self, name: str, services: Map, file: str, resets: set[Path], trail: tuple[tuple[str, str], ...]
    ) -> Any:
        """Return the service `name` with everything that it extends merged in; also put it into `services`."""
        service = services.get(name)
        if service is not None and not isinstance(service, Map):
            hint = about_type(service, ("services", name), ["object"])
            self._fail(f"services.{name} must be a mapping", services.value_at(name), hint)
        if service is None or "extends" not in service:
            return service
        where = service.value_at("extends")
        if (file, name) in trail:
            self._fail_on_cycle((*trail, (file, name)), where)
        if len(trail) > MAX_DEPTH:
            self._fail(f"more than {MAX_DEPTH} services extend each other in a row", where)
        self.trail = trail = (*trail, (file, name))
        reference, other = self._reference(service["extends"], name, where)
        # In another file only the extended service's own resets count, not those further down its chain.
        base_services, base_file, base_resets = services, file, resets if services is self._services else set[Path]()
        if other is not None:
            base_services, base_file, base_resets = self._other_file(other, _place(service, "file"))
        if reference not in base_services:
            hint = did_you_mean(reference, base_services)
            message = f"service `{name}` extends `{reference}`, which {self._in(base_file)} does not define"
            self._fail(message, _place(service, "service"), hint)
        base = clone(self.service(reference, base_services, base_file, base_resets, trail))
        if base is None:
            return service  # an empty service has nothing to give: the reference leaves everything as it is
        apply_resets(base, {path[2:] for path in resets if path[:2] in (("services", name), ("services", "*"))})
        merged = merge_service(base, service, name, self._assembler.report.problem)
        del merged["extends"]  # at the end: a base that extends an empty service still has its own
        merged.where = service.where
        services[name] = merged
        return merged

    def _reference(self, value: Any, name: str, where: Location) -> tuple[str, str | None]:
        """Return the name of the service that is extended and the file it is in (None for the same one)."""
        if isinstance(value, str):
            return value, None
        reference = value.get("service") if isinstance(value, Map) else None
        file = value.get("file") if isinstance(value, Map) else None
        if not isinstance(reference, str) or not (file is None or isinstance(file, str)):
            self._fail(f"services.{name}.extends must name a service", where, "write `extends: {service: NAME}`")
        return str(reference), file

    def _other_file(self, name: str, where: Location) -> tuple[Map, str, set[Path]]:
        directory = self._scope.directory
        try:
            file = self._assembler.disk.located(directory, name)
        except ComposeError as exc:
            self._fail(exc.message, where, exc.hint)
        if not self._assembler.disk.is_file(file):
            self._fail(f"`extends` names a file that does not exist: {self._in(file)}", where)
        base = relative_directory(file, directory)
        tree, resets = self._assembler.base_file(file, base, self._scope.environment)
        services = tree.get("services")
        if not isinstance(services, Map):
            self._fail(f"{self._in(file)} has no services to extend", where)
        return services, file, resets

    def _in(self, file: str) -> str:
        return self._assembler.disk.display(file)

    def _fail_on_cycle(self, trail: tuple[tuple[str, str], ...], where: Location) -> NoReturn:
        first = trail.index(trail[-1])
        steps = " -> ".join(f"{service} ({self._in(file)})" for file, service in trail[first:])
        self._fail(f"services extend each other in a circle: {steps}", where)

    def _fail(self, message: str, where: Location, hint: str | None = None) -> NoReturn:
        """Raise, with the problems found before: without its base the service means nothing."""
        self._assembler.report.fail(Problem(message, where, hint))


def _place(service: Map, key: str) -> Location:
    """Return the place of a part of a service's `extends`, or of all of it in the short form."""
    extends = service["extends"]
    return extends.value_at(key) if isinstance(extends, Map) and key in extends else service.value_at("extends")


def relative_directory(file: str, directory: str) -> str:
    """Return the directory of a file as seen from another directory."""
    return os.path.relpath(clean_join(file, ".."), directory)
