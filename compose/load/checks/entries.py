"""Rules of single entries that the schema cannot say: attributes that exclude or need each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from compose.errors import Problem
from compose.load.forms.short import is_address
from compose.load.report import Report
from compose.load.rules import Rules, compile_rules
from compose.load.tree import Map, Seq

Check = Callable[[Map, Report], None]


def check_entries(tree: Map, report: Report) -> None:
    """Report entries of a canonical document that contradict themselves."""
    _walk(tree, CHECKS, report)


def _walk(value: Any, rules: Rules[Check], report: Report) -> None:
    if rules.rule is not None and isinstance(value, Map):
        rules.rule(value, report)
    if isinstance(value, Map):
        for key, entry in value.items():
            if (below := rules.at(key)) is not None:
                _walk(entry, below, report)
    elif isinstance(value, Seq) and (below := rules.at("[]")) is not None:
        for item in value:
            _walk(item, below, report)


def _external_volume(volume: Map, report: Report) -> None:
    if volume.get("external") is not True:
        return
    for key in volume:
        if key not in ("name", "external") and not key.startswith("x-"):
            message = f"an external volume cannot have `{key}`: it is not ours to make"
            report.problem(Problem(message, volume.key_at(key)))


def _one_content(kind: str, *keys: str) -> Check:
    def check(entry: Map, report: Report) -> None:
        found = [key for key in keys if key in entry]
        listed = " and ".join(f"`{key}`" for key in found)
        if len(found) > 1:
            report.problem(Problem(f"{listed} exclude each other: keep one", entry.key_at(found[1])))
        elif not found and "driver" not in entry and "external" not in entry:
            wanted = ", ".join(f"`{key}`" for key in keys)
            report.problem(Problem(f"this {kind} has no content: set one of {wanted}", entry.where))

    return check


def _port(port: Map, report: Report) -> None:
    address = port.get("host_ip")
    if isinstance(address, str) and not is_address(address):
        report.problem(Problem(f"`{address}` is not an IP address", port.value_at("host_ip")))
    _needs_target(port, report)


def _needs_target(entry: Map, report: Report) -> None:
    if entry.get("target") is None:
        report.problem(Problem("`target` is missing: the place in the container", entry.where))


def _mount(mount: Map, report: Report) -> None:
    _needs_target(mount, report)
    if mount.get("type") == "bind" and "source" not in mount:
        report.problem(Problem("a bind mount needs a `source`", mount.where))


def _watch(rule: Map, report: Report) -> None:
    if rule.get("path") == "":
        report.problem(Problem("`path` must not be empty", rule.value_at("path")))


def _device_request(request: Map, report: Report) -> None:
    if "count" in request and "device_ids" in request:
        report.problem(Problem("`count` and `device_ids` exclude each other: keep one", request.key_at("count")))


CHECKS: Rules[Check] = compile_rules(
    {
        "volumes.*": _external_volume,
        "configs.*": _one_content("config", "file", "environment", "content"),
        "secrets.*": _one_content("secret", "file", "environment"),
        "services.*.ports.*": _port,
        "services.*.volumes.*": _mount,
        "services.*.devices.*": _needs_target,
        "services.*.develop.watch.*": _watch,
        "services.*.deploy.resources.reservations.devices.*": _device_request,
        "services.*.gpus.*": _device_request,
    }
)
