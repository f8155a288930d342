"""What holds for every file, checked on files that hypothesis makes."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from compose.errors import ComposeError, InvalidProject, Problem
from compose.load.forms.canonical import canonicalise
from compose.load.merging.merge import merge_documents
from compose.load.pipeline import Loaded, LoadRequest, load
from compose.load.report import Report
from compose.load.text.yaml import parse
from compose.load.tree import Map, clone
from compose.render.document import as_json, as_yaml
from tests.strategies import SECTIONS, TREES, YAMLISH, projects


def load_files(*contents: bytes) -> Loaded:
    with tempfile.TemporaryDirectory() as directory:
        names = []
        for number, content in enumerate(contents):
            path = Path(directory, f"{number}.yaml")
            path.write_bytes(content)
            names.append(path.name)
        request = LoadRequest(
            cwd=Path(directory), files=tuple(names), project_directory="/project", profiles=("*",), all_resources=True
        )
        return load(request)


def loads_or_says_where(*contents: bytes) -> None:
    """Load, and fail for any error but one that says what is wrong at which place of which file."""
    problems: list[Problem] = []
    try:
        load_files(*contents)
    except InvalidProject as exc:
        problems = list(exc.problems)
    except ComposeError as exc:
        problems = [Problem(str(exc), exc.where)]
    assert all(problem.message and problem.where and problem.where.line for problem in problems), problems


@given(projects())
def test_the_printed_project_means_itself(document: dict[str, Any]) -> None:
    loaded = load_files(json.dumps(document).encode())
    assert load_files(as_yaml(loaded.document).encode()).document == loaded.document
    assert load_files(as_json(loaded.document).encode()).document == loaded.document


@given(projects(), projects())
def test_a_file_changes_nothing_but_what_it_says(base: dict[str, Any], overlay: dict[str, Any]) -> None:
    first = json.dumps(base).encode()
    assert load_files(first, b"{}").document == load_files(first).document
    added = {f"new-{name}": service for name, service in overlay["services"].items()}
    merged = load_files(first, json.dumps({"services": added}).encode()).document
    alone = load_files(first).document
    assert {name: merged["services"][name] for name in alone["services"]} == alone["services"]


@given(projects(), projects(), projects())
def test_merging_is_associative(first: dict[str, Any], second: dict[str, Any], third: dict[str, Any]) -> None:
    one, two, three = canonical(first), canonical(second), canonical(third)
    left = merged(merged(one, two), three)
    right = merged(one, merged(two, three))
    assert left == right


def canonical(document: dict[str, Any]) -> Map:
    # A driver's options go with the driver, and a command is replaced: what is replaced by choice does not associate.
    for service in document["services"].values():
        service.pop("logging", None)
    tree = parse(json.dumps(document), "made.yaml")[0].tree
    assert isinstance(tree, Map)
    report = Report(lambda _: None)
    canonicalise(tree, report, keep_unparsable=False)
    report.raise_problems()
    return tree


def merged(base: Map, overlay: Map) -> Map:
    problems: list[Problem] = []
    result = merge_documents(clone(base), clone(overlay), problems.append)
    assert not problems
    return result


@given(st.binary(max_size=200))
@example(b"\xff\xfe")
@example(b"services:\n  web: {image: \xff}")
def test_any_bytes_load_or_are_refused_at_a_place(content: bytes) -> None:
    loads_or_says_where(content)


@given(YAMLISH)
def test_any_text_of_yaml_pieces_loads_or_is_refused_at_a_place(text: str) -> None:
    loads_or_says_where(text.encode())


@given(SECTIONS)
def test_any_tree_loads_or_is_refused_at_a_place(tree: dict[str, Any]) -> None:
    loads_or_says_where(as_yaml(tree).encode())


@given(TREES, TREES)
def test_any_services_merge_or_are_refused_at_a_place(one: Any, two: Any) -> None:
    loads_or_says_where(as_yaml({"services": {"web": one}}).encode(), as_yaml({"services": {"web": two}}).encode())
