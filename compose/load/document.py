"""The document that `config` prints: canonical values in the shape of the reference, services by profile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from compose.errors import UsageError
from compose.load.forms.kinds import plain
from compose.load.forms.shape import SECTIONS, SERVICE
from compose.load.hints import did_you_mean
from compose.load.patterns import matching
from compose.load.report import Report
from compose.load.tree import Map

Entry = dict[str, Any]


class Parts(Struct):
    """The parts of a project in canonical form; `services` are the enabled ones."""

    services: dict[str, Entry]
    disabled: dict[str, Entry]
    sections: dict[str, dict[str, Entry]]
    extensions: dict[str, Any]


def shape(tree: Map, profiles: Iterable[str], report: Report) -> Parts:
    """Return the canonical parts of a normalised document."""
    services = _shaped(tree, "services", SERVICE, report)
    sections = {name: _shaped(tree, name, kind, report) for name, kind in SECTIONS.items()}
    active = set(profiles)
    enabled = {name: service for name, service in services.items() if has_profile(service, active)}
    return Parts(
        services=enabled,
        disabled={name: service for name, service in services.items() if name not in enabled},
        sections=sections,
        extensions={key: plain(value) for key, value in tree.items() if key.startswith("x-")},
    )


def has_profile(service: Mapping[str, Any], active: set[str]) -> bool:
    """Tell whether a service takes part: it has no profile, or one that is active (`*` is all)."""
    wanted = service.get("profiles", ())
    return not wanted or "*" in active or any(name in active for name in wanted)


def _shaped(tree: Map, section: str, kind: Any, report: Report) -> dict[str, Entry]:
    entries = tree.get(section)
    if not isinstance(entries, Map):
        return {}
    # An empty entry is one without attributes: some are written even so.
    return {
        name: kind(Map(entries.value_at(name)) if entry is None else entry, entries.value_at(name), report)
        for name, entry in entries.items()
    }


def select(parts: Parts, names: Iterable[str]) -> None:
    """Narrow the services to the named ones and what they depend on, in place; nothing else is depended on then.

    Naming a disabled service enables all that have one of its profiles. A name may be a shell pattern, for enabled
    services. Raises `UsageError` for one that means no service.
    """
    asked = list(names)
    profiles = {name for service in asked for name in parts.disabled.get(service, {}).get("profiles", ())}
    for name in [name for name, service in parts.disabled.items() if profiles.intersection(service["profiles"])]:
        parts.services[name] = parts.disabled.pop(name)
    chosen: set[str] = set()
    wanted = [name for pattern in asked for name in matching(pattern, parts.services) or [pattern]]
    while wanted:
        name = wanted.pop()
        if name not in parts.services:
            known = ", ".join(sorted({*parts.services, *parts.disabled})) or "none"
            hint = did_you_mean(name, parts.services) or f"the project's services: {known}"
            raise UsageError(f"no such service: {name}", hint=hint)
        if name not in chosen:
            chosen.add(name)
            needs = parts.services[name].get("depends_on", {})
            wanted.extend(other for other, need in needs.items() if other in parts.services or need["required"])
    for name in [name for name in parts.services if name not in chosen]:
        parts.disabled[name] = parts.services.pop(name)
    for service in parts.services.values():
        if needs := service.get("depends_on"):
            service["depends_on"] = {other: need for other, need in needs.items() if other in chosen}
            if not service["depends_on"]:
                del service["depends_on"]


def drop_unused(parts: Parts) -> None:
    """Drop the resources that no enabled service uses, in place."""
    used: dict[str, set[str]] = {name: set() for name in parts.sections}
    for service in parts.services.values():
        used["networks"].update(service.get("networks", ()))
        used["volumes"].update(
            mount["source"]
            for mount in service.get("volumes", ())
            if mount.get("type") == "volume" and "source" in mount
        )
        for section in ("configs", "secrets"):
            used[section].update(mount.get("source", "") for mount in service.get(section, ()))
        used["secrets"].update(mount.get("source", "") for mount in service.get("build", {}).get("secrets", ()))
        used["models"].update(service.get("models", ()))
    for name, resources in parts.sections.items():
        parts.sections[name] = {key: entry for key, entry in resources.items() if key in used[name]}


def document(name: str, parts: Parts) -> dict[str, Any]:
    """Return the document as `config --format json` prints it, with every `$` doubled."""
    tree: dict[str, Any] = {"name": name, "services": {key: _read(entry) for key, entry in parts.services.items()}}
    for section, resources in parts.sections.items():
        if resources:
            tree[section] = {key: _printed(section, entry) for key, entry in resources.items()}
    tree.update(parts.extensions)
    return escaped(tree)  # type: ignore[no-any-return]  # a dict gives a dict


def _read(service: Entry) -> Entry:
    """Return a service without its label files, which are among its labels already."""
    return {key: value for key, value in service.items() if key != "label_file"} if "label_file" in service else service


def canonical(parts: Parts, platform: str) -> dict[str, Mapping[str, Mapping[str, object]]]:
    """Return the entries as they count for hashes; `platform` is that of built services which name none."""

    def on_platform(service: Entry) -> Entry:
        if not platform or "build" not in service or "platform" in service:
            return service
        service = dict(service)
        SERVICE.put(service, "platform", platform)
        return service

    every = {**parts.services, **parts.disabled}
    services = {key: on_platform(entry) for key, entry in every.items()}
    return {
        "services": services,
        "networks": parts.sections["networks"],
        "volumes": parts.sections["volumes"],
    }


def _printed(section: str, entry: Entry) -> Entry:
    """Return a resource without what is only known from the environment: it is never printed."""
    hidden = section == "secrets" or (section == "configs" and "environment" in entry)
    return {key: value for key, value in entry.items() if key != "content"} if hidden else entry


def escaped(value: Any) -> Any:
    """Return the value with every `$` of its texts and keys doubled."""
    if isinstance(value, str):
        return value.replace("$", "$$") if "$" in value else value
    if isinstance(value, dict):
        return {key.replace("$", "$$"): escaped(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [escaped(item) for item in value]
    return value
