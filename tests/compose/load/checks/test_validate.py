from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from compose.load.checks.validate import deviations
from compose.load.text.scalars import Timestamp
from schemas import load_schema
from tests.fakes.directory import Directory


def service(**attributes: Any) -> dict[str, Any]:
    return {"services": {"app": attributes}}


@pytest.mark.parametrize(
    ("text", "complaint", "hint"),
    [
        ("    imagee: a\n", "3:5 unknown key `imagee` in services.app", "did you mean `image`?"),
        ("    zzz: a\n", "3:5 unknown key `zzz` in services.app", "keys of your own begin with `x-`"),
        ("    image: 5\n", "3:12 services.app.image must be a string, but is an integer", 'put it in quotes: "5"'),
        ("    image:\n", "3:11 services.app.image must be a string, but is empty", None),
        ("    image: [a]\n", "3:12 services.app.image must be a string, but is a list", None),
        ("    tty: [a]\n", "3:10 services.app.tty must be true or false or a string, but is a list", None),
        ("    tty: 1\n", "3:10 services.app.tty must be true or false or a string, but is an integer", None),
        ("    cap_add: {a: 1}\n", "3:14 services.app.cap_add must be a list, but is a mapping", None),
        (
            "    labels: {a: [1]}\n",
            "3:17 services.app.labels.a must be a string, a number or true or false, but is a list",
            None,
        ),
        ("    security_opt: [a, b, a]\n", "3:26 services.app.security_opt has `a` twice", "remove one of them"),
        (
            "    cgroup: hosts\n",
            "3:13 services.app.cgroup is `hosts`, but must be one of `host`, `private`",
            "did you mean `host`?",
        ),
        ("    oom_score_adj: -1001\n", None, None),
        ("    depends_on: {b: {}}\n", "3:21 services.app.depends_on.b needs `condition`", None),
        ("    hostname: 2024-01-31\n", "3:15 services.app.hostname must be a string, but is a date", None),
        ("    volumes: [{target: /x}]\n", "3:15 services.app.volumes[0] needs `type`", None),
        (
            "    networks: {n: {priority: high}}\n",
            "3:30 services.app.networks.n.priority must be a number, but is a string",
            None,
        ),
    ],
)
def test_a_deviation_names_the_place_and_the_way_out(
    directory: Directory, text: str, complaint: str | None, hint: str | None
) -> None:
    problems = directory.problems(f"services:\n  app:\n{text}")
    told = {f"{at.where.line}:{at.where.column} {at.message}": at.hint for at in problems if at.where}
    if complaint is not None:
        assert complaint in told
        assert hint is None or told[complaint] == hint


def test_names_of_services_have_letters_digits_dots_dashes_and_underscores(directory: Directory) -> None:
    (complaint,) = directory.complaints("services:\n  a/b: {image: a}\n")
    assert complaint == "2:3 `a/b` in services is not an allowed name"


def test_a_name_ends_where_its_last_letter_is(directory: Directory) -> None:
    (complaint,) = directory.complaints('services:\n  "a\\n": {image: a}\n')
    assert complaint == "2:3 `a\n` in services is not an allowed name"


def test_all_problems_of_all_kinds_are_reported_at_once_with_their_lines(directory: Directory) -> None:
    problems = directory.problems(
        "services:\n"
        "  app:\n"
        "    image: ${TAG?}\n"
        "    imagee: x\n"
        "    ports: ['80:x']\n"
        "    healthcheck: {retries: many}\n"
        "volumes: [x]\n"
    )
    assert [(problem.where.line if problem.where else 0, problem.source) for problem in problems] == [
        (3, "    image: ${TAG?}"),
        (4, "    imagee: x"),
        (5, "    ports: ['80:x']"),
        (6, "    healthcheck: {retries: many}"),
        (7, "volumes: [x]"),
    ]


def test_what_follows_from_a_problem_is_not_reported_again(directory: Directory) -> None:
    complaints = directory.complaints("services:\n  app:\n    image: a\n    cpus: ${CPUS?}\n    scale: x\n")
    assert complaints == ["4:11 required variable `CPUS` is not set", "5:12 `x` is not an integer"]


def test_a_file_must_be_a_mapping(directory: Directory) -> None:
    assert directory.complaints("- a\n") == ["1:1 a Compose file must be a mapping at the top"]


SAMPLES: list[Any] = [
    None,
    [],
    "x",
    {},
    {"version": "3", "name": "x", "x-any": [1]},
    {"services": None},
    {"services": {"a b": {}}},
    {"services": {"a": None}},
    {"unknown": 1},
    {"networks": {"n": None, "m": {"external": {"name": "x"}}}},
    {"networks": {"n": {"external": {"nam": "x"}}}},
    {"volumes": {"n": None, "m": {"driver_opts": {"a": 1}}}},
    {"volumes": {"m": {"driver_opts": {"a": True}}}},
    {"secrets": {"s": None}},
    {"configs": {"c": {"content": "x", "file": 1}}},
    {"include": ["a", {"path": ["b", "b"]}]},
    {"models": {"m": {}}},
    service(image=1),
    service(image="a", x_y=1),
    service(**{"x-y": 1}),
    service(build=None),
    service(build={"context": ".", "args": ["a", "a"]}),
    service(build={"args": {"a": None, "b": True, "c": 1.5}}),
    service(command=None, entrypoint=["a", 1]),
    service(cpu_count=-1),
    service(cpu_percent=101),
    service(cpu_percent="101"),
    service(oom_score_adj=1000.0),
    service(oom_score_adj=1000.5),
    service(oom_score_adj=-1001),
    service(container_name="-"),
    service(container_name="ab"),
    service(pull_policy="every_1d"),
    service(pull_policy="now"),
    service(expose=[80, "80", 80]),
    service(expose=[1, True]),
    service(expose=[1, 1.0]),
    service(ports=[80, "80", {"target": 80}, {"target": "80", "x-a": 1}]),
    service(ports=[{"target": 1.5}]),
    service(ports=[{"a": 1}, True]),
    service(ports=[{"target": 1}, {"target": 1}]),
    service(networks=["a", "b"]),
    service(networks={"a": None, "b": {"aliases": ["x", "x"]}}),
    service(networks={"a b": None}),
    service(depends_on=["a", "a"]),
    service(depends_on={"a": {"condition": "never"}}),
    service(env_file=["a", {"path": "b", "required": "yes"}, {}]),
    service(gpus="some"),
    service(gpus=[{"count": 1, "anything": 1}]),
    service(healthcheck={"test": ["a"], "retries": "x", "interval": 1}),
    service(labels=["a", 1]),
    service(labels={"": "x"}),
    service(ulimits={"nofile": {"soft": 1}, "NOFILE": 2}),
    service(volumes=["a:/b", {"type": "bond"}, {"type": "bind", "bind": {"selinux": "y"}}]),
    service(develop=None, deploy=None),
    service(deploy={"resources": {"reservations": {"devices": [{}]}}}),
    service(extra_hosts={"a": ["1", 2]}),
    service(provider={"type": "x", "options": {"a": ["b", 1], "c": {}}}),
    service(tmpfs=["/a", "/a"]),
    service(post_start=[{"user": "x"}]),
]


@pytest.mark.parametrize("sample", SAMPLES, ids=json.dumps)
def test_the_checker_agrees_with_a_full_implementation_of_json_schema(sample: Any) -> None:
    schema = load_schema("compose")
    expected = jsonschema.Draft202012Validator(schema).is_valid(sample)
    assert (not list(deviations(sample, schema))) is expected


def test_a_date_is_of_no_type_that_the_schema_knows() -> None:
    assert [deviation.message for deviation in deviations(service(tty=Timestamp("x")), load_schema("compose"))] == [
        "services.app.tty must be true or false or a string, but is a date"
    ]


@pytest.mark.parametrize(
    ("items", "is_allowed"),
    [
        (["5", 5], False),
        (["5.0", 5], False),
        ([5, "5"], True),
        (["5", "5.0"], True),
        ([5, 5.0], False),
        ([*map(str, range(19)), 5], False),
        ([*map(str, range(20)), 5], True),
        ([*map(str, range(20)), "5"], False),
    ],
)
def test_a_number_is_the_same_as_an_earlier_text_of_it_in_short_lists(items: list[object], is_allowed: bool) -> None:
    schema = {"type": "array", "uniqueItems": True}
    assert list(deviations(items, schema)) == [] if is_allowed else len(list(deviations(items, schema))) == 1


def test_a_port_is_not_given_as_a_text_and_then_as_a_number() -> None:
    schema = {"type": "array", "uniqueItems": True}
    ports = [{"target": 80, "published": "80", "name": "1"}, {"target": 80, "published": 80, "name": "1"}]
    assert [deviation.path for deviation in deviations(ports, schema)] == [(1,)]
    assert list(deviations(ports[::-1], schema)) == []
