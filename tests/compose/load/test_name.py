"""Which name a project gets."""

from __future__ import annotations

from typing import Any

import pytest

from compose.errors import ComposeError
from compose.load.name import normalise_name
from tests.fakes.directory import Directory

WEB = "services: {web: {image: a}}\n"


def name_of(directory: Directory, *texts: str, **wishes: Any) -> str:
    """Load files with these texts from the directory `App.1` without a name from outside, and return the name."""
    project = Directory(directory.path / "App.1")
    for index, text in enumerate(texts):
        project.write(f"{index}.yaml", text)
    files = tuple(f"{index}.yaml" for index in range(len(texts)))
    return project.load(**{"project_name": "", "files": files, **wishes}).project.name


@pytest.mark.parametrize(
    ("text", "name"),
    [("My App", "myapp"), ("_-a_b-", "a_b-"), ("ÄB.c", "bc"), ("123", "123"), ("--", "")],
)
def test_a_name_is_made_fit_by_leaving_out(text: str, name: str) -> None:
    assert normalise_name(text) == name


@pytest.mark.parametrize(
    ("texts", "name"),
    [
        ((WEB,), "app1"),
        (("name: one\n" + WEB,), "one"),
        (("name: one\n" + WEB, "name: two\n"), "two"),
        (("name: one\n" + WEB, "services: {}\n"), "one"),
        (("<<: {name: merged}\n" + WEB,), "merged"),
        (("name: ''\n" + WEB,), "app1"),
        (("name: ${NO}\n---\nname: two\n" + WEB,), "two"),
        ((WEB + "---\nname: two\n",), "two"),
        # A name in a later document that comes to nothing leaves that of the directory.
        ((WEB + "---\nname: '-'\n",), "app1"),
        # A tag means nothing where the name is looked for.
        (("name: one\n" + WEB, "name: !reset two\n"), "two"),
        (("name: one\n" + WEB, "name: !override two\n"), "two"),
        (("name: ${A}-x\n" + WEB,), "a-x"),
        # The name is not known yet while it is made.
        (("name: x$COMPOSE_PROJECT_NAME\n" + WEB,), "x"),
    ],
)
def test_the_last_name_of_the_files_counts(directory: Directory, texts: tuple[str, ...], name: str) -> None:
    assert name_of(directory, *texts, environment={"A": "a"}) == name


@pytest.mark.parametrize("texts", [("name: '-'\n" + WEB,), (WEB, "name: '-'\n"), ("name: ${NO}\n" + WEB,)])
def test_a_name_that_comes_to_nothing_is_refused(directory: Directory, texts: tuple[str, ...]) -> None:
    with pytest.raises(ComposeError, match="must not be empty") as caught:
        name_of(directory, *texts)
    assert caught.value.where is not None
    assert caught.value.where.column == 7


def test_without_normalisation_the_name_stays_as_it_is_written(directory: Directory) -> None:
    assert name_of(directory, "name: My App\n" + WEB, normalise=False) == "My App"


def test_without_interpolation_only_the_letters_of_a_variable_remain(directory: Directory) -> None:
    loaded = directory.load("name: ${A}-x\n" + WEB, project_name="", interpolate=False)
    assert loaded.document["name"] == "a-x"
