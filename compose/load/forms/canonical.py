"""Short forms turned into long ones, and the defaults that belong to an entry.

After `canonicalise` every consumer sees one shape per attribute. What is not of a known shape is left as it is:
the schema reports it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from compose.errors import Location, Problem
from compose.load.forms.short import parse_device, parse_port, parse_volume
from compose.load.report import Report
from compose.load.rules import Rules, compile_rules
from compose.load.text.scalars import show
from compose.load.tree import Map, Seq
from compose.model.numbers import is_integer

Transform = Callable[[Any, Location, "Canonical"], Any]


class Canonical:
    """The walk: what to do at a path, and where to report."""

    def __init__(self, report: Report, *, keep_unparsable: bool) -> None:
        self.report = report
        self.keep_unparsable = keep_unparsable  # without interpolation `${PORT}:80` is still a template

    def entries(self, tree: Map, rules: Rules[Transform]) -> None:
        """Transform the entries of a mapping, in place."""
        for key, value in tree.items():
            below = rules.at(key)
            if below is not None:
                tree[key] = self.value(value, below, tree.value_at(key))

    def value(self, value: Any, rules: Rules[Transform], where: Location) -> Any:
        """Return the canonical form of one value."""
        if rules.rule is not None:
            value = rules.rule(value, where, self)
        if isinstance(value, Map):
            self.entries(value, rules)
        elif isinstance(value, Seq) and (below := rules.at("[]")) is not None:
            for index, item in enumerate(value):
                value[index] = self.value(item, below, value.place(index))
        return value

    def parse(self, parser: Callable[[str], Any], text: str, where: Location) -> Any:
        """Return the parsed long form as `Map`s, or None after reporting why there is none."""
        try:
            return planted(parser(text), where)
        except ValueError as exc:
            if not self.keep_unparsable:
                self.report.problem(Problem(str(exc), where))
            return None


def planted(value: Any, where: Location) -> Any:
    """Return plain values as a tree whose every part stands at `where`."""
    if isinstance(value, Mapping):
        return Map(where, {key: planted(entry, where) for key, entry in value.items()})
    if isinstance(value, list):
        return Seq(where, [planted(item, where) for item in value])
    return value


def canonicalise(tree: Map, report: Report, *, keep_unparsable: bool) -> None:
    """Turn every short form of a document into its long form, in place."""
    Canonical(report, keep_unparsable=keep_unparsable).entries(tree, TRANSFORMS)
    _drop_empty_dns(tree)


def _drop_empty_dns(tree: Map) -> None:
    services = tree.get("services")
    for service in services.values() if isinstance(services, Map) else ():
        dns = service.get("dns") if isinstance(service, Map) else None
        if isinstance(dns, Seq):
            service["dns"] = Seq.of(dns.where, [pair for pair in dns.pairs() if pair[0] not in (None, "")])


def _list(value: Any, where: Location, _: Canonical) -> Any:
    return Seq.of(where, [(value, where)]) if isinstance(value, str) else value


def _text(value: Any, _: Location, __: Canonical) -> Any:
    return value if isinstance(value, Map | Seq) else show(value)


def _build(value: Any, where: Location, _: Canonical) -> Any:
    return Map(where, {"context": value}) if isinstance(value, str) else value


def _source(value: Any, where: Location, _: Canonical) -> Any:
    return Map(where, {"source": value}) if isinstance(value, str) else value


def _extends(value: Any, where: Location, _: Canonical) -> Any:
    return Map(where, {"service": value}) if isinstance(value, str) else value


def _names(value: Any, _: Location, __: Canonical) -> Any:
    if not isinstance(value, Seq):
        return value
    mapping = Map(value.where)
    for item, place in value.pairs():
        mapping.put(str(item), None, place)
    return mapping


def _key_values(value: Any, _: Location, walk: Canonical) -> Any:
    if not isinstance(value, Seq):
        return value
    mapping = Map(value.where)
    for item, place in value.pairs():
        name, equals, text = str(item).partition("=")
        if not equals:
            if walk.keep_unparsable:
                return value
            walk.report.problem(Problem(f"`{item}` is not of the form name=value", place))
        mapping.put(name, text, place)
    return mapping


def _depends_on(value: Any, _: Location, __: Canonical) -> Any:
    if isinstance(value, Seq):
        mapping = Map(value.where)
        for item, place in value.pairs():
            mapping.put(str(item), Map(place, {"condition": "service_started", "required": True}), place)
        return mapping
    if isinstance(value, Map):
        for dependency in value.values():
            if isinstance(dependency, Map):
                dependency.setdefault("condition", "service_started")
                dependency.setdefault("required", True)
    return value


def _env_file(value: Any, where: Location, _: Canonical) -> Any:
    if isinstance(value, str):
        value = Seq.of(where, [(value, where)])
    if not isinstance(value, Seq):
        return value
    for index, item in enumerate(value):
        if isinstance(item, str):
            value[index] = Map(value.place(index), {"path": item, "required": True})
        elif isinstance(item, Map):
            item.setdefault("required", True)
    return value


def _gpus(value: Any, where: Location, _: Canonical) -> Any:
    return Seq(where, [Map(where, {"count": "all"})]) if isinstance(value, str) else value


def _ulimit(value: Any, where: Location, walk: Canonical) -> Any:
    if not isinstance(value, Map) and not is_integer(value):
        walk.report.problem(Problem(f"`{show(value)}` is not an integer", where))
    return value


def _volume(value: Any, where: Location, walk: Canonical) -> Any:
    if not isinstance(value, str):
        return value
    mount = walk.parse(parse_volume, value, where)
    if mount is None:
        return value
    mount["target"] = clean_target(mount["target"])
    return mount


def clean_target(path: str) -> str:
    """Return a path of the container without `.`, `..`, doubled and trailing slashes."""
    parts: list[str] = []
    is_absolute = path.startswith("/")
    for part in path.split("/"):
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part not in ("", ".") and not (part == ".." and is_absolute):
            parts.append(part)
    return ("/" if is_absolute else "") + "/".join(parts) or "."


def _device(value: Any, where: Location, walk: Canonical) -> Any:
    if not isinstance(value, str):
        return value
    device = walk.parse(parse_device, value, where)
    return value if device is None else device


def _ports(value: Any, _: Location, walk: Canonical) -> Any:
    if not isinstance(value, Seq):
        return value
    items: list[tuple[Any, Location]] = []
    for item, place in value.pairs():
        if isinstance(item, str) or type(item) is int:
            ports = walk.parse(parse_port, str(item), place)
            if ports is None and walk.keep_unparsable:
                return value
            items.extend((port, place) for port in ports or ())
        else:
            if not isinstance(item, Map):
                walk.report.problem(Problem(f"`{show(item)}` is not a port", place, "put it in quotes"))
            items.append((item, place))
    return Seq.of(value.where, items)


def _ssh(value: Any, _: Location, walk: Canonical) -> Any:
    if not isinstance(value, Seq):
        return value
    mapping = Map(value.where)
    for item, place in value.pairs():
        name, equals, path = str(item).partition("=")
        if not equals and name != "default":
            walk.report.problem(Problem(f"invalid ssh key `{item}`", place, "write `default` or `id=path`"))
        mapping.put(name, path if equals else None, place)
    return mapping


def _external(value: Any, where: Location, walk: Canonical) -> Any:
    """Turn the old `external: {name: x}` into `external: true` and `name: x`."""
    external = value.get("external") if isinstance(value, Map) else None
    if not isinstance(value, Map) or not isinstance(external, Map):
        return value
    value["external"] = True
    if "name" in external:
        walk.report.warn(f"{where}: external.name is deprecated. Please set name and external: true")
        if "name" in value and value["name"] != external["name"]:
            walk.report.problem(Problem("`name` and `external.name` differ: only use `name`", where))
        value["name"] = external["name"]
    return value


TRANSFORMS: Rules[Transform] = compile_rules(
    {
        "services.*.build": _build,
        "services.*.build.secrets.*": _source,
        "services.*.build.provenance": _text,
        "services.*.build.sbom": _text,
        "services.*.build.additional_contexts": _key_values,
        "services.*.build.ssh": _ssh,
        "services.*.depends_on": _depends_on,
        "services.*.env_file": _env_file,
        "services.*.label_file": _list,
        "services.*.extends": _extends,
        "services.*.gpus": _gpus,
        "services.*.networks": _names,
        "services.*.models": _names,
        "services.*.ulimits.*": _ulimit,
        "services.*.build.ulimits.*": _ulimit,
        "services.*.volumes.*": _volume,
        "services.*.dns": _list,
        "services.*.devices.*": _device,
        "services.*.secrets.*": _source,
        "services.*.configs.*": _source,
        "services.*.ports": _ports,
        "services.*.develop.watch.*.ignore": _list,
        "services.*.develop.watch.*.include": _list,
        "volumes.*": _external,
        "networks.*": _external,
        "secrets.*": _external,
        "configs.*": _external,
    }
)


def set_defaults(tree: Map, report: Report) -> None:
    """Add the defaults of builds, secrets, ports and device requests, in place."""
    Canonical(report, keep_unparsable=False).entries(tree, DEFAULTS)


def _default_context(value: Any, _: Location, __: Canonical) -> Any:
    if isinstance(value, Map):
        value.setdefault("context", ".")
    return value


def _default_secret(value: Any, _: Location, __: Canonical) -> Any:
    if isinstance(value, Map):
        value.setdefault("target", f"/run/secrets/{value.get('source')}")
    return value


def _default_port(value: Any, _: Location, __: Canonical) -> Any:
    if isinstance(value, Map):
        value.setdefault("protocol", "tcp")
        value.setdefault("mode", "ingress")
    return value


def _default_count(value: Any, _: Location, __: Canonical) -> Any:
    if isinstance(value, Map) and "count" not in value and "device_ids" not in value:
        value["count"] = "all"
    return value


DEFAULTS: Rules[Transform] = compile_rules(
    {
        "services.*.build": _default_context,
        "services.*.secrets.*": _default_secret,
        "services.*.ports.*": _default_port,
        "services.*.deploy.resources.reservations.devices.*": _default_count,
        "services.*.gpus.*": _default_count,
    }
)
