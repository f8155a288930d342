from __future__ import annotations

import pytest

from tests.fakes.directory import Directory


def test_an_included_project_keeps_its_directory_and_its_variables(directory: Directory) -> None:
    directory.write("other/compose.yaml", "services: {db: {image: 'db:${TAG}', volumes: ['./data:/data']}}\n")
    directory.write("other/.env", "TAG=other\n")
    directory.write(".env", "UNUSED=1\n")
    project = directory.load("include: [other/compose.yaml]\nservices: {app: {image: a, depends_on: [db]}}\n").project
    assert project.services["db"].image == "db:other"
    assert project.services["db"].volumes[0].source == str(directory.path / "other/data")
    assert sorted(project.services) == ["app", "db"]


def test_the_including_project_wins_over_the_variables_of_the_included_one(directory: Directory) -> None:
    directory.write("other/compose.yaml", "services: {db: {image: 'db:${TAG}'}}\n")
    directory.write("other/.env", "TAG=other\n")
    directory.write(".env", "TAG=mine\n")
    assert directory.load("include: [other/compose.yaml]\n").project.services["db"].image == "db:mine"


def test_the_long_form_names_directory_env_files_and_overrides(directory: Directory) -> None:
    directory.write("a.yaml", "services: {db: {image: 'db:${TAG}', volumes: ['./x:/x']}}\n")
    directory.write("b.yaml", "services: {db: {hostname: from-b}}\n")
    directory.write("x.env", "TAG=from-file\n")
    text = "include:\n  - {path: [a.yaml, b.yaml], project_directory: elsewhere, env_file: x.env}\n"
    db = directory.load(text).project.services["db"]
    assert (db.image, db.hostname) == ("db:from-file", "from-b")
    assert db.volumes[0].source == str(directory.path / "elsewhere/x")


def test_includes_of_includes_are_resolved_from_where_they_stand(directory: Directory) -> None:
    directory.write("one/compose.yaml", "include: [two/compose.yaml]\n")
    directory.write("one/two/compose.yaml", "services: {deep: {image: a, build: ./src}}\n")
    deep = directory.load("include: [one/compose.yaml]\n").project.services["deep"]
    assert deep.build is not None
    assert deep.build.context == str(directory.path / "one/two/src")


def test_resources_of_all_kinds_are_included(directory: Directory) -> None:
    directory.write(
        "other.yaml",
        "services: {db: {image: a, networks: [n], volumes: ['vol:/v'], configs: [c], secrets: [s]}}\n"
        "networks: {n: }\nvolumes: {vol: }\nconfigs: {c: {content: x}}\nsecrets: {s: {file: ./s.txt}}\n",
    )
    document = directory.load("include: [other.yaml]\n").document
    assert [list(document[section]) for section in ("networks", "volumes", "configs", "secrets")] == [
        ["n"],
        ["vol"],
        ["c"],
        ["s"],
    ]


def test_the_same_resource_from_two_files_is_an_error_unless_it_is_equal(directory: Directory) -> None:
    directory.write("a.yaml", "services: {x: {image: a}}\nnetworks: {n: {driver: bridge}}\n")
    directory.write("b.yaml", "services: {y: {image: a}}\nnetworks: {n: {driver: bridge}}\n")
    directory.load("include: [a.yaml, b.yaml]\n")
    directory.write("b.yaml", "services: {x: {image: b}}\n")
    (problem,) = directory.problems("include: [a.yaml, b.yaml]\n")
    assert problem.message == "services.x is defined here and in an included file"
    assert "b.yaml:1:12" in str(problem.hint)


def test_an_override_file_may_change_what_is_included(directory: Directory) -> None:
    directory.write("a.yaml", "services: {x: {image: a}}\n")
    directory.write("compose.override.yaml", "services: {x: {image: b}}\n")
    assert directory.load("include: [a.yaml]\n").project.services["x"].image == "b"


def test_an_empty_include_includes_nothing(directory: Directory) -> None:
    assert list(directory.load("include:\nservices: {x: {image: a}}\n").project.services) == ["x"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("include: [none.yaml]\n", "1:11 `include` names a file that does not exist"),
        (
            "include: [{path: compose.yaml}]\n",
            "1:11 files include each other in a circle: compose.yaml -> compose.yaml",
        ),
        ("include: [{path: a.yaml, env_file: no.env}]\n", "1:36 `include` names an env file that does not exist"),
        ("include: [{path: [1]}]\n", "1:18 `path` of `include` must be a path or a list of paths"),
        ("include: a.yaml\n", "1:10 `include` must be a list"),
        ("include: ['oci://example.org/x:1']\n", "1:11 `oci://example.org/x:1` is in a registry"),
    ],
)
def test_what_cannot_be_included_is_reported_with_its_place(directory: Directory, text: str, complaint: str) -> None:
    directory.write("a.yaml", "services: {x: {image: a}}\n")
    assert directory.complaints(text)[0].startswith(complaint)


def test_a_chain_of_includes_has_an_end(directory: Directory) -> None:
    for number in range(60):
        directory.write(f"f{number}.yaml", f"include: [f{number + 1}.yaml]\n")
    directory.write("f60.yaml", "services: {x: {image: a}}\n")
    (complaint,) = directory.complaints("include: [f0.yaml]\n")
    assert "in a row" in complaint


SECRET = "services: {a: {image: x, secrets: [s]}}\nsecrets: {s: {environment: MY}}\n"


def test_an_included_secret_has_the_value_of_the_variables_it_is_included_with(directory: Directory) -> None:
    directory.write("other.yaml", SECRET)
    directory.write("other.env", "MY=theirs\n")
    loaded = directory.load("include: [{path: other.yaml, env_file: other.env}]\n")
    assert loaded.project.secrets["s"].content == "theirs"
    assert loaded.document["secrets"] == {"s": {"name": "demo_s", "environment": "MY"}}


def test_a_secret_included_with_two_values_is_an_error(directory: Directory) -> None:
    directory.write("other.yaml", SECRET)
    directory.write("a.env", "MY=a\n")
    directory.write("b.env", "MY=b\n")
    twice = "include: [{path: other.yaml, env_file: a.env}, {path: other.yaml, env_file: %s.env}]\n"
    assert directory.load(twice % "a").project.secrets["s"].content == "a"
    (problem,) = directory.problems(twice % "b")
    assert "secrets.s is defined here and in an included file" in problem.message


def test_a_document_with_its_variables_does_not_show_the_value_of_an_included_secret(directory: Directory) -> None:
    directory.write("other.yaml", SECRET)
    directory.write("other.env", "MY=theirs\n")
    loaded = directory.load("include: [{path: other.yaml, env_file: other.env}]\n", interpolate=False)
    assert "theirs" not in str(loaded.document)
