"""One document laid over another, by the rules of the Compose Specification, 13-merge.md.

Mappings merge key by key and sequences are joined, except where the table below says otherwise; a scalar is
replaced. The result may share parts with both sides.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from compose.errors import Location, Problem
from compose.load.rules import Rules, compile_rules
from compose.load.text.scalars import show
from compose.load.tree import Map, Seq

Merger = Callable[[Any, Any, "Merge"], Any]


class Merge:
    """The merge under way at one place: its rules from here on, the place of the overlay, and the path in words."""

    __slots__ = ("_report", "path", "rules", "where")

    def __init__(
        self, rules: Rules[Merger] | None, where: Location, path: str, report: Callable[[Problem], None]
    ) -> None:
        self.rules = rules
        self.where = where
        self.path = path
        self._report = report

    def below(self, key: str, where: Location) -> Merge:
        path = f"{self.path}.{key}" if self.path else key
        return Merge(self.rules and self.rules.at(key), where, path, self._report)

    def refuse(self, base: Any) -> Any:
        kind = "mapping" if isinstance(base, Map) else "list"
        self._report(
            Problem(f"{self.path} cannot be overridden: it is a {kind} in an earlier file, and not here", self.where)
        )
        return base


def merge_documents(base: Map, overlay: Map, report: Callable[[Problem], None]) -> Map:
    """Return `base` with `overlay` laid over it."""
    return _merge_mappings(base, overlay, Merge(RULES, overlay.where, "", report))


def merge_service(base: Map, overlay: Map, name: str, report: Callable[[Problem], None]) -> Map:
    """Return the service `base` with `overlay` laid over it, as `extends` does."""
    rules = RULES.below["services"].below["*"]
    return _merge_mappings(base, overlay, Merge(rules, overlay.where, f"services.{name}", report))


def _merge(base: Any, overlay: Any, merge: Merge) -> Any:
    if merge.rules is not None and merge.rules.rule is not None:
        return merge.rules.rule(base, overlay, merge)
    if overlay is None:
        return base
    if isinstance(base, Map):
        return _merge_mappings(base, overlay, merge) if isinstance(overlay, Map) else merge.refuse(base)
    if isinstance(base, Seq):
        return _join(base, overlay) if isinstance(overlay, Seq) else merge.refuse(base)
    return overlay


def _merge_mappings(base: Map, overlay: Map, merge: Merge) -> Map:
    for key in overlay:
        if key not in base:
            base.take(overlay, key)
            continue
        place = overlay.value_at(key)
        merged = _merge(base[key], overlay[key], merge.below(key, place))
        if merged is overlay[key]:
            base.take(overlay, key)
        else:
            base[key] = merged
    return base


def _join(base: Seq, overlay: Seq) -> Seq:
    return Seq.of(overlay.where, base.pairs() + overlay.pairs())


def _to_sequence(value: Any, where: Location) -> Seq:
    if isinstance(value, Seq):
        return value
    if isinstance(value, Map):
        items: list[tuple[Any, Location]] = []
        for key, entry in value.items():
            place = value.value_at(key)
            if isinstance(entry, Seq):
                items.extend((f"{key}={show(item)}", place) for item in entry)
            else:
                items.append((key if entry is None else f"{key}={show(entry)}", place))
        return Seq.of(value.where, sorted(items, key=lambda item: str(item[0])))
    return Seq.of(where, [(value, where)] if isinstance(value, str) else [])


def _to_mapping(value: Any, where: Location, default: Callable[[Location], Any]) -> Map:
    if isinstance(value, Map):
        return value
    mapping = Map(value.where if isinstance(value, Seq) else where)
    if isinstance(value, Seq):
        for item, place in value.pairs():
            mapping.put(str(item), default(place), place)
    return mapping


def _nothing(_: Location) -> None:
    return None


def _started(where: Location) -> Map:
    return Map(where, {"condition": "service_started", "required": True})


def _override(_: Any, overlay: Any, __: Merge) -> Any:
    return overlay


def _sequences(base: Any, overlay: Any, merge: Merge) -> Seq:
    return _join(_to_sequence(base, merge.where), _to_sequence(overlay, merge.where))


def _extra_hosts(base: Any, overlay: Any, merge: Merge) -> Seq:
    first = _to_sequence(base, merge.where)
    second = _to_sequence(overlay, merge.where)
    return Seq.of(second.where, first.pairs() + [pair for pair in second.pairs() if pair[0] not in first])


def _build(base: Any, overlay: Any, merge: Merge) -> Map:
    def long_form(value: Any) -> Map:
        if isinstance(value, Map):
            return value
        return Map(merge.where, {"context": value} if isinstance(value, str) else {})

    return _merge_mappings(long_form(base), long_form(overlay), merge)


def _depends_on(base: Any, overlay: Any, merge: Merge) -> Map:
    first, second = (_to_mapping(value, merge.where, _started) for value in (base, overlay))
    return _merge_mappings(first, second, merge)


def _named(base: Any, overlay: Any, merge: Merge) -> Map:
    first, second = (_to_mapping(value, merge.where, _nothing) for value in (base, overlay))
    return _merge_mappings(first, second, merge)


def _logging(base: Any, overlay: Any, merge: Merge) -> Any:
    if not isinstance(base, Map) or not isinstance(overlay, Map):
        return base if overlay is None else overlay
    # Options belong to a driver: another driver starts afresh.
    if "driver" in base and "driver" in overlay and base["driver"] != overlay["driver"]:
        return overlay
    return _merge_mappings(base, overlay, merge)


def _ipam_pools(base: Any, overlay: Any, merge: Merge) -> Any:
    """Match the address pools of both sides by subnet, in the way (and with the quirks) of the reference."""
    if not isinstance(base, Seq) or not isinstance(overlay, Seq):
        return merge.refuse(base)
    pools: list[Map] = []
    for original in base:
        pool = _to_mapping(original, merge.where, _nothing)
        for entry in overlay:
            other = _to_mapping(entry, merge.where, _nothing)
            is_known = any(known.get("subnet") == other.get("subnet") for known in pools)
            if other.get("subnet") != pool.get("subnet") and not is_known:
                pools.append(other)
                continue
            pool = _merge_mappings(pool, other, merge)
            same = [index for index, known in enumerate(pools) if known.get("subnet") == pool.get("subnet")]
            if same:
                pools[same[0]] = pool
            else:
                pools.append(pool)
    return Seq(overlay.where, pools)


RULES: Rules[Merger] = compile_rules(
    {
        "networks.*.ipam.config": _ipam_pools,
        "networks.*.labels": _sequences,
        "volumes.*.labels": _sequences,
        "services.*.annotations": _sequences,
        "services.*.build": _build,
        "services.*.build.args": _sequences,
        "services.*.build.additional_contexts": _sequences,
        "services.*.build.extra_hosts": _extra_hosts,
        "services.*.build.labels": _sequences,
        "services.*.command": _override,
        "services.*.depends_on": _depends_on,
        "services.*.deploy.labels": _sequences,
        "services.*.dns": _sequences,
        "services.*.dns_opt": _sequences,
        "services.*.dns_search": _sequences,
        "services.*.entrypoint": _override,
        "services.*.env_file": _sequences,
        "services.*.label_file": _sequences,
        "services.*.environment": _sequences,
        "services.*.extra_hosts": _extra_hosts,
        "services.*.healthcheck.test": _override,
        "services.*.labels": _sequences,
        "services.*.logging": _logging,
        "services.*.models": _named,
        "services.*.networks": _named,
        "services.*.sysctls": _sequences,
        "services.*.tmpfs": _sequences,
        "services.*.ulimits.*": _override,
    }
)


def apply_resets(tree: Any, resets: Collection[tuple[str, ...]]) -> None:
    """Remove what later files tagged `!reset` or `!override`; a key `*` there stands for all."""
    if not isinstance(tree, Map) or not resets:
        return
    for key in list(tree):
        below = {reset[1:] for reset in resets if reset and reset[0] in (key, "*")}
        if () in below:
            del tree[key]
        else:
            apply_resets(tree[key], below)
