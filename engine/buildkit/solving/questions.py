"""What clients ask about a Dockerfile instead of building it: its checks, its targets, its variables. Pure.

Each answer is JSON for programs, text for people and, for the checks, an exit code (BuildKit calls them subrequests).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from engine.builder.dockerfile.checks import check
from engine.builder.dockerfile.instructions import Arg, Run
from engine.builder.dockerfile.problem import DockerfileError
from engine.builder.dockerfile.stages import Dockerfile, global_args, needed_stages, parse_dockerfile
from engine.builder.order import BuildOrder
from engine.errors import NotImplementedHere

_RULES: Final = "https://docs.docker.com/go/dockerfile/rule/"
_VERSION: Final = "1.0.0"
_WORD: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NOTED: Final = 3

Answer = dict[str, bytes]


def answer(question: str, order: BuildOrder, text: str) -> Answer:
    """The answer, as the metadata of a result. Raises `DockerfileError`, `NotImplementedHere`."""
    act = _QUESTIONS.get(question)
    if act is None:
        raise NotImplementedHere(f"unsupported request {question}", hint=f"ask for one of {', '.join(_QUESTIONS)}")
    return {"version": _VERSION.encode(), **act(order, text)}


def rule_page(rule: str) -> str:
    """Where a check is explained."""
    return f"{_RULES}{_WORD.sub('-', rule).lower()}/"


def _lint(order: BuildOrder, text: str) -> Answer:
    file = order.dockerfile
    error: DockerfileError | None = None
    try:
        found = check(text, file)
    except DockerfileError as exc:
        found, error = [], exc
    warnings = [
        {
            "ruleName": item.rule,
            "url": rule_page(item.rule),
            "detail": item.message,
            "location": _location(item.line),
        }
        for item in found
    ]
    told: dict[str, object] = {"warnings": warnings or None, "sources": [_source(file, text)]}
    if error is not None:
        told["buildError"] = {"message": error.problem, "location": _location(error.line)}
    shown = [
        f"\nWARNING: {item.rule} - {rule_page(item.rule)}\n{item.message}\n{_excerpt(file, text, item.line)}"
        for item in found
    ]
    return _told(told, "".join(shown)) | {"result.statuscode": b"1" if found or error else b"0"}


def _targets(order: BuildOrder, text: str) -> Answer:
    dockerfile = parse_dockerfile(text, order.dockerfile)
    targets = [
        {
            "name": stage.start.name,
            "default": stage is dockerfile.stages[-1],
            "base": stage.start.image,
            "location": _location(stage.start.line),
        }
        for stage in dockerfile.stages
        if stage.start.name or stage is dockerfile.stages[-1]
    ]
    rows = [("TARGET", "DESCRIPTION")]
    for target in targets:
        mark = " (default)" if target["default"] else ""
        rows.append((f"{target['name']}{mark}".strip(), ""))
    told = [{name: value for name, value in target.items() if value} for target in targets]
    return _told({"targets": told, "sources": [_encoded(text)]}, _table(rows))


def _outline(order: BuildOrder, text: str) -> Answer:
    dockerfile = parse_dockerfile(text, order.dockerfile)
    target = dockerfile.target(order.target)
    variables = global_args(dockerfile, order.given_args, {})
    needed = sorted(needed_stages(dockerfile, target, variables))
    args = _args(dockerfile, needed, order, variables)
    told: dict[str, object] = {"name": target.start.name, "args": args, "sources": [_encoded(text)]}
    mounts = [(part.line, dict(mount.pairs)) for index in needed for part in dockerfile.stages[index].instructions
              if isinstance(part, Run) for mount in part.mounts]  # fmt: skip
    for kind, name, default in (("secret", "secrets", ""), ("ssh", "ssh", "default")):
        told[name] = [
            {"name": mount.get("id") or default, "required": mount.get("required") in ("true", "1"),
             "location": _location(line)}
            for line, mount in mounts if mount.get("type") == kind
        ]  # fmt: skip
    told["cache"] = [
        {"ID": mount.get("id") or mount.get("target", ""), "location": _location(line)}
        for line, mount in mounts
        if mount.get("type") == "cache"
    ]
    shown = f"TARGET: {target.start.name}\n\n" if target.start.name else ""
    rows = [("BUILD ARG", "VALUE", "DESCRIPTION"), *((str(arg["name"]), str(arg.get("value", "")), "") for arg in args)]
    secrets = told["secrets"]
    assert isinstance(secrets, list)  # made above
    lists = [_table([("SECRET", "REQUIRED"), *((item["name"], str(item["required"]).lower()) for item in secrets)])]
    parts = [_table(rows)] if args else []
    parts += lists if secrets else []
    return _told({name: value for name, value in told.items() if value}, shown + "\n".join(parts))


def _args(
    dockerfile: Dockerfile, needed: Iterable[int], order: BuildOrder, variables: Mapping[str, str]
) -> list[dict[str, object]]:
    parts = [*dockerfile.args]
    parts += [part for index in needed for part in dockerfile.stages[index].instructions if isinstance(part, Arg)]
    found: dict[str, dict[str, object]] = {}
    for part in parts:
        for name, default in part.names:
            value = order.given_args.get(name, variables.get(name, default))
            found.setdefault(name, {"name": name, **({"value": value} if value else {}),
                                    "location": _location(part.line)})  # fmt: skip
    return list(found.values())


def _told(value: Mapping[str, object], text: str) -> Answer:
    return {"result.json": msgspec.json.format(msgspec.json.encode(value), indent=2), "result.txt": text.encode()}


def _location(line: int) -> dict[str, object]:
    return {"ranges": [{"start": {"line": line}, "end": {"line": line}}]}


def _source(file: str, text: str) -> dict[str, object]:
    return {"filename": file, "language": "Dockerfile", "data": _encoded(text)}


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _excerpt(file: str, text: str, line: int) -> str:
    lines = text.split("\n")
    first, last = max(1, line - _NOTED + 1), min(len(lines), line + _NOTED - 1)
    bar = "-" * 20
    shown = [
        f" {number:3} | {'>>>' if number == line else '   '} {lines[number - 1]}" for number in range(first, last + 1)
    ]
    return "\n".join([f"{file}:{line}", bar, *shown, bar, ""])


def _table(rows: Iterable[tuple[str, ...]]) -> str:
    listed = list(rows)
    widths = [max(len(row[column]) for row in listed) for column in range(len(listed[0]))]
    return "".join(
        "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n" for row in listed
    )


_QUESTIONS: Final[Mapping[str, Callable[[BuildOrder, str], Answer]]] = {
    "frontend.lint": _lint,
    "frontend.targets": _targets,
    "frontend.outline": _outline,
}
