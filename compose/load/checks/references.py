"""The project checked as a whole: references that lead nowhere, settings that contradict each other, cycles."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from compose.errors import Location, Problem
from compose.load.document import Entry, Parts
from compose.load.hints import did_you_mean
from compose.load.report import Report
from compose.load.tree import Map, Steps, locate, locate_key

TEST_FORMS = ("CMD", "CMD-SHELL", "NONE")
SERVICE = "service:"


def check_project(parts: Parts, tree: Map, report: Report) -> None:
    """Report what does not fit together among the enabled services and the resources.

    Also gives `deploy.replicas` the value of `scale`, where a service has both sections.
    """
    for name, service in parts.services.items():
        _Service(name, service, parts, tree, report).check()
    for name, secret in parts.sections["secrets"].items():
        if not secret.get("external") and not secret.get("file") and not secret.get("environment"):
            message = f"the secret `{name}` has no content: set `file` or `environment`"
            report.problem(Problem(message, locate_key(tree, ("secrets", name))))
    _check_cycles(parts.services, tree, report)


class _Service:
    """The checks of one service."""

    def __init__(self, name: str, service: Entry, parts: Parts, tree: Map, report: Report) -> None:
        self.name = name
        self.service = service
        self.parts = parts
        self.tree = tree
        self.report = report
        self.deploy: Entry = service.get("deploy") or {}

    def check(self) -> None:
        self._check_build()
        self._check_dependencies()
        self._check_resources()
        self._check_scale()
        self._check_limits()
        self._check_mounts()
        test = self.service.get("healthcheck", {}).get("test")
        if test and test[0] not in TEST_FORMS:
            hint = "write a plain text for a command line"
            self.problem(
                "a health check's list must begin with CMD, CMD-SHELL or NONE", "healthcheck", "test", hint=hint
            )
        for index, rule in enumerate(self.service.get("develop", {}).get("watch", ())):
            if not rule.get("target") and rule["action"] not in ("rebuild", "restart"):
                self.problem(f"`{rule['action']}` needs a `target`", "develop", "watch", index)

    def problem(self, message: str, *path: str | int, hint: str | None = None) -> None:
        where = locate(self.tree, ("services", self.name, *path))
        self.report.problem(Problem(f"service `{self.name}`: {message}", where, hint))

    def _at_key(self, message: str, path: Steps, hint: str | None = None) -> None:
        where = locate_key(self.tree, ("services", self.name, *path))
        self.report.problem(Problem(f"service `{self.name}`: {message}", where, hint))

    def _check_build(self) -> None:
        build = self.service.get("build")
        if build is None:
            if not self.service.get("image") and "provider" not in self.service:
                self._at_key("it has neither an image nor a build", (), "add `image: NAME` or `build: DIRECTORY`")
            return
        if build.get("dockerfile") and build.get("dockerfile_inline"):
            self._at_key("`dockerfile` and `dockerfile_inline` exclude each other", ("build", "dockerfile_inline"))
        platform, platforms = self.service.get("platform"), build.get("platforms")
        if platform and platforms and platform not in platforms:
            self.problem(f"`build.platforms` does not include the platform `{platform}`", "build", "platforms")
        for context, value in build.get("additional_contexts", {}).items():
            if value.startswith(SERVICE):
                self._check_context(context, value.removeprefix(SERVICE))

    def _check_context(self, context: str, target: str) -> None:
        path = ("build", "additional_contexts", context)
        if target not in self.parts.services:
            hint = did_you_mean(target, self.parts.services)
            self.problem(f"the build context `{context}` is the undefined service `{target}`", *path, hint=hint)
        elif "build" not in self.parts.services[target]:
            self.problem(f"the build context `{context}` is the service `{target}`, which has no build", *path)

    def _check_dependencies(self) -> None:
        for other, needed in self.service.get("depends_on", {}).items():
            if other in self.parts.services or (other in self.parts.disabled and not needed.get("required")):
                continue
            self._at_key(f"depends on {self._missing('service', other)}", ("depends_on", other), self._near(other))
        mode = self.service.get("network_mode", "")
        shared = mode.removeprefix(SERVICE)
        if mode.startswith(SERVICE) and shared not in self.parts.services:
            self.problem(f"shares the network of {self._missing('service', shared)}", "network_mode")

    def _missing(self, kind: str, name: str) -> str:
        is_disabled = kind == "service" and name in self.parts.disabled
        return f"the {kind} `{name}`, which is disabled" if is_disabled else f"undefined {kind} `{name}`"

    def _near(self, name: str) -> str | None:
        if name in self.parts.disabled:
            profiles = " or ".join(f"`--profile {profile}`" for profile in self.parts.disabled[name]["profiles"])
            return f"enable it with {profiles}, or depend on it with `required: false`"
        others = [service for service in self.parts.services if service != self.name]
        return did_you_mean(name, others) or "define it under `services:`, or remove this"

    def _check_resources(self) -> None:
        networks = self.service.get("networks", {})
        if self.service.get("network_mode") and networks:
            self._at_key("`network_mode` and `networks` exclude each other", ("networks",))
            networks = {}
        for name in networks:
            self._refer("network", name, ("networks", name))
        for index, mount in enumerate(self.service.get("volumes", ())):
            if mount.get("type") == "volume" and mount.get("source"):
                self._refer("volume", mount["source"], ("volumes", index))
        for kind in ("config", "secret"):
            for index, mount in enumerate(self.service.get(f"{kind}s", ())):
                self._refer(kind, mount.get("source", ""), (f"{kind}s", index))
        for index, mount in enumerate(self.service.get("build", {}).get("secrets", ())):
            self._refer("secret", mount.get("source", ""), ("build", "secrets", index))
        models = self.tree.get("models") or {}
        for name in self.service.get("models", ()):
            if name not in models:
                self._at_key(f"refers to undefined model `{name}`", ("models", name), did_you_mean(name, models))

    def _refer(self, kind: str, name: str, path: Steps) -> None:
        known = self.parts.sections[f"{kind}s"]
        if name in known:
            return
        hint = did_you_mean(name, known) or f"declare it under the top-level `{kind}s:`"
        self._at_key(f"refers to undefined {kind} `{name}`", path, hint)

    def _check_scale(self) -> None:
        scale, replicas = self.service.get("scale"), self.deploy.get("replicas")
        if scale is not None and replicas is not None and scale != replicas:
            self.problem("`scale` and `deploy.replicas` differ", "scale", hint="keep one of them")
        if scale is not None and "deploy" in self.service:
            self.deploy["replicas"] = scale
        for count, path in ((scale, ("scale",)), (replicas, ("deploy", "replicas"))):
            if count is not None and count < 0:
                self.problem(f"`{'.'.join(path)}` must not be negative", *path)
        count = scale if scale is not None else replicas
        if count is not None and count > 1 and self.service.get("container_name"):
            hint = "remove `container_name`: a name can only be given to one container"
            self.problem(f"`container_name` does not go with {count} containers", "container_name", hint=hint)

    def _check_limits(self) -> None:
        resources: Entry = self.deploy.get("resources", {})
        pairs: tuple[tuple[str, str, str, Callable[[Any], float]], ...] = (
            ("cpus", "limits", "cpus", float),
            ("mem_limit", "limits", "memory", int),
            ("mem_reservation", "reservations", "memory", int),
            ("pids_limit", "limits", "pids", int),
        )
        for attribute, section, key, number in pairs:
            value, limits = self.service.get(attribute), resources.get(section)
            if value and limits is not None and number(limits.get(key, 0)) != number(value):
                message = f"`{attribute}` and `deploy.resources.{section}.{key}` differ"
                self.problem(message, attribute, hint="keep one of them")

    def _check_mounts(self) -> None:
        taken: dict[str, str] = {}
        for target, path in self._targets():
            if target in taken:
                self.problem(f"`{target}` is mounted twice, first by {taken[target]}", *path)
            taken.setdefault(target, f"{path[0]}[{path[1]}]")

    def _targets(self) -> Iterator[tuple[str, Steps]]:
        for index, entry in enumerate(self.service.get("tmpfs", ())):
            yield entry.partition(":")[0], ("tmpfs", index)
        for index, mount in enumerate(self.service.get("volumes", ())):
            yield mount.get("target", ""), ("volumes", index)


def check_names(parts: Parts, tree: Map, report: Report) -> None:
    """Report container names that are given twice among the services that are meant."""
    owners: dict[str, str] = {}
    for name, service in parts.services.items():
        container = service.get("container_name")
        if not container:
            continue
        if container in owners:
            where = locate(tree, ("services", name, "container_name"))
            message = f"service `{name}`: the container name `{container}` is already that of `{owners[container]}`"
            report.problem(Problem(message, where))
        owners.setdefault(container, name)


def _check_cycles(services: dict[str, Entry], tree: Map, report: Report) -> None:
    """Report cycles of dependencies, with the places of their edges; of those that share a service the first."""
    finished: set[str] = set()
    for start in services:
        while cycle := _find_cycle(start, services, finished):
            finished.update(cycle)
            first = cycle.index(min(cycle))
            circle = [*cycle[first:], *cycle[:first]]
            edges = list(zip(circle, [*circle[1:], circle[0]], strict=True))
            places = [_edge(tree, service, other) for service, other in edges]
            trail = " -> ".join([*circle, circle[0]])
            details = "; ".join(f"{a} needs {b} at {at}" for (a, b), at in zip(edges, places, strict=True))
            report.problem(Problem(f"dependency cycle: {trail}", places[0], f"remove one of these: {details}"))


def _edge(tree: Map, service: str, other: str) -> Location:
    return locate_key(tree, ("services", service, "depends_on", other))


def _find_cycle(start: str, services: dict[str, Entry], finished: set[str]) -> list[str]:
    """Return the services of a cycle that can be reached from `start`; without recursion, chains can be long."""
    path: list[str] = []
    stack: list[Iterator[str]] = [iter((start,))]
    while stack:
        name = next(stack[-1], None)
        if name is None:
            stack.pop()
            if path:
                finished.add(path.pop())
        elif name in path:
            return path[path.index(name) :]
        elif name not in finished and name in services:
            path.append(name)
            stack.append(iter(_needs(services[name])))
    return []


def _needs(service: Entry) -> Iterable[str]:
    needs: dict[str, Any] = service.get("depends_on", {})
    return list(needs)
