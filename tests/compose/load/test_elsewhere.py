"""Compose files in git repositories."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from compose.errors import ComposeError, InvalidProject, UsageError
from compose.load.elsewhere import GitAddress, fetched, git_address
from compose.load.pipeline import LoadRequest, load

NAMES = ("compose.yaml", "compose.yml")


def git(directory: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *identity, *arguments], cwd=directory, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Git's own rewriting stands for the network: every address of example.org is a directory here."""
    repository = tmp_path / "repository"
    (repository / "deploy").mkdir(parents=True)
    (repository / "compose.yaml").write_text("name: far\nservices: {web: {image: a, env_file: web.env}}\n")
    (repository / "web.env").write_text("FROM=there\n")
    (repository / "deploy" / "base.yml").write_text("services: {db: {image: b}}\n")
    (repository / "out").symlink_to("/etc")
    git(repository, "init", "--quiet")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "-m", "first")
    git(repository, "tag", "v1")
    config = tmp_path / "gitconfig"
    config.write_text(
        f'[url "file://{repository}"]\n\tinsteadOf = https://example.org/me/stack.git\n'
        "[uploadpack]\n\tallowAnySHA1InWant = true\n"
    )
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path / "home"),
        "GIT_CONFIG_GLOBAL": str(config),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
    }


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("https://example.org/a.git", GitAddress("https://example.org/a.git")),
        ("https://example.org/a.git#main", GitAddress("https://example.org/a.git", "main")),
        ("https://example.org/a.git#v1:dir/f.yml", GitAddress("https://example.org/a.git", "v1", "dir/f.yml")),
        ("git@example.org:me/a.git#:dir", GitAddress("git@example.org:me/a.git", "", "dir")),
        ("ssh://git@example.org/a", GitAddress("ssh://git@example.org/a")),
        ("github.com/me/a", GitAddress("https://github.com/me/a")),
        ("https://example.org/compose.yaml", None),
        ("oci://example.org/stack:1", None),
    ],
)
def test_addresses_of_repositories(text: str, address: GitAddress | None) -> None:
    assert git_address(text) == address


def test_a_project_is_loaded_from_a_repository(tmp_path: Path, environment: dict[str, str]) -> None:
    request = LoadRequest(tmp_path, files=("https://example.org/me/stack.git#v1",), environment=environment)
    project = load(request).project
    assert project.name == "far"
    assert project.services["web"].environment == {"FROM": "there"}
    assert project.working_dir.startswith(f"{tmp_path}/home/.cache/pycompose/git/")


def test_files_are_included_and_extended_from_a_repository(tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "compose.yaml").write_text(
        "include: ['https://example.org/me/stack.git#v1:deploy/base.yml']\n"
        "services:\n  near:\n    extends: {file: 'https://example.org/me/stack.git#v1:deploy/base.yml', service: db}\n"
    )
    project = load(LoadRequest(tmp_path, environment=environment)).project
    assert {name: service.image for name, service in project.services.items()} == {"near": "b", "db": "b"}


def test_a_commit_is_fetched_once_and_a_branch_asked_for_each_time(tmp_path: Path, environment: dict[str, str]) -> None:
    address = "https://example.org/me/stack.git"
    first = fetched(f"{address}#main", NAMES, environment)
    (tmp_path / "repository" / "compose.yaml").write_text("services: {web: {image: newer}}\n")
    git(tmp_path / "repository", "commit", "--quiet", "-am", "second")
    second = fetched(f"{address}#main", NAMES, environment)
    assert first != second
    assert "newer" in Path(second).read_text()
    commit = Path(first).parent.name
    git(tmp_path / "repository", "checkout", "--quiet", "--orphan", "other")
    (tmp_path / "repository").rename(tmp_path / "gone")
    assert fetched(f"{address}#{commit}", NAMES, environment) == first
    assert [path.name for path in Path(first).parents[1].iterdir() if path.name.startswith(".new")] == []


@pytest.mark.parametrize(
    ("address", "kind", "message"),
    [
        ("https://example.org/me/stack.git#nope", ComposeError, "has no nope"),
        ("https://example.org/me/stack.git#v1:deploy", ComposeError, "has no Compose file"),
        ("https://example.org/me/stack.git#v1:../../x", UsageError, "leads out of its repository"),
        ("https://example.org/me/stack.git#v1:out/passwd", UsageError, "leads out of its repository"),
        ("https://example.org/compose.yaml", UsageError, "neither a git repository nor"),
    ],
)
def test_what_cannot_be_had_is_said(
    environment: dict[str, str], address: str, kind: type[ComposeError], message: str
) -> None:
    with pytest.raises(kind, match=message):
        fetched(address, NAMES, environment)


def test_a_variable_forbids_files_from_git_repositories(environment: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="forbids"):
        fetched("https://example.org/me/stack.git", NAMES, {**environment, "COMPOSE_EXPERIMENTAL_GIT_REMOTE": "false"})


def test_an_include_that_cannot_be_had_is_told_with_its_place(tmp_path: Path, environment: dict[str, str]) -> None:
    address = "https://example.org/stack.yaml"
    (tmp_path / "compose.yaml").write_text(f"include:\n  - {address}\nservices: {{a: {{image: a}}}}\n")
    with pytest.raises(InvalidProject) as caught:
        load(LoadRequest(tmp_path, environment=environment))
    [problem] = caught.value.problems
    assert str(problem.where) == "compose.yaml:2:5"
    assert "neither a git repository nor" in problem.message


def test_an_application_may_be_all_or_a_part_of_a_project(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "compose.yaml").write_text("services: {db: {image: b, env_file: x.env}, base: {image: c}}\n")
    (tmp_path / "far" / "x.env").write_text("FROM=there\n")
    (tmp_path / "compose.yaml").write_text(
        "include: ['oci://a/b:1']\nservices: {web: {extends: {file: 'oci://a/b:2', service: base}}}\n"
    )
    asked: list[str] = []

    def artifact(address: str) -> str:
        asked.append(address)
        return str(tmp_path / "far" / "compose.yaml")

    project = load(LoadRequest(tmp_path, artifact=artifact)).project
    assert sorted(project.services) == ["base", "db", "web"]
    assert project.services["db"].environment == {"FROM": "there"}
    assert project.services["web"].image == "c"
    assert set(project.remote_files) == set(asked) == {"oci://a/b:1", "oci://a/b:2"}
    project = load(LoadRequest(tmp_path, ("oci://a/b:1",), artifact=artifact)).project
    assert project.working_dir == str(tmp_path / "far")
    assert project.remote_files == ("oci://a/b:1",)


def test_registries_are_asked_by_nobody_who_does_not_say_how(tmp_path: Path) -> None:
    with pytest.raises(ComposeError, match="in a registry"):
        load(LoadRequest(tmp_path, ("oci://a/b:1",)))


def test_who_uses_a_file_from_elsewhere_stands_where_he_stands(tmp_path: Path) -> None:
    here, far, other = (tmp_path / name for name in ("here", "far", "other"))
    for directory in (here, far, other):
        directory.mkdir()
        (directory / ".env").write_text(f"FROM={directory.name}\n")
    (far / "compose.yaml").write_text(
        "services: {db: {image: 'x:${FROM}', volumes: ['./data:/data'], env_file: x.env}}\n"
    )
    (far / "x.env").write_text("")
    (other / "mine.yaml").write_text("services: {db: {command: run}}\n")

    def loaded(*files: str, wanted: str = "") -> tuple[str, str, str]:
        file = str(far / "compose.yaml")
        project = load(LoadRequest(here, files, artifact=lambda _: file, project_directory=wanted)).project
        assert project.working_dir == str(far)
        assert project.services["db"].volumes[0].source == str(far / "data")
        return project.name, project.services["db"].image, ",".join(project.environment_files)

    assert loaded("oci://a/b:1") == ("here", "x:here", "")
    assert loaded("oci://a/b:1", "../other/mine.yaml") == ("here", "x:here", "")
    assert loaded("../other/mine.yaml", "oci://a/b:1") == ("other", "x:other", "")
    assert loaded("oci://a/b:1", wanted=str(other)) == ("other", "x:other", "")
