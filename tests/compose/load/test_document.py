"""The canonical document, attribute by attribute. The expected forms are those of docker compose 2.40."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.directory import Directory


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("command: sh -c 'a b'", {"command": ["sh", "-c", "a b"]}),
        ("command: []", {"command": []}),
        ("entrypoint: ''", {"entrypoint": []}),
        ("cpus: '0.5'", {"cpus": 0.5}),
        ("mem_limit: 64m", {"mem_limit": "67108864"}),
        ("memswap_limit: -1", {"memswap_limit": "-1"}),
        ("shm_size: 0", {}),
        ("stop_grace_period: 90s", {"stop_grace_period": "1m30s"}),
        ("init: 'yes'", {"init": True}),
        ("init: false", {"init": False}),
        ("tty: false", {}),
        ("environment: [A=1, B, 'C=x=y']", {"environment": {"A": "1", "B": None, "C": "x=y"}}),
        (
            "environment: {A: 1, B: true, C: 0.5, D: , E: 08}",
            {"environment": {"A": "1", "B": "true", "C": "0.5", "D": None, "E": "8"}},
        ),
        ("labels: [a, b=1]", {"labels": {"a": "", "b": "1"}}),
        ("expose: [80, '90-91']", {"expose": ["80", "90-91"]}),
        ("group_add: [1000, adm]", {"group_add": ["1000", "adm"]}),
        ("extra_hosts: {b: ['1.1.1.1', '2.2.2.2'], a: '[::1]'}", {"extra_hosts": ["a=::1", "b=1.1.1.1", "b=2.2.2.2"]}),
        ("extra_hosts: ['a:::1', 'b=1.1.1.1']", {"extra_hosts": ["a=::1", "b=1.1.1.1"]}),
        (
            "ulimits: {nofile: 10, nproc: {soft: 1, hard: 2}}",
            {"ulimits": {"nofile": 10, "nproc": {"soft": 1, "hard": 2}}},
        ),
        ("healthcheck: {test: x, interval: 1m}", {"healthcheck": {"test": ["CMD-SHELL", "x"], "interval": "1m0s"}}),
        ("healthcheck: {disable: true}", {"healthcheck": {"disable": True}}),
        ("pull_policy: if_not_present", {"pull_policy": "missing"}),
        ("dns: 1.1.1.1", {"dns": ["1.1.1.1"]}),
        ("gpus: all", {"gpus": [{"count": -1}]}),
        ("sysctls: [a.b=1]", {"sysctls": {"a.b": "1"}}),
        (
            "blkio_config: {device_read_bps: [{path: /dev/a, rate: 1k}]}",
            {"blkio_config": {"device_read_bps": [{"Path": "/dev/a", "Rate": "1024"}]}},
        ),
        (
            "devices: ['/dev/a']",
            {"devices": [{"source": "/dev/a", "target": "/dev/a", "permissions": "rwm"}]},
        ),
        (
            "ports: [80, '127.0.0.1:81:82/udp']",
            {
                "ports": [
                    {"mode": "ingress", "target": 80, "protocol": "tcp"},
                    {"mode": "ingress", "host_ip": "127.0.0.1", "target": 82, "published": "81", "protocol": "udp"},
                ]
            },
        ),
        (
            "ports: [{target: '80', published: 8080, app_protocol: http}]",
            {
                "ports": [
                    {"mode": "ingress", "target": 80, "published": "8080", "protocol": "tcp", "app_protocol": "http"}
                ]
            },
        ),
        (
            "volumes: ['/a/../b/:/c/./d/']",
            {"volumes": [{"type": "bind", "source": "/a/../b/", "target": "/c/d", "bind": {"create_host_path": True}}]},
        ),
        (
            "volumes: [{type: tmpfs, target: /t, tmpfs: {size: 1m, mode: 0700}}]",
            {"volumes": [{"type": "tmpfs", "target": "/t", "tmpfs": {"size": "1048576", "mode": 448}}]},
        ),
        (
            "deploy: {resources: {limits: {cpus: 0.5, memory: 1g}}}",
            {"deploy": {"resources": {"limits": {"cpus": 0.5, "memory": "1073741824"}}, "placement": {}}},
        ),
        ("logging: {options: {max-file: 3}}", {"logging": {"options": {"max-file": "3"}}}),
        ("x-mine: {a: 1}", {}),
        ("post_start: [{command: a b}]", {"post_start": [{"command": ["a", "b"]}]}),
        (
            "build: .",
            {"build": {"context": "HERE", "dockerfile": "Dockerfile"}},
        ),
        (
            "build: {context: 'https://x.org/y.git', args: [A, B=1]}",
            {"build": {"context": "https://x.org/y.git", "dockerfile": "Dockerfile", "args": {"B": "1"}}},
        ),
    ],
)
def test_an_attribute_takes_its_canonical_form(directory: Directory, text: str, result: dict[str, Any]) -> None:
    found = directory.service(text)
    if "build" in result and result["build"]["context"] == "HERE":
        result = {"build": {**result["build"], "context": str(directory.path)}}
    assert found == result


def test_a_service_without_wishes_has_the_default_network_and_no_command(directory: Directory) -> None:
    assert directory.load("services: {app: {image: a}}\n").document == {
        "name": "demo",
        "services": {"app": {"command": None, "entrypoint": None, "image": "a", "networks": {"default": None}}},
        "networks": {"default": {"name": "demo_default", "ipam": {}}},
    }


def test_resources_get_names_on_the_engine(directory: Directory) -> None:
    document = directory.load(
        "services: {app: {image: a, networks: [n, o], volumes: ['vol:/v', 'ext:/e'], secrets: [s], configs: [c]}}\n"
        "networks: {n: , o: {name: other}}\n"
        "volumes: {vol: {driver_opts: {size: 1}}, ext: {external: true}}\n"
        "secrets: {s: {environment: TOKEN}}\nconfigs: {c: {environment: TOKEN}}\n",
        environment={"TOKEN": "hidden"},
    ).document
    assert {key: entry["name"] for key, entry in document["networks"].items()} == {"n": "demo_n", "o": "other"}
    assert document["volumes"] == {
        "vol": {"name": "demo_vol", "driver_opts": {"size": "1"}},
        "ext": {"name": "ext", "external": True},
    }
    assert document["secrets"] == {"s": {"name": "demo_s", "environment": "TOKEN"}}
    assert document["configs"] == {"c": {"name": "demo_c", "environment": "TOKEN"}}
    assert document["services"]["app"]["secrets"] == [{"source": "s", "target": "/run/secrets/s"}]
    assert document["services"]["app"]["configs"] == [{"source": "c"}]
    assert "hidden" not in str(document)


def test_links_and_shared_namespaces_are_dependencies(directory: Directory) -> None:
    text = (
        "services:\n  a: {image: a, links: ['b:alias'], network_mode: 'service:c', volumes_from: ['d:ro']}\n"
        "  b: {image: a}\n  c: {image: a}\n  d: {image: a}\n"
    )
    started = {"condition": "service_started", "required": True}
    assert directory.load(text).document["services"]["a"]["depends_on"] == {
        "b": {**started, "restart": True},
        "c": {**started, "restart": True},
        "d": started,
    }


def test_unused_resources_are_left_out_unless_asked_for(directory: Directory) -> None:
    text = "services: {a: {image: a}, b: {image: b, profiles: [x], volumes: ['vol:/v']}}\nvolumes: {vol: }\n"
    assert "volumes" not in directory.load(text).document
    assert "vol" in directory.load(text, profiles=("x",)).document["volumes"]
    assert "vol" in directory.load(text, all_resources=True).document["volumes"]


def test_a_selection_narrows_services_and_resources(directory: Directory) -> None:
    text = (
        "services:\n  a: {image: a, depends_on: [b]}\n  b: {image: b, networks: [n]}\n  c: {image: c, profiles: [x]}\n"
        "networks: {n: }\n"
    )
    assert list(directory.load(text, select=("b",)).document["services"]) == ["b"]
    assert list(directory.load(text, select=("b",)).document["networks"]) == ["n"]
    assert list(directory.load(text, select=("a",)).document["services"]) == ["a", "b"]
    assert list(directory.load(text, select=("c",)).document["services"]) == ["c"]


def test_a_selection_may_be_a_pattern_of_enabled_services(directory: Directory) -> None:
    text = "services: {web: {image: a}, worker: {image: b}, wait: {image: c, profiles: [x]}, db: {image: d}}\n"
    assert list(directory.load(text, select=("w*",)).document["services"]) == ["web", "worker"]
    assert list(directory.load(text, select=("w*", "wait")).document["services"]) == ["web", "worker", "wait"]


def test_services_that_are_not_selected_may_claim_a_container_name_too(directory: Directory) -> None:
    text = "services: {a: {image: a, container_name: one}, b: {image: b, container_name: one}}\n"
    assert list(directory.load(text, select=("a",)).document["services"]) == ["a"]
    assert "already that of" in directory.problems(text)[0].message


def test_a_resource_without_attributes_is_written_like_one_with_an_empty_mapping(directory: Directory) -> None:
    text = "services: {a: {image: a, networks: [n, m]}}\nnetworks: {n: , m: {}}\n"
    assert directory.load(text, normalise=False).document["networks"] == {"n": {"ipam": {}}, "m": {"ipam": {}}}


def test_dollar_signs_are_doubled_so_that_the_document_can_be_loaded_again(directory: Directory) -> None:
    assert directory.service("command: [$$HOME, a$$]")["command"] == ["$$HOME", "a$$"]
    app = directory.load().project.services["app"]
    assert app.command == ("$HOME", "a$")


def test_without_interpolation_the_document_keeps_its_variables(directory: Directory) -> None:
    document = directory.load("services: {a: {image: 'a:${TAG}', ports: ['${PORT}:80']}}\n", interpolate=False).document
    assert document["services"]["a"]["image"] == "a:${TAG}"
    assert document["services"]["a"]["ports"] == ["${PORT}:80"]


def test_without_path_resolution_paths_stay_relative(directory: Directory) -> None:
    document = directory.load("services: {a: {image: a, volumes: ['./x:/x']}}\n", resolve_paths=False).document
    assert document["services"]["a"]["volumes"][0]["source"] == "./x"


def test_the_old_form_of_external_names_still_works_with_a_warning(directory: Directory) -> None:
    loaded = directory.load("services: {a: {image: a, networks: [n]}}\nnetworks: {n: {external: {name: x}}}\n")
    assert loaded.project.networks["n"].name == "x"
    assert loaded.project.networks["n"].external
    assert "deprecated" in loaded.project.warnings[0]


def test_top_level_extensions_are_kept(directory: Directory) -> None:
    document = directory.load("x-mine: {a: [1, 2024-01-31]}\nservices: {a: {image: a}}\n").document
    assert document["x-mine"] == {"a": [1, "2024-01-31T00:00:00Z"]}


def test_listings_do_not_mind_a_container_name_given_twice(directory: Directory) -> None:
    text = "services: {a: {image: a, container_name: one}, b: {image: b, container_name: one}}\n"
    assert list(directory.load(text, check_names=False).document["services"]) == ["a", "b"]


ENV_FILES = (
    "services: {a: {image: a, env_file: gone.env}, b: {image: b}, c: {image: c, profiles: [x], env_file: no.env}}\n"
)


def test_the_env_files_of_all_enabled_services_are_read_before_a_selection_and_then_those_selected(
    directory: Directory,
) -> None:
    assert directory.complaints(ENV_FILES, select=("b",)) == ["1:36 env file gone.env not found"]
    assert len(directory.complaints(ENV_FILES, select=("c",))) == 2
    assert directory.complaints(ENV_FILES, select=("c",), selected_only=True)[0].endswith("no.env not found")
    assert list(directory.load(ENV_FILES, select=("b",), selected_only=True).project.services) == ["b"]
    assert len(directory.load(ENV_FILES, select=("a",), resolve_environment=False).project.services) == 1


def test_the_default_platform_is_for_services_that_name_none_and_is_not_printed(directory: Directory) -> None:
    text = "services: {a: {image: a}, b: {image: b, platform: linux/riscv64}}\n"
    loaded = directory.load(text, environment={"DOCKER_DEFAULT_PLATFORM": "linux/arm64"})
    assert [service.platform for service in loaded.project.services.values()] == ["linux/arm64", "linux/riscv64"]
    assert "platform" not in loaded.document["services"]["a"]
