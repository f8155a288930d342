"""What `config` prints instead of the project: names of its parts, hashes, the variables that it uses."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from compose.errors import ComposeError, UsageError

if TYPE_CHECKING:
    from compose.load.pipeline import Loaded
    from compose.load.text.used import UsedVariable
    from compose.model.project import Project

Options = Mapping[str, Any]


class Listing(Struct, frozen=True):
    """One of the listings. `switches` are those of the load, over what the command line asks for.

    `selects`: the arguments choose the services that are looked at. `is_hushed`: `--quiet` leaves nothing of it.
    """

    show: Callable[[Loaded, Options], Iterable[str]]
    switches: Mapping[str, bool]
    selects: bool = False
    is_hushed: bool = False


def listing_of(options: Options) -> Listing | None:
    """The listing that the command line asks for; of several the first of the reference's order."""
    name = next((name for name in LISTINGS if options[name]), "")
    if name == "services_only" and not options["no_interpolate"]:
        return _SERVICES_IN_ORDER
    return LISTINGS.get(name)


def _services(loaded: Loaded, _: Options) -> Iterator[str]:
    yield from loaded.document.get("services", {})


def _services_in_order(loaded: Loaded, _: Options) -> Iterator[str]:
    """What is depended on comes first."""
    services, seen = loaded.project.services, set[str]()
    for start in services:
        path = [] if start in seen else [start]
        while path:
            seen.add(path[-1])
            needs = [name for name in services[path[-1]].depends_on if name in services and name not in seen]
            if needs:
                path.append(needs[0])
            else:
                yield path.pop()


def _section(name: str) -> Callable[[Loaded, Options], Iterator[str]]:
    def show(loaded: Loaded, _: Options) -> Iterator[str]:
        yield from loaded.document.get(name, {})

    return show


def _models(loaded: Loaded, _: Options) -> Iterator[str]:
    for model in loaded.document.get("models", {}).values():
        if model.get("model"):
            yield model["model"].replace("$$", "$")


def _hashes(loaded: Loaded, options: Options) -> Iterator[str]:
    from compose.plan.hashing import service_hash

    project: Project = loaded.project
    wanted: str = options["hash"]
    for name in sorted(project.services if wanted == "*" else wanted.split(",")):
        if name not in project.services:
            why = "its profile is not enabled" if name in project.disabled else None
            raise UsageError(f"no such service: {name}", hint=why)
        # The reference has forgotten the names of label files by now, though not when it makes containers.
        yield f"{name} {service_hash(project, project.services[name], without=('label_file',))}"


def _profiles(loaded: Loaded, _: Options) -> list[str]:
    every = (*loaded.project.services.values(), *loaded.project.disabled.values())
    return sorted({profile for service in every for profile in service.profiles})


def _images(loaded: Loaded, _: Options) -> list[str]:
    from compose.plan.images import image_of

    return [image_of(loaded.project, service) for service in loaded.project.services.values()]


def _environment(loaded: Loaded, _: Options) -> list[str]:
    return sorted(f"{name}={value}" for name, value in loaded.project.environment.items())


def _variables(loaded: Loaded, options: Options) -> list[str]:
    from compose.load.text.used import used_variables

    used = dict(sorted(used_variables(loaded.document).items()))
    style: str = options["style"]
    if style == "yaml":
        return _variables_as_yaml(used)
    show = _VARIABLE_STYLES.get(style.lower())
    if show is None:
        raise ComposeError(f"format value `{style}` could not be parsed", hint="use table, json or yaml")
    return show(used)


def _variables_as_yaml(used: Mapping[str, UsedVariable]) -> list[str]:
    from compose.render.document import as_yaml

    order = ("name", "default_value", "presence_value", "required")
    document = {
        name: {key.replace("_", ""): getattr(variable, key) for key in order} for name, variable in used.items()
    }
    # The reference indents by four here.
    return re.sub("(?m)^  ", "    ", as_yaml(document)).splitlines()


def _variables_as_json(used: Mapping[str, UsedVariable]) -> list[str]:
    document = {
        name: {key.title().replace("_", ""): value for key, value in msgspec.structs.asdict(variable).items()}
        for name, variable in used.items()
    }
    return [json.dumps(document, indent=4, ensure_ascii=False), ""]


def _variables_as_table(used: Mapping[str, UsedVariable]) -> list[str]:
    rows = [("NAME", "REQUIRED", "DEFAULT VALUE", "ALTERNATE VALUE")]
    for variable in used.values():
        required = "true" if variable.required else "false"
        rows.append((variable.name, required, variable.default_value, variable.presence_value))
    return list(_tabbed(rows))


def _tabbed(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns of at least 20 characters, three apart; the last one is not filled up (Go's text/tabwriter)."""
    widths = [max(20, *(len(cell) + 3 for cell in column)) for column in zip(*rows, strict=True)]
    for *cells, last in rows:
        yield "".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=False)) + last


_VARIABLE_STYLES: Mapping[str, Callable[[Mapping[str, UsedVariable]], list[str]]] = {
    "": _variables_as_table,
    "table": _variables_as_table,
    "pretty": _variables_as_table,
    "json": _variables_as_json,
    "{{json .}}": _variables_as_json,
}

# No listing reads the files of variables, so that they may be missing.
_AS_PROJECT = {"resolve_environment": False, "bind_always": True}
_AS_WRITTEN = {"interpolate": False}

_SERVICES_IN_ORDER = Listing(_services_in_order, _AS_PROJECT)

# In the order in which one goes before another when several are asked for.
LISTINGS: Mapping[str, Listing] = {
    "services_only": Listing(_services, _AS_WRITTEN),
    "volumes": Listing(_section("volumes"), _AS_PROJECT),
    "networks": Listing(_section("networks"), _AS_PROJECT),
    "models": Listing(_models, _AS_PROJECT),
    "hash": Listing(_hashes, _AS_PROJECT),
    "profiles": Listing(_profiles, _AS_PROJECT, selects=True),
    "images": Listing(_images, _AS_PROJECT, selects=True),
    "variables": Listing(_variables, _AS_WRITTEN),
    "environment": Listing(_environment, {"bind_always": True}, selects=True, is_hushed=True),
}
