"""What gave a value of the document: a place in a file, a variable, a default, or a rule that implies it.

Worked out only when it is asked for. The tree knows the place of every value that a file wrote; what stood there
before interpolation is read from the file's text again, and the variables are looked up once more to see which of
them made a difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct

from compose.errors import Location
from compose.load.origins.decisive import decisive, part_of
from compose.load.origins.environment import Environment
from compose.load.origins.implied import DEFAULTS, IMPLIED, is_beside_short_form, rule_at
from compose.load.origins.trace import Trace
from compose.load.text import dotenv
from compose.load.text.yaml import parse
from compose.load.tree import Map, Seq, Steps

Kind = Literal["file", "shell", "env file", "option", "fallback", "unset", "default", "implied"]
NO_TEXT: Any = object()  # what stands at a place that is not one of a scalar


class Origin(Struct, frozen=True):
    """One thing that a value comes from.

    - `file`: `where` in a Compose file the value (or the variable that it comes from) is written.
    - `shell`, `env file`: `variable` has its value from the environment, or from `where` in a variable file.
    - `fallback`, `unset`: `variable` is not set, so the default in the text is used, or nothing.
    - `option`: the command line; `rule` is the option.
    - `default`, `implied`: no file says so; `rule` says why it is so, `where` is what it follows from, if anything.
    """

    kind: Kind
    where: Location | None = None
    variable: str = ""
    rule: str = ""


class _Spot(Struct):
    """Where a walk down the tree ended: the last mapping, and how much of the path no file wrote."""

    where: Location
    holder: Map | None
    is_written: bool
    part: Any


class Origins:
    """Answers for one loaded project; see `of`."""

    def __init__(self, tree: Map, trace: Trace) -> None:
        self._tree = tree
        self._trace = trace
        self._texts: dict[str, dict[Location, Any]] = {}
        self._files: dict[tuple[str, bool], dict[str, Location]] = {}

    def of(self, path: Steps, value: Any = None) -> tuple[Origin, ...]:
        """Return what gave the value at `path` of the document, the nearest cause first.

        `value` is needed only for items of lists whose order is not that of the file (`extra_hosts`).
        """
        if path == ("name",):
            return self._name()
        spot = self._descend(path, value)
        if path[0] == "services" and len(path) == 4 and path[2] in ("environment", "labels") and not spot.is_written:
            found = self._from_variable_file(path)
            if found:
                return found
        if spot.is_written:
            return self._written(spot.where, path)
        if spot.holder is not None and self._is_said(path, self._text(spot.holder.where)):
            return self._written(spot.holder.where, path)
        return (self._implied(path, spot),)

    def variable(self, name: str) -> Origin:
        """Return what gave a variable of the whole project its value."""
        return self._variable(name, self._trace.environment)

    # -- the walk ------------------------------------------------------------------------------------------

    def _descend(self, path: Steps, value: Any) -> _Spot:
        spot = _Spot(self._tree.where, None, True, self._tree)
        for step in path:
            if isinstance(spot.part, Map):
                key = _key(spot.part, step, value)
                is_known = key is not None and key in spot.part.keys_at and spot.is_written
                if not is_known:
                    spot.holder = spot.part if spot.is_written else spot.holder
                    spot.is_written = False
                if key is None:
                    return spot
                spot.where = spot.part.value_at(key) if key in spot.part.keys_at else spot.where
                spot.part = spot.part[key]
            elif isinstance(spot.part, Seq):
                index = _index(spot.part, step, value)
                if index is None:
                    spot.is_written, spot.holder = False, None
                    return spot
                spot.where = spot.part.place(index) if spot.is_written else spot.where
                spot.part = spot.part[index]
        return spot

    # -- values that stand in a file -----------------------------------------------------------------------

    def _written(self, where: Location, path: Steps) -> tuple[Origin, ...]:
        text = self._text(where)
        file = Origin("file", where)
        if isinstance(text, str) and "$" in text:
            return (*self._variables(text, path, where), file)
        if _takes_variables(path) and (text is None or (text is not NO_TEXT and str(text) == path[-1])):
            return (self._variable(str(path[-1]), self._environments(where)[0]), file)
        return (file,)

    def _text(self, where: Location) -> Any:
        """Return the scalar at a place as it was before interpolation, or `NO_TEXT`."""
        file = where.file
        if file not in self._texts:
            text = self._trace.disk.text_of(file)
            self._texts[file] = {}
            for document in parse(text, file) if text is not None and file in self._trace.environments else ():
                self._texts[file].update(_scalars(document.tree))
        return self._texts[file].get(where, NO_TEXT)

    def _environments(self, where: Location) -> Sequence[Mapping[str, str]]:
        return self._trace.environments.get(where.file) or (self._trace.environment,)

    def _variables(self, text: str, path: Steps, where: Location) -> Iterator[Origin]:
        # A file may be used several times with different variables: all that may have given the value are told.
        seen: dict[Origin, None] = {}
        for environment in self._environments(where):
            for name in decisive(text, environment, part_of(path)):
                seen.setdefault(self._variable(name, environment, text))
        yield from seen

    def _variable(self, name: str, environment: Mapping[str, str], text: str = "") -> Origin:
        if name not in environment:
            has_fallback = any(f"${{{name}{operator}" in text for operator in (":-", "-"))
            return Origin("fallback" if has_fallback else "unset", variable=name)
        if not isinstance(environment, Environment):
            return Origin("shell", variable=name)
        if name in environment.outer:
            return self._variable(name, environment.outer)
        for layer in environment.layers:
            for file in reversed(layer):
                where = self._variables_of(file, is_raw=False).get(name)
                if where is not None:
                    return Origin("env file", where, name)
        return Origin("implied", variable=name, rule="set by pycompose")

    # -- values from variable files ------------------------------------------------------------------------

    def _from_variable_file(self, path: Steps) -> tuple[Origin, ...]:
        """Return the line of the last of a service's variable files that sets a variable or label."""
        name = str(path[3]).replace("$$", "$")
        service = self._tree["services"][path[1]]
        entries = service.get("env_file" if path[2] == "environment" else "label_file")
        for entry, place in reversed(entries.pairs() if isinstance(entries, Seq) else ()):
            file = entry.get("path", "") if isinstance(entry, Map) else entry
            is_raw = isinstance(entry, Map) and entry.get("format") == "raw"
            where = self._variables_of(self._trace.disk.absolute(file), is_raw=is_raw).get(name)
            if where is not None:
                return Origin("env file", where, name), Origin("file", place)
        return ()

    def _variables_of(self, path: str, *, is_raw: bool) -> dict[str, Location]:
        key = (path, is_raw)
        if key not in self._files:
            name = self._trace.disk.display(path)
            text = self._trace.disk.text_of(name)
            self._files[key] = dotenv.places(text, name, is_raw=is_raw) if text is not None else {}
        return self._files[key]

    # -- values that no file wrote -------------------------------------------------------------------------

    def _name(self) -> tuple[Origin, ...]:
        environment = self._trace.environment
        if self._trace.given_name:
            return (Origin("option", rule="--project-name"),)
        outer = environment.outer if isinstance(environment, Environment) else {}
        layers = environment.layers if isinstance(environment, Environment) else ()
        given = self._variable("COMPOSE_PROJECT_NAME", Environment(environment, outer=outer, layers=layers))
        if given.kind in ("shell", "env file"):
            return (given,)
        if "name" in self._tree.keys_at:
            return self._written(self._tree.value_at("name"), ("name",))
        return (Origin("implied", rule=rule_at(IMPLIED, ("name",))),)

    def _implied(self, path: Steps, spot: _Spot) -> Origin:
        where = self._cause(path, spot)
        rule = rule_at(DEFAULTS, path)
        if path[2:3] == ("depends_on",) and self._text(spot.where) not in (path[3], NO_TEXT):
            rule = ""  # the place is neither a dependency's name nor its long form, but something that implies it
        if rule:
            return Origin("default", where, rule=rule)
        rule = rule_at(IMPLIED, path)
        return Origin("implied" if rule else "default", where, rule=rule)

    def _cause(self, path: Steps, spot: _Spot) -> Location | None:
        """Return the place that a value follows from, if it is a narrower one than the whole service or resource."""
        *_, last = path
        entry = self._tree[str(path[0])].get(path[1]) if len(path) > 2 else None
        if isinstance(entry, Map) and last == "replicas":
            return entry.value_at("scale")
        is_whole = not isinstance(entry, Map) or spot.where == entry.where
        return None if is_whole or not spot.where.line else spot.where

    def _is_said(self, path: Steps, text: Any) -> bool:
        """Tell whether the text of a short form says the value at `path` (most leave some to the default)."""
        if text is NO_TEXT or text is None:
            return False
        if path[-1] == "protocol":
            return "/" in str(text)
        return (path[-1] == "permissions" and str(text).count(":") > 1) or not is_beside_short_form(path)


def _key(part: Map, step: str | int, value: Any) -> str | None:
    """Return the key of the tree's mapping that a step of the document's path stands for."""
    if isinstance(step, int):  # a mapping that is written as a list of `key=value`
        name = str(value).partition("=")[0]
        return name if name in part else None
    plain = step.replace("$$", "$")
    return next((key for key in (step, plain, step.lower()) if key in part), None)


def _index(part: Seq, step: str | int, value: Any) -> int | None:
    """Return the index of the tree's sequence that a step of the document's path stands for."""
    if isinstance(step, str):  # a list of `key=value` that is written as a mapping
        plain = step.replace("$$", "$")
        return next((i for i in reversed(range(len(part))) if str(part[i]).partition("=")[0] == plain), None)
    if isinstance(value, str) and all(isinstance(item, str) for item in part):
        plain = value.replace("$$", "$")
        same = [i for i, item in enumerate(part) if item == plain]
        host = plain.partition("=")[0]
        same = same or [i for i, item in enumerate(part) if item.startswith((f"{host}=", f"{host}:"))]
        if step not in same and same:
            return same[0]
    return step if step < len(part) else None


def _takes_variables(path: Steps) -> bool:
    """Tell whether an entry without a value takes that of the variable of its name."""
    return path[0] == "services" and (path[2:3] == ("environment",) or path[2:4] == ("build", "args"))


def _scalars(tree: Any) -> Iterator[tuple[Location, Any]]:
    """Yield the scalars of a tree with their places."""
    pairs = [(entry, tree.value_at(key)) for key, entry in tree.items()] if isinstance(tree, Map) else []
    for value, where in tree.pairs() if isinstance(tree, Seq) else pairs:
        if isinstance(value, Map | Seq):
            yield from _scalars(value)
        else:
            yield where, value
