"""The document as `config` prints it in YAML: the reference's JSON lacks some of it, and has what its YAML has not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compose.load.document import escaped
from compose.load.forms.kinds import plain
from compose.load.rules import Rules, compile_rules
from compose.load.tree import Map

# What JSON has although it is not set (`null` or `{}`).
_UNSET = "unset"
# What JSON has with capitalised names.
_TITLED = "titled"
# What keeps no `x-` keys.
_CLOSED = "closed"
# Limits: they keep no `x-` keys either, and both are written, also where they are 0.
_LIMITS = "limits"

_RULES = compile_rules(
    {
        "services.*.command": _UNSET,
        "services.*.entrypoint": _UNSET,
        "services.*.post_start.*.command": _UNSET,
        "services.*.pre_stop.*.command": _UNSET,
        "services.*.develop.watch.*.exec": _UNSET,
        "services.*.develop.watch.*.exec.command": _UNSET,
        "services.*.deploy.resources": _UNSET,
        "services.*.deploy.placement": _UNSET,
        "services.*.blkio_config.*.*": _TITLED,
        "services.*.build.ulimits.*": _LIMITS,
        "services.*.ulimits.*": _LIMITS,
        "services.*.deploy.resources.reservations.devices.*": _CLOSED,
        "services.*.gpus.*": _CLOSED,
        "networks.*.ipam": _UNSET,
        "networks.*.ipam.config.*": _CLOSED,
    }
)


def yaml_form(document: Mapping[str, Any], tree: Map) -> dict[str, Any]:
    """Return the document of an interpolated project in the form for YAML.

    `tree` is what the document was made of: it has the `x-` keys of services, networks and their parts.
    """
    form: dict[str, Any] = _form(document, tree, _RULES)
    return form


def _form(value: Any, source: Any, rules: Rules[str] | None) -> Any:
    if isinstance(value, dict):
        return _mapping(value, source if isinstance(source, Map) else {}, rules)
    if isinstance(value, list):
        sources = source if isinstance(source, list) else []
        if len(sources) != len(value):
            sources = [None] * len(value)
        return [_form(item, below, rules and rules.at("*")) for item, below in zip(value, sources, strict=True)]
    return value


def _mapping(value: Mapping[str, Any], source: Mapping[str, Any], rules: Rules[str] | None) -> dict[str, Any]:
    rule = rules.rule if rules else None
    form: dict[str, Any] = {"soft": 0, "hard": 0} if rule == _LIMITS else {}
    for key, entry in value.items():
        below = rules and rules.at(key)
        written = _form(entry, source.get(key.replace("$$", "$")), below)
        if below is None or below.rule != _UNSET or (written is not None and written != {}):
            form[key.lower() if rule == _TITLED else key] = written
    if rule not in (_CLOSED, _LIMITS):
        for key in source:
            if key.startswith("x-") and (name := escaped(key)) not in form:
                form[name] = escaped(plain(source[key]))
    return form
