"""Mistakes in references, variables and several files, and how they are told together."""

from __future__ import annotations

import pytest

from compose.render.problems import render_problems
from tests.compose.load.checks.test_messages import block, told
from tests.fakes.directory import Directory

REFERENCES = [
    (
        "networks: [back]",
        """
        compose.yaml:4:16: error: service `web`: refers to undefined network `back`
         4 |     networks: [back]
           |                ^^^^
        hint: declare it under the top-level `networks:`
        """,
    ),
    (
        "volumes:\n      - data:/data",
        """
        compose.yaml:5:9: error: service `web`: refers to undefined volume `data`
         5 |       - data:/data
           |         ^^^^^^^^^^
        hint: declare it under the top-level `volumes:`
        """,
    ),
    (
        "depends_on: [cache]\n  cash: {image: a}",
        """
        compose.yaml:4:18: error: service `web`: depends on undefined service `cache`
         4 |     depends_on: [cache]
           |                  ^^^^^
        hint: did you mean `cash`?
        """,
    ),
    (
        "depends_on: [other]",
        """
        compose.yaml:4:18: error: service `web`: depends on undefined service `other`
         4 |     depends_on: [other]
           |                  ^^^^^
        hint: define it under `services:`, or remove this
        """,
    ),
    (
        "extends: {file: base.yaml, service: web}",
        """
        compose.yaml:4:21: error: `extends` names a file that does not exist: base.yaml
         4 |     extends: {file: base.yaml, service: web}
           |                     ^^^^^^^^^
        """,
    ),
    (
        "env_file: app.env",
        """
        compose.yaml:4:15: error: env file app.env not found
         4 |     env_file: app.env
           |               ^^^^^^^
        hint: create it, or mark it `required: false`
        """,
    ),
    (
        'ports: ["80:x"]',
        """
        compose.yaml:4:13: error: invalid port `x` in `80:x`: ports are numbers from 0 to 65535
         4 |     ports: ["80:x"]
           |             ^^^^^^
        """,
    ),
    (
        "user: a-${WHO:?say who}",
        """
        compose.yaml:4:13: error: required variable `WHO` is not set: say who
         4 |     user: a-${WHO:?say who}
           |             ^^^^^^^^^^^^^^^
        hint: export it, add `WHO=...` to .env, or give it a default: `${WHO:-value}`
        """,
    ),
    (
        "command: |\n      echo\n      echo ${WHO",
        """
        compose.yaml:6:12: error: invalid interpolation `echo
        echo ${WHO
        `
         6 |       echo ${WHO
           |            ^^
        hint: a variable is `${NAME}`; write `$$` for a literal dollar sign
        """,
    ),
    (
        "init: ${NOBODY}",
        """
        compose.yaml:4:11: error: `` is not a boolean: use `true` or `false`
         4 |     init: ${NOBODY}
           |           ^^^^^^^^^
        hint: `${NOBODY}` is empty: set the variable, or give it a default
        """,
    ),
]


@pytest.mark.parametrize(("attribute", "expected"), REFERENCES)
def test_what_is_said_about_a_reference_or_variable(directory: Directory, attribute: str, expected: str) -> None:
    assert told(directory, f"services:\n  web:\n    image: a\n    {attribute}\n") == block(expected)


def test_mistakes_of_all_kinds_and_files_are_told_together_in_order_without_what_follows_from_them(
    directory: Directory,
) -> None:
    directory.write("over.yaml", "services:\n  web:\n    tty: maybe\n    cpus: [1]\n")
    text = render_problems(
        directory.problems(
            "services:\n"
            "  web:\n"
            "    imagee: nginx\n"  # so `web` has no image, which is not told
            "    networks: [frontt]\n"
            "    depends_on: [dbb, cache]\n"
            "    env_file: no.env\n"
            "  db:\n"
            "    image: ${TAG:?}/x\n"
            "    extends: nothing\n"
            "  cache: [a]\n"  # is no service, but those who depend on it are right
            "networks: {front: }\n",
            files=("compose.yaml", "over.yaml"),
        )
    )
    assert [line for line in text.splitlines() if "error:" in line] == [
        "compose.yaml:3:5: error: unknown key `imagee` in services.web",
        "compose.yaml:4:16: error: service `web`: refers to undefined network `frontt`",
        "compose.yaml:5:18: error: service `web`: depends on undefined service `dbb`",
        "compose.yaml:6:15: error: env file no.env not found",
        "compose.yaml:8:12: error: required variable `TAG` is not set",
        "compose.yaml:9:14: error: service `db` extends `nothing`, which compose.yaml does not define",
        "compose.yaml:10:10: error: services.cache must be a mapping",
        "over.yaml:3:10: error: `maybe` is not a boolean: use `true` or `false`",
        "over.yaml:4:11: error: services.web.cpus must be a number or a string, but is a list",
    ]


def test_of_a_section_that_is_not_readable_nothing_is_missed(directory: Directory) -> None:
    complaints = directory.complaints(
        "services:\n  web: {image: a, volumes: ['data:/x'], networks: [n]}\nvolume: {data: }\nnetworks: [n]\n"
    )
    assert complaints == ["3:1 unknown key `volume` at the top", "4:11 networks must be a mapping, but is a list"]


def test_what_an_include_that_fails_would_define_is_not_missed(directory: Directory) -> None:
    complaints = directory.complaints(
        "include: [no.yaml, other.yaml]\nservices:\n  web: {image: a, networks: [n], tty: maybe}\n"
    )
    assert complaints == [
        "1:11 `include` names a file that does not exist: no.yaml",
        "1:20 `include` names a file that does not exist: other.yaml",
        "3:39 `maybe` is not a boolean: use `true` or `false`",
    ]


def test_files_that_are_not_yaml_and_variable_files_are_told_together(directory: Directory) -> None:
    directory.write(".env", "A='1\n")
    directory.write("a.yaml", "services: [a\n")
    directory.write("b.yaml", "services: {a\n")
    problems = directory.problems(files=("a.yaml", "b.yaml"))
    assert [(str(problem.where), problem.message) for problem in problems] == [
        (".env:1:3", "unterminated quoted value '1"),
        ("a.yaml:1:11", "this list is not closed"),
        ("b.yaml:1:11", "this mapping is not closed"),
    ]


def test_all_faults_of_a_variable_file_are_told_up_to_a_quote_that_is_not_closed(directory: Directory) -> None:
    directory.write("app.env", "A B=1\nC=${D:?no}\nE%=1\nOK=1\nF='x\nG H=1\n")
    problems = directory.problems("services: {a: {image: a, env_file: app.env}}\n")
    assert [(str(problem.where), problem.message) for problem in problems] == [
        ("app.env:1:1", "the variable name `A B` contains a space"),
        ("app.env:2:3", "required variable `D` is not set: no"),
        ("app.env:3:2", "unexpected character `%` in the variable name `E%=1`"),
        ("app.env:5:3", "unterminated quoted value 'x"),
    ]


def test_all_faults_of_a_raw_variable_file_are_told(directory: Directory) -> None:
    directory.write("app.env", "A B=1\n=2\n")
    complaints = directory.complaints("services: {a: {image: a, env_file: [{path: app.env, format: raw}]}}\n")
    assert complaints == ["1:1 `A B` is not a variable name", "2:1 `` is not a variable name"]


def test_a_mistake_in_an_anchor_is_told_once_where_the_anchor_is(directory: Directory) -> None:
    complaints = directory.complaints(
        "x-a: &a\n  imgae: x\nservices:\n  a: *a\n  b:\n    <<: *a\n    tty: maybe\n---\nservices:\n  a: {prots: [1]}\n"
    )
    assert complaints == [
        "2:3 unknown key `imgae` in services.a",
        "7:10 `maybe` is not a boolean: use `true` or `false`",
        "10:7 unknown key `prots` in services.a",
    ]


def test_the_project_name_of_a_variable_file_is_told_at_its_line(directory: Directory) -> None:
    directory.write(".env", "A=1\nCOMPOSE_PROJECT_NAME=My App\n")
    assert told(directory, "services: {a: {image: a}}\n", project_name="") == block(
        """
        .env:2:22: error: COMPOSE_PROJECT_NAME is the invalid project name `My App`
         2 | COMPOSE_PROJECT_NAME=My App
           |                      ^^^^^^
        hint: use only lowercase letters, digits, hyphens and underscores, beginning with a letter or a digit
        """
    )


def test_lines_with_carriage_returns_and_wide_characters_have_the_mark_in_place(directory: Directory) -> None:
    assert told(directory, 'services:\r\n  a: {image: a, labels: {"日本": [1]}}\r\n') == block(
        """
        compose.yaml:2:32: error: services.a.labels.日本 must be a string, a number or true or false, but is a list
         2 |   a: {image: a, labels: {"日本": [1]}}
           |                                  ^^^
        """
    )
