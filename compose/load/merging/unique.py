"""Lists in which an entry has an identity: of two with the same, the later takes the place of the earlier."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from compose.errors import Problem
from compose.load.forms.short import parse_volume
from compose.load.report import Report
from compose.load.rules import Rules, compile_rules
from compose.load.text.scalars import show
from compose.load.tree import Map, Seq
from compose.model.numbers import is_integer

# Raises ValueError, saying what is wrong, for an entry of a form that has no identity.
Identity = Callable[[Any], Any]


def _name(entry: Any) -> Any:
    if isinstance(entry, str):
        return entry.partition("=")[0]
    raise ValueError(f"`{show(entry)}` must be a string: put it in quotes")


def _of(entry: Map, key: str) -> Any:
    if isinstance(entry.get(key), str):
        return entry[key]
    raise ValueError(f"`{key}` is missing")


def _mount_target(entry: Any) -> Any:
    if isinstance(entry, Map):
        return _of(entry, "target")
    return parse_volume(entry)["target"] if isinstance(entry, str) else entry


def _device_target(entry: Any) -> Any:
    if isinstance(entry, Map):
        return _of(entry, "target")
    parts = entry.split(":") if isinstance(entry, str) else [entry]
    return parts[0] if len(parts) == 1 else parts[1]


def _text(entry: Any) -> Any:
    return str(entry) if type(entry) is int else entry


def _expose(entry: Any) -> Any:
    if isinstance(entry, str) or is_integer(entry):
        return str(entry)
    raise ValueError(f"`{show(entry)}` is not a port")


def _file_mount(directory: str) -> Identity:
    def identity(entry: Any) -> Any:
        if isinstance(entry, Map):
            return entry.get("target", f"{directory}/{entry.get('source')}")
        if isinstance(entry, str):
            return f"{directory}/{entry}"
        raise ValueError(f"`{show(entry)}` must be a name or a mapping")

    return identity


def _port(entry: Any) -> Any:
    if isinstance(entry, Map):
        if "target" not in entry:
            raise ValueError("`target` is missing: the place in the container")
        return (
            entry.get("host_ip", "0.0.0.0"),
            entry.get("published"),
            entry["target"],
            entry.get("protocol", "tcp"),
        )
    return _text(entry)


def _env_file(entry: Any) -> Any:
    return _of(entry, "path") if isinstance(entry, Map) else entry


UNIQUE: Rules[Identity] = compile_rules(
    {
        "networks.*.labels": _name,
        "networks.*.ipam.options": _name,
        "services.*.annotations": _name,
        "services.*.build.args": _name,
        "services.*.build.additional_contexts": _name,
        "services.*.build.platform": _name,
        "services.*.build.tags": _name,
        "services.*.build.labels": _name,
        "services.*.cap_add": _name,
        "services.*.cap_drop": _name,
        "services.*.devices": _device_target,
        "services.*.configs": _file_mount(""),
        "services.*.deploy.labels": _name,
        "services.*.dns": _name,
        "services.*.dns_opt": _name,
        "services.*.dns_search": _name,
        "services.*.environment": _name,
        "services.*.env_file": _env_file,
        "services.*.expose": _expose,
        "services.*.labels": _name,
        "services.*.links": _name,
        "services.*.networks.*.aliases": _name,
        "services.*.networks.*.link_local_ips": _name,
        "services.*.ports": _port,
        "services.*.profiles": _name,
        "services.*.secrets": _file_mount("/run/secrets"),
        "services.*.sysctls": _name,
        "services.*.tmpfs": _name,
        "services.*.volumes": _mount_target,
    }
)


def enforce_unique(tree: Map, report: Report | None = None) -> None:
    """Drop redefined entries, in place; report (if asked to) those of a form that has no identity."""
    _walk(tree, UNIQUE, report)


def _walk(tree: Map, rules: Rules[Identity], report: Report | None) -> None:
    for key, value in tree.items():
        below = rules.at(key)
        if below is None:
            continue
        if isinstance(value, Map):
            _walk(value, below, report)
        elif isinstance(value, Seq) and below.rule is not None:
            tree[key] = _unique(value, below.rule, report)


def _unique(sequence: Seq, identity: Identity, report: Report | None) -> Seq:
    latest: dict[Any, Any] = {}
    for index, item in enumerate(sequence):
        pair = (item, sequence.place(index))
        try:
            latest[identity(item)] = pair
        except (TypeError, ValueError) as exc:  # TypeError: it is not hashable
            if report is not None and isinstance(exc, ValueError):
                report.problem(Problem(str(exc), sequence.place(index)))
            latest["item", index] = pair
    return Seq.of(sequence.where, latest.values())
