"""What the global options and the variables COMPOSE_… come to."""

from __future__ import annotations

from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest

from compose.cli.reaching.engines import engine_home
from compose.cli.session import Session, removes_orphans, session_of
from compose.cli.up.options import UpRequest, with_orphans
from compose.errors import UsageError
from tests.fakes.projects import make_project

NOTHING: dict[str, Any] = {
    "files": (), "project_name": "", "profiles": (), "env_files": (), "project_directory": "", "workdir": "",
    "all_resources": False, "host": "", "ansi": None, "no_ansi": False, "progress": None, "parallel": None,
    "dry_run": False, "compatibility": False,
}  # fmt: skip


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def session(environment: dict[str, str] | None = None, **options: Any) -> Session:
    return session_of({**NOTHING, **options}, environment or {})


@pytest.mark.parametrize(
    ("options", "environment", "expected"),
    [
        ({}, {}, ("auto", "auto")),
        ({"ansi": "never"}, {}, ("never", "plain")),
        ({"ansi": "always"}, {}, ("always", "tty")),
        ({"no_ansi": True}, {}, ("never", "plain")),
        ({}, {"COMPOSE_ANSI": "never"}, ("never", "plain")),
        ({"ansi": "auto"}, {"COMPOSE_ANSI": "never"}, ("auto", "auto")),
        ({"progress": "none"}, {}, ("auto", "quiet")),
        ({}, {"COMPOSE_PROGRESS": "json"}, ("auto", "json")),
        ({"progress": "plain"}, {"COMPOSE_PROGRESS": "json"}, ("auto", "plain")),
        ({"progress": "json", "ansi": "never"}, {}, ("never", "json")),
    ],
)
def test_options_override_variables_for_colours_and_progress(
    options: dict[str, Any], environment: dict[str, str], expected: tuple[str, str]
) -> None:
    made = session(environment, **options)
    assert (made.ansi, made.progress) == expected


def test_a_variable_with_a_form_of_progress_that_is_none_is_an_error() -> None:
    with pytest.raises(UsageError, match="no progress `fancy`"):
        session({"COMPOSE_PROGRESS": "fancy"})


@pytest.mark.parametrize(
    ("given", "variable", "expected"), [(None, None, 0), (3, None, 3), (None, "2", 2), (5, "2", 5), (-1, "2", 0)]
)
def test_the_limit_of_parallel_calls(given: int | None, variable: str | None, expected: int) -> None:
    environment = {"COMPOSE_PARALLEL_LIMIT": variable} if variable else {}
    assert session(environment, parallel=given).parallel == expected


def test_a_limit_that_is_no_number_is_an_error() -> None:
    with pytest.raises(UsageError, match="COMPOSE_PARALLEL_LIMIT is `many`"):
        session({"COMPOSE_PARALLEL_LIMIT": "many"})


def test_settings_come_from_the_env_file_unless_the_shell_has_them(directory: Path) -> None:
    (directory / ".env").write_text(
        "COMPOSE_ANSI=never\nCOMPOSE_PARALLEL_LIMIT=3\nCOMPOSE_PROJECT_NAME=shop\nOTHER=1\n"
    )
    made = session({"COMPOSE_PARALLEL_LIMIT": "7"})
    assert (made.ansi, made.parallel, made.given_name) == ("never", 7, "shop")
    assert "OTHER" not in made.settings
    assert "COMPOSE_ANSI" not in made.environment


def test_the_env_file_lies_beside_the_first_file_or_is_named(directory: Path) -> None:
    (directory / "there").mkdir()
    (directory / "there" / ".env").write_text("COMPOSE_PARALLEL_LIMIT=3\n")
    (directory / "other.env").write_text("COMPOSE_PARALLEL_LIMIT=4\n")
    assert session().parallel == 0
    assert session(files=("there/compose.yaml",)).parallel == 3
    assert session(workdir="there").parallel == 3
    assert session(env_files=("other.env",)).parallel == 4
    assert session({"COMPOSE_ENV_FILES": "other.env"}).parallel == 4


@pytest.mark.parametrize(
    ("given", "variable", "expected"),
    [(None, "1", True), (None, "", False), (False, "1", False), (True, "", True), (None, "maybe", False)],
)
def test_orphans_go_as_the_option_says_else_the_variable(given: bool | None, variable: str, expected: bool) -> None:
    assert removes_orphans(session({"COMPOSE_REMOVE_ORPHANS": variable}), given) is expected


def test_orphans_cannot_be_both_ignored_and_removed() -> None:
    project = make_project(environment={"COMPOSE_IGNORE_ORPHANS": "true"})
    assert with_orphans(UpRequest(), session(), project).plan_options().ignore_orphans
    with pytest.raises(UsageError, match="contradict"):
        with_orphans(UpRequest(remove_orphans=True), session(), project)


def test_behind_a_link_we_are_where_the_shell_says(directory: Path) -> None:
    (directory / "real").mkdir()
    link = directory / "link"
    link.symlink_to("real")
    with chdir(link):
        assert session({"PWD": str(link)}).cwd == link
        assert session().cwd == directory / "real"


@pytest.mark.parametrize("told", ["/", "/nowhere", "relative", "{here}/real/.."])
def test_a_place_that_the_shell_is_wrong_about_does_not_count(told: str, directory: Path) -> None:
    (directory / "real").mkdir()
    assert session({"PWD": told.format(here=directory)}).cwd == directory


def test_a_directory_that_was_removed_under_us_is_told_of(directory: Path) -> None:
    gone = directory / "gone"
    gone.mkdir()
    with chdir(gone):
        gone.rmdir()
        with pytest.raises(UsageError, match="not there any more"):
            session({"PWD": str(gone)})


def test_directories_of_the_engine_may_be_named_from_where_we_are() -> None:
    found = session({"PYCOMPOSE_STATE_DIR": "state", "PYCOMPOSE_RUN_DIR": "/run/mine"})
    home = engine_home(found, user_id=0)
    assert (home.state, home.run) == (found.cwd / "state", Path("/run/mine"))
    assert home.state.is_absolute()
