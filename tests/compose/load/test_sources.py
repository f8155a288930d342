from __future__ import annotations

from pathlib import Path

import pytest

from compose.errors import ComposeError, InvalidProject, NoProject
from compose.load.pipeline import Loaded
from compose.load.text.files import clean_join
from tests.fakes.directory import Directory

WEB = "services: {web: {image: 'nginx:${TAG:-none}'}}\n"


def image(loaded: Loaded) -> str:
    return loaded.project.services["web"].image


@pytest.mark.parametrize("name", ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"])
def test_a_file_of_a_usual_name_is_found_here_and_above(directory: Directory, name: str) -> None:
    directory.write(name, WEB)
    directory.write("deep/down/here.txt", "")
    below = Directory(directory.path / "deep/down").load()
    assert below.project.working_dir == str(directory.path)
    assert below.project.compose_files == (str(directory.path / name),)


def test_the_override_file_is_laid_over_the_file_beside_it(directory: Directory) -> None:
    directory.write("compose.override.yaml", "services: {web: {image: other}}\n")
    assert image(directory.load(WEB)) == "other"


def test_two_files_of_usual_names_are_worth_a_warning(directory: Directory) -> None:
    directory.write("docker-compose.yml", WEB)
    assert [text.partition(" ")[0] for text in directory.load(WEB).project.warnings] == ["Found", "Using"]


def test_files_by_flag_and_by_variable_are_used_in_order(directory: Directory) -> None:
    directory.write("a.yaml", WEB)
    directory.write("b.yaml", "services: {web: {image: b}}\n")
    assert image(directory.load(files=("a.yaml", "b.yaml"))) == "b"
    assert image(directory.load(environment={"COMPOSE_FILE": "b.yaml:a.yaml"})) == "nginx:none"
    separated = {"COMPOSE_FILE": "b.yaml;a.yaml", "COMPOSE_PATH_SEPARATOR": ";"}
    assert image(directory.load(environment=separated)) == "nginx:none"


def test_a_file_can_come_from_standard_input(directory: Directory) -> None:
    assert image(directory.load(files=("-",), stdin=WEB.encode)) == "nginx:none"
    with pytest.raises(ComposeError, match="standard input"):
        directory.load(files=("-",))


def test_without_a_file_there_is_no_project() -> None:
    # Directories above are looked at as well, and in /tmp there may be anything.
    directory = Directory(Path("/proc/self/fd"))
    with pytest.raises(NoProject, match="no configuration file provided") as caught:
        directory.load()
    assert str(directory.path) in str(caught.value.hint)


def test_a_named_file_that_is_not_there_is_an_error(directory: Directory) -> None:
    (complaint,) = directory.complaints(files=("nowhere.yaml",))
    assert "nowhere.yaml: no such file" in complaint


def test_the_shell_wins_over_env_files_and_these_over_nothing(directory: Directory) -> None:
    directory.write(".env", "TAG=file\n")
    assert image(directory.load(WEB)) == "nginx:file"
    assert image(directory.load(environment={"TAG": "shell"})) == "nginx:shell"
    assert image(directory.load(environment={"COMPOSE_DISABLE_ENV_FILE": "1"})) == "nginx:none"


def test_an_env_file_can_say_that_only_its_settings_count(directory: Directory) -> None:
    directory.write(".env", "TAG=file\nCOMPOSE_DISABLE_ENV_FILE=1\nCOMPOSE_PROJECT_NAME=other\n")
    loaded = directory.load(WEB, project_name="")
    assert image(loaded) == "nginx:none"
    assert loaded.project.name == "other"


@pytest.mark.parametrize("text", ["yes", "", "2"])
def test_what_switches_the_env_file_off_is_a_boolean(directory: Directory, text: str) -> None:
    with pytest.raises(ComposeError, match="not a boolean"):
        directory.load(WEB, environment={"COMPOSE_DISABLE_ENV_FILE": text})


def test_the_last_of_several_env_files_wins_and_replaces_the_default_one(directory: Directory) -> None:
    directory.write(".env", "TAG=default\n")
    directory.write("one.env", "TAG=1\n")
    directory.write("two.env", "TAG=2\n")
    loaded = directory.load(WEB, env_files=("one.env", "two.env"))
    assert image(loaded) == "nginx:2"
    assert loaded.project.environment_files == (str(directory.path / "one.env"), str(directory.path / "two.env"))
    assert image(directory.load(environment={"COMPOSE_ENV_FILES": "two.env,one.env"})) == "nginx:1"


def test_the_env_file_may_name_the_compose_file_and_the_profiles(directory: Directory) -> None:
    directory.write(".env", "COMPOSE_FILE=other.yaml\nCOMPOSE_PROFILES=x, y\n")
    directory.write("other.yaml", "services: {a: {image: a, profiles: [y]}, b: {image: b, profiles: [z]}}\n")
    project = directory.load().project
    assert list(project.services) == ["a"]
    assert list(project.disabled) == ["b"]


@pytest.mark.parametrize(
    ("wishes", "name"),
    [
        ({"project_name": "flag"}, "flag"),
        ({"environment": {"COMPOSE_PROJECT_NAME": "env"}}, "env"),
        ({}, "from-file_1"),
    ],
)
def test_the_name_is_that_of_the_flag_the_environment_or_the_file(
    directory: Directory, wishes: dict[str, object], name: str
) -> None:
    wishes = {"project_name": "", **wishes}
    assert directory.load(f"name: From-File_1\n{WEB}", **wishes).project.name == name


def test_the_name_is_else_that_of_the_directory_made_fit(directory: Directory) -> None:
    other = Directory(directory.path / "_My App.2")
    other.path.mkdir()
    assert other.load(WEB, project_name="").project.name == "myapp2"


@pytest.mark.parametrize("name", ["Upper", "_x", "a b", "ä"])
def test_a_name_that_is_asked_for_must_be_fit(directory: Directory, name: str) -> None:
    with pytest.raises(ComposeError, match="invalid project name"):
        directory.load(WEB, project_name=name)


def test_the_name_of_the_project_is_a_variable_for_its_files(directory: Directory) -> None:
    loaded = directory.load("services: {web: {image: 'x/${COMPOSE_PROJECT_NAME}'}}\n", project_name="demo")
    assert image(loaded) == "x/demo"


def test_the_project_directory_is_where_relative_paths_start(directory: Directory) -> None:
    directory.write("files/compose.yaml", "services: {web: {image: a, volumes: ['./x:/x']}}\n")
    loaded = directory.load(files=("files/compose.yaml",))
    assert loaded.project.services["web"].volumes[0].source == str(directory.path / "files/x")
    loaded = directory.load(files=("files/compose.yaml",), project_directory=".")
    assert loaded.project.services["web"].volumes[0].source == str(directory.path / "x")


@pytest.mark.parametrize(
    ("base", "path", "joined"),
    [
        ("/a/b", "c", "/a/b/c"),
        ("/a/b", "../c", "/a/c"),
        ("/a/b", "/c/./d", "/c/d"),
        ("b", "../../c", "../c"),
        ("", "c", "c"),
        (".", ".", "."),
        ("/", "c", "/c"),
    ],
)
def test_paths_are_joined_and_cleaned_by_their_letters(base: str, path: str, joined: str) -> None:
    assert clean_join(base, path) == joined


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_is_utf_8_or_has_the_mark_of_utf_16(directory: Directory, encoding: str) -> None:
    (directory.path / "compose.yaml").write_bytes("services: {web: {image: é}}\n".encode(encoding))
    assert image(directory.load()) == "é"


def test_a_file_that_is_no_text_is_refused_at_its_first_bad_byte(directory: Directory) -> None:
    (directory.path / "compose.yaml").write_bytes(b"services:\n  a: \xe4\n")
    (problem,) = directory.problems()
    assert (str(problem.where), problem.source) == ("compose.yaml:2:6", "  a: \ufffd")
    (directory.path / "raw.env").write_bytes(b"A=1\nB=\xe4\n")
    (problem,) = directory.problems(WEB.replace("}}", ", env_file: [{path: raw.env, format: raw}]}}"))
    assert str(problem.where) == "raw.env:2:3"


def test_the_environment_may_have_any_bytes(directory: Directory) -> None:
    assert image(directory.load(WEB, environment={"TAG": "\udce4"})) == "nginx:\ufffd"


def test_what_is_wrong_comes_with_the_warnings_that_may_be_why(directory: Directory) -> None:
    with pytest.raises(InvalidProject) as caught:
        directory.load("services: {web: {image: $NO, ports: ['${NOPE}80:x']}}\n")
    assert [warning.split('"')[1] for warning in caught.value.warnings] == ["NO", "NOPE"]


def test_an_env_file_may_have_any_bytes(directory: Directory) -> None:
    (directory.path / ".env").write_bytes(b"TAG=\xe4\r\n")
    assert image(directory.load(WEB)) == "nginx:\ufffd"


def test_an_env_file_that_cannot_be_read_is_reported(directory: Directory) -> None:
    directory.write("compose.yaml", WEB)
    assert "not found" in directory.complaints(env_files=("none.env",))[0]
    directory.write("bad.env", "A=1\nB C=2\n")
    problem = directory.problems(env_files=("bad.env",))[0]
    assert (str(problem.where), problem.source) == ("bad.env:2:1", "B C=2")
