from __future__ import annotations

import pytest

from compose.errors import Location
from tests.fakes.directory import Directory


@pytest.mark.parametrize(
    ("text", "complaint", "hint"),
    [
        ("  »a:\n    hostname: x\n", "service `a`: it has neither an image nor a build", "add `image"),
        (
            "  a: {image: a, depends_on: [»bb]}\n  bbb: {image: b}\n",
            "service `a`: depends on undefined service `bb`",
            "`bbb`",
        ),
        (
            "  a: {image: a, depends_on: [»b]}\n  b: {image: b, profiles: [x]}\n",
            "service `a`: depends on the service `b`, which is disabled",
            "`--profile x`",
        ),
        ("  a: {image: a, networks: [»n]}\n", "service `a`: refers to undefined network `n`", "top-level `networks:`"),
        ("  a: {image: a, volumes: [»'vol:/x']}\n", "service `a`: refers to undefined volume `vol`", "`volumes:`"),
        ("  a: {image: a, configs: [»c]}\n", "service `a`: refers to undefined config `c`", "`configs:`"),
        ("  a: {image: a, secrets: [»s]}\n", "service `a`: refers to undefined secret `s`", "`secrets:`"),
        ("  a: {build: {context: ., secrets: [»s]}}\n", "service `a`: refers to undefined secret `s`", "`secrets:`"),
        ("  a: {image: a, models: [»m]}\n", "service `a`: refers to undefined model `m`", None),
        (
            "  a: {image: a, network_mode: host, »networks: [default]}\n",
            "service `a`: `network_mode` and `networks` exclude",
            None,
        ),
        ("  a: {image: a, network_mode: »'service:b'}\n", "service `a`: depends on undefined service `b`", None),
        (
            "  a: {image: a, scale: »2, deploy: {replicas: 3}}\n",
            "service `a`: `scale` and `deploy.replicas` differ",
            None,
        ),
        ("  a: {image: a, scale: »-1}\n", "service `a`: `scale` must not be negative", None),
        ("  a: {image: a, scale: 2, container_name: »xy}\n", "service `a`: `container_name` does not go with 2", None),
        (
            "  a: {image: a, container_name: xy}\n  b: {image: a, container_name: »xy}\n",
            "service `b`: the container name `xy`",
            None,
        ),
        ("  a: {image: a, cpus: »1, deploy: {resources: {limits: {cpus: 2}}}}\n", "service `a`: `cpus` and", None),
        (
            "  a: {image: a, mem_limit: »1m, deploy: {resources: {limits: {memory: 2m}}}}\n",
            "service `a`: `mem_limit` and",
            None,
        ),
        ("  a: {image: a, healthcheck: {test: »[curl, x]}}\n", "service `a`: a health check's list must begin", None),
        (
            "  a: {image: a, tmpfs: /x, volumes: [»'/y:/x']}\n",
            "service `a`: `/x` is mounted twice, first by tmpfs[0]",
            None,
        ),
        (
            "  a: {build: {dockerfile: A, »dockerfile_inline: FROM x}}\n",
            "service `a`: `dockerfile` and `dockerfile_inline`",
            None,
        ),
        (
            "  a: {platform: linux/arm64, build: {context: ., platforms: »[linux/amd64]}}\n",
            "service `a`: `build.platforms` does not",
            None,
        ),
        (
            "  a: {build: {context: ., additional_contexts: {x: »'service:b'}}}\n",
            "service `a`: the build context `x` is the undefined",
            None,
        ),
        (
            "  a: {build: {context: ., additional_contexts: {x: »'service:b'}}}\n  b: {image: b}\n",
            "service `a`: the build context `x` is the service `b`, which",
            None,
        ),
        (
            "  a: {image: a, develop: {watch: [»{path: x, action: sync}]}}\n",
            "service `a`: `sync` needs a `target`",
            None,
        ),
        ("  a: {image: a, volumes: [»{type: bind, target: /x}]}\n", "a bind mount needs a `source`", None),
        ("  a: {image: a, ports: [»{published: '80'}]}\n", "`target` is missing", None),
        ("  a: {image: a, ports: [{target: 80, host_ip: »here}]}\n", "`here` is not an IP address", None),
        ("  a: {image: a, gpus: [{»count: 1, device_ids: [x]}]}\n", "`count` and `device_ids` exclude", None),
        (
            "  a: {image: a}\nvolumes: {v: {external: true, »driver: x}}\n",
            "an external volume cannot have `driver`",
            None,
        ),
        ("  a: {image: a}\nsecrets: {s: »{}}\n", "this secret has no content", None),
        ("  a: {image: a}\nconfigs: {c: {file: x, »content: y}}\n", "`file` and `content` exclude each other", None),
    ],
)
def test_what_does_not_fit_together_is_reported(
    directory: Directory, text: str, complaint: str, hint: str | None
) -> None:
    """The mark in the text is where the problem is."""
    before, _, after = f"services:\n{text}".partition("»")
    problem, *_ = directory.problems(before + after)
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    assert problem.where == Location("compose.yaml", line, column)
    assert problem.message.startswith(complaint)
    if hint is not None:
        assert hint in str(problem.hint)


def test_an_optional_dependency_may_be_disabled(directory: Directory) -> None:
    project = directory.load(
        "services:\n"
        "  a: {image: a, depends_on: {b: {condition: service_started, required: false}}}\n"
        "  b: {image: b, profiles: [x]}\n"
    ).project
    assert list(project.services) == ["a"]


def test_disabled_services_are_not_checked(directory: Directory) -> None:
    directory.load("services: {a: {image: a}, b: {profiles: [x], networks: [nowhere]}}\n")


def test_without_the_check_references_may_lead_nowhere(directory: Directory) -> None:
    directory.load("services: {a: {networks: [nowhere]}}\n", check=False)


def test_a_cycle_names_its_services_and_the_place_of_every_edge(directory: Directory) -> None:
    (problem,) = directory.problems(
        "services:\n"
        "  z: {image: a, depends_on: [c]}\n"
        "  c: {image: a, depends_on: [a]}\n"
        "  a: {image: a, links: [b]}\n"
        "  b:\n"
        "    image: a\n"
        "    depends_on: {c: {condition: service_healthy}}\n"
    )
    assert problem.message == "dependency cycle: a -> b -> c -> a"
    assert str(problem.where) == "compose.yaml:4:24"
    for edge in ("a needs b at compose.yaml:4:24", "b needs c at compose.yaml:7:18", "c needs a at compose.yaml:3:30"):
        assert edge in str(problem.hint)


def test_all_circles_are_told_at_once(directory: Directory) -> None:
    assert directory.complaints(
        "services:\n"
        "  a: {image: a, depends_on: [b]}\n"
        "  b: {image: a, depends_on: [a]}\n"
        "  x: {image: a, depends_on: [a, y]}\n"
        "  y: {image: a, depends_on: [z]}\n"
        "  z: {image: a, depends_on: [y]}\n"
    ) == ["2:30 dependency cycle: a -> b -> a", "5:30 dependency cycle: y -> z -> y"]


def test_a_service_cannot_need_itself(directory: Directory) -> None:
    assert directory.complaints("services: {a: {image: a, depends_on: [a]}}\n") == ["1:39 dependency cycle: a -> a"]


def test_long_chains_of_dependencies_are_no_problem(directory: Directory) -> None:
    chain = "".join(f"  s{n}: {{image: a, depends_on: [s{n + 1}]}}\n" for n in range(1500))
    directory.load(f"services:\n{chain}  s1500: {{image: a}}\n")


def test_scale_is_also_the_number_of_replicas(directory: Directory) -> None:
    assert directory.service("scale: 2\ndeploy: {}")["deploy"]["replicas"] == 2
