"""Listings in the formats of Docker's commands: `table`, `json`, `table TEMPLATE` and `TEMPLATE`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from compose.render.tables import table
from compose.render.template.values import Record, Value, to_json

# No column is narrower, its gap included: what Docker's own tables do.
_NARROWEST = 10
_TABLE = "table"
_JSON = "json"


class Columns(Struct, frozen=True):
    """The headers of all fields, in capitals, and the fields that the table shows by default."""

    headers: Mapping[str, str]
    shown: Sequence[str]


def listing(form: str, items: Iterable[Record], columns: Columns) -> str:
    """Print `items` as `form` says, each on a line (or more) of its own; empty is `table`.

    Raises `TemplateError` for a template that is wrong or asks for what is not there.
    """
    if form in ("", _TABLE):
        rows = [[str(item.fields[name]) for name in columns.shown] for item in items]
        return table([columns.headers[name] for name in columns.shown], rows, narrowest=_NARROWEST)
    if form == _JSON:
        return "".join(f"{to_json(item)}\n" for item in items)
    # Most listings do without templates, which take some milliseconds to import.
    from compose.render.template.evaluate import render
    from compose.render.template.functions import FUNCTIONS, HEADER_FUNCTIONS
    from compose.render.template.parse import parse

    template = parse(_unescaped(form.removeprefix(_TABLE)), FUNCTIONS)
    lines = [render(template, item) for item in items]
    if not form.startswith(_TABLE):
        return "".join(f"{line}\n" for line in lines)
    header = render(template, Record(columns.headers, {"Label": _label_header}), HEADER_FUNCTIONS)
    rows = [line.split("\t") for text in (header, *lines) for line in text.split("\n")]
    return table(rows[0], rows[1:], narrowest=_NARROWEST)


def inspection(form: str, items: Sequence[Mapping[str, Value]]) -> str:
    """Print whole objects as `form` says: empty is a list of them in JSON, `json` the same on one line, and a template
    makes a line (or more) of each. Raises `TemplateError`.
    """
    if form == "":
        return json.dumps(items, indent=4, ensure_ascii=False) + "\n"
    if form == _JSON:
        return json.dumps(items, separators=(",", ":"), ensure_ascii=False) + "\n"
    from compose.render.template.evaluate import render
    from compose.render.template.functions import FUNCTIONS
    from compose.render.template.parse import parse

    template = parse(_unescaped(form), FUNCTIONS)
    return "".join(f"{render(template, Record(item))}\n" for item in items)


def _unescaped(form: str) -> str:
    r"""A shell's quotes leave `\t` and `\n` as they are, so they mean tabs and new lines here."""
    return form.strip(" ").replace("\\t", "\t").replace("\\n", "\n")


def _label_header(name: str) -> str:
    """`com.example.some-name` becomes `some name`."""
    return name.rpartition(".")[2].replace("-", " ").replace("_", " ")
