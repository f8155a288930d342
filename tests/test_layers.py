"""The import rules of docs/architecture.md, checked on every test run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import networkx
import pytest

ROOT = Path(__file__).resolve().parents[1]

# A package may import itself and the rows above it; neighbours in one row stay strangers.
LAYERS: dict[str, tuple[tuple[str, ...], ...]] = {
    "compose": (
        ("compose.errors", "compose.lazy"),
        ("compose.model",),
        ("compose.load", "compose.graph", "compose.artifact"),
        ("compose.plan",),
        ("compose.apply", "compose.render"),
        ("compose.cli",),
    ),
    "engine": (
        ("engine.errors",),
        ("engine.wire", "engine.undo", "engine.locks", "engine.kernel"),
        ("engine.process",),
        ("engine.state", "engine.events", "engine.client"),
        (
            "engine.registry",
            "engine.storage",
            "engine.network",
            "engine.volumes",
            "engine.logs",
            "engine.runtime",
        ),
        ("engine.images",),
        ("engine.containers",),
        ("engine.builder",),
        ("engine.buildkit",),
        ("engine.api",),
        ("engine.daemon",),
    ),
}
# What stands above a row but is still closed to it.
ONLY_FOR = {"compose.artifact": ("compose.cli",), "compose.load": ("compose.cli",)}
# The doors between the two sides, and to the schemas.
DOORS = {
    # A registry is asked before there is an engine, and for what no engine knows.
    "compose.artifact": ("engine.errors", "engine.registry", "engine.wire"),
    # Who has a port of this host is asked in the same way on both sides.
    "compose.apply": ("engine.client", "engine.wire", "engine.kernel.sockets"),
    "compose.cli": ("engine.client", "engine.wire"),
    "compose.load": ("schemas",),
}


def modules(side: str) -> Iterator[tuple[str, Path]]:
    for path in sorted((ROOT / side).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, node.lineno


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def layer_of(module: str) -> tuple[str, int]:
    """Return the layer's package and its row, or fail for a module outside every layer."""
    for row, names in enumerate(LAYERS[module.partition(".")[0]]):
        for name in names:
            if within(module, name):
                return name, row
    raise AssertionError(f"{module} is in no layer: add it to LAYERS")


def allowed(importer: str, imported: str) -> bool:
    here, row = layer_of(importer)
    if importer.partition(".")[0] != imported.partition(".")[0]:
        return any(within(imported, door) for door in DOORS.get(here, ()))
    there, other_row = layer_of(imported)
    return here == there or (other_row < row and here in ONLY_FOR.get(there, (here,)))


@pytest.mark.parametrize("side", sorted(LAYERS))
def test_imports_point_one_way(side: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {module} may not import {name}"
        for module, path in modules(side)
        if module != side
        for name, line in imports(path)
        if name.partition(".")[0] in (*LAYERS, "schemas") and not allowed(module, name)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("side", sorted(LAYERS))
def test_no_modules_import_each_other_in_a_circle(side: str) -> None:
    known = dict(modules(side))
    arrows: networkx.DiGraph[str] = networkx.DiGraph()
    # A package that gathers its own modules (`from a.b import c` in a/b/__init__.py) is no circle.
    arrows.add_edges_from(
        (module, name)
        for module, path in known.items()
        for name, _ in imports(path)
        if name != module and name in known
    )
    assert [" -> ".join(circle) for circle in networkx.simple_cycles(arrows)] == []
