"""The most usual mistakes and exactly what is said about them: place, line, mark, and what to do."""

from __future__ import annotations

import pytest

from compose.render.problems import render_problems
from tests.fakes.directory import Directory


def told(directory: Directory, text: str, **wishes: object) -> str:
    return render_problems(directory.problems(text, **wishes))


def block(text: str) -> str:
    """Return the text without the indentation of the test's source."""
    lines = text.strip("\n").split("\n")
    return "\n".join(line.removeprefix("        ") for line in lines).rstrip() + "\n"


SCHEMA = [
    (
        "imgae: nginx",
        """
        compose.yaml:4:5: error: unknown key `imgae` in services.web
         4 |     imgae: nginx
           |     ^^^^^
        hint: did you mean `image`?
        """,
    ),
    (
        "owner: me",
        """
        compose.yaml:4:5: error: unknown key `owner` in services.web
         4 |     owner: me
           |     ^^^^^
        hint: keys of your own begin with `x-`
        """,
    ),
    (
        "replicas: 2",
        """
        compose.yaml:4:5: error: unknown key `replicas` in services.web
         4 |     replicas: 2
           |     ^^^^^^^^
        hint: it belongs to `deploy.replicas`
        """,
    ),
    (
        'ports: {"8080": 80}',
        """
        compose.yaml:4:12: error: services.web.ports must be a list, but is a mapping
         4 |     ports: {"8080": 80}
           |            ^^^^^^^^^^^^
        hint: write a list: `- "8080:80"`
        """,
    ),
    (
        "volumes: data:/data",
        """
        compose.yaml:4:14: error: services.web.volumes must be a list, but is a string
         4 |     volumes: data:/data
           |              ^^^^^^^^^^
        hint: write it as a list: `["data:/data"]`
        """,
    ),
    (
        "depends_on: db",
        """
        compose.yaml:4:17: error: services.web.depends_on must be a list or a mapping, but is a string
         4 |     depends_on: db
           |                 ^^
        hint: write it as a list: `[db]`
        """,
    ),
    (
        "environment: [A: 1]",
        """
        compose.yaml:4:19: error: services.web.environment[0] must be a string, but is a mapping
         4 |     environment: [A: 1]
           |                   ^
        hint: write `A=1`, or leave out the `- ` of all entries
        """,
    ),
    (
        "hostname: 12",
        """
        compose.yaml:4:15: error: services.web.hostname must be a string, but is an integer
         4 |     hostname: 12
           |               ^^
        hint: put it in quotes: "12"
        """,
    ),
    (
        "hostname:",
        """
        compose.yaml:4:14: error: services.web.hostname must be a string, but is empty
         4 |     hostname:
           |              ^
        hint: give it a value, or remove it
        """,
    ),
    (
        "hostname: {NAME}",
        """
        compose.yaml:4:15: error: services.web.hostname must be a string, but is a mapping
         4 |     hostname: {NAME}
           |               ^^^^^^
        hint: `{` and `: ` make a mapping: put quotes around a text
        """,
    ),
    (
        "tty: 1",
        """
        compose.yaml:4:10: error: services.web.tty must be true or false or a string, but is an integer
         4 |     tty: 1
           |          ^
        hint: write `true` or `false`
        """,
    ),
    (
        "tty: maybe",
        """
        compose.yaml:4:10: error: `maybe` is not a boolean: use `true` or `false`
         4 |     tty: maybe
           |          ^^^^^
        """,
    ),
    (
        "healthcheck: {test: x, interval: 10}",
        """
        compose.yaml:4:38: error: services.web.healthcheck.interval must be a string, but is an integer
         4 |     healthcheck: {test: x, interval: 10}
           |                                      ^^
        hint: write a unit: `10s`
        """,
    ),
    (
        "stop_grace_period: soon",
        """
        compose.yaml:4:24: error: invalid duration 'soon'
         4 |     stop_grace_period: soon
           |                        ^^^^
        hint: write a number with a unit, such as `500ms`, `90s`, `1m30s` or `2h`
        """,
    ),
    (
        "mem_limit: much",
        """
        compose.yaml:4:16: error: invalid size 'much'
         4 |     mem_limit: much
           |                ^^^^
        hint: write bytes, or a number with `k`, `m` or `g`, such as `512m`
        """,
    ),
    (
        "depends_on: {db: {condition: service_healty}}\n  db: {image: db}",
        """
        compose.yaml:4:34: error: services.web.depends_on.db.condition is `service_healty`, but must be one of `service_started`, `service_healthy`, `service_completed_successfully`
         4 |     depends_on: {db: {condition: service_healty}}
           |                                  ^^^^^^^^^^^^^^
        hint: did you mean `service_healthy`?
        """,  # noqa: E501 - the exact text
    ),
    (
        "security_opt: [A, A]",
        """
        compose.yaml:4:23: error: services.web.security_opt has `A` twice
         4 |     security_opt: [A, A]
           |                       ^
        hint: remove one of them
        """,
    ),
]

WHOLE = [
    (
        "version: 3\nservices: {a: {image: a}}\n",
        """
        compose.yaml:1:10: error: version must be a string, but is an integer
         1 | version: 3
           |          ^
        hint: remove it: `version` is obsolete and ignored
        """,
    ),
    (
        "service: {a: {image: a}}\n",
        """
        compose.yaml:1:1: error: unknown key `service` at the top
         1 | service: {a: {image: a}}
           | ^^^^^^^
        hint: did you mean `services`?
        """,
    ),
    (
        "image: nginx\nservices: {a: {image: a}}\n",
        """
        compose.yaml:1:1: error: unknown key `image` at the top
         1 | image: nginx
           | ^^^^^
        hint: `image` belongs to a service: put it below `services:` and the service's name
        """,
    ),
    (
        "services:\n  web:\n  image: nginx\n",
        """
        compose.yaml:2:7: error: services.web must be a mapping, but is empty
         2 |   web:
           |       ^
        hint: indent what belongs to it below, or remove it

        compose.yaml:3:10: error: services.image must be a mapping
         3 |   image: nginx
           |          ^^^^^
        hint: `image` belongs to a service: indent it below the service's name
        """,
    ),
    (
        "services:\n  web:\n    image:nginx\n",
        """
        compose.yaml:3:5: error: services.web must be a mapping
         3 |     image:nginx
           |     ^^^^^^^^^^^
        hint: put a space after the colon: `image: nginx`
        """,
    ),
    (
        "services:\n  my app: {image: a}\n",
        """
        compose.yaml:2:3: error: `my app` in services is not an allowed name
         2 |   my app: {image: a}
           |   ^^^^^^
        hint: names have letters, digits, `.`, `_` and `-`
        """,
    ),
    (
        "services:\n  a: {image: a}\n  80: {image: a}\n",
        """
        compose.yaml:3:3: error: keys must be strings, this one is `80`
         3 |   80: {image: a}
           |   ^^
        hint: write it as "80"
        """,
    ),
    (
        "services:\n  a: {image: a}\n  a: {image: b}\n",
        """
        compose.yaml:3:3: error: key `a` is set twice
         3 |   a: {image: b}
           |   ^
        hint: the first one is at compose.yaml:2:3: keep one of them
        """,
    ),
    (
        "",
        """
        compose.yaml:1:1: error: empty compose file
        hint: add a `services:` section
        """,
    ),
    (
        "services:\n\tweb: {image: a}\n",
        """
        compose.yaml:2:1: error: a tab is used for indentation
         2 | \tweb: {image: a}
           | ^
        hint: indent with spaces: YAML does not allow tabs there
        """,
    ),
]


@pytest.mark.parametrize(("attribute", "expected"), SCHEMA)
def test_what_is_said_about_an_attribute(directory: Directory, attribute: str, expected: str) -> None:
    assert told(directory, f"services:\n  web:\n    image: a\n    {attribute}\n") == block(expected)


@pytest.mark.parametrize(("text", "expected"), WHOLE)
def test_what_is_said_about_a_file(directory: Directory, text: str, expected: str) -> None:
    assert _trimmed(told(directory, text)) == block(expected)


def _trimmed(text: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def test_a_key_of_the_users_own_is_told_where_it_can_stand_when_it_cannot_stand_here(directory: Directory) -> None:
    (problem,) = directory.problems("services: {a: {image: x, env_file: [{path: f, required: false, x-t: 1}]}}")
    assert problem.message == "unknown key `x-t` in services.a.env_file[0]"
    assert problem.hint is not None
    assert "cannot stand here" in problem.hint
