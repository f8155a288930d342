"""The fingerprints are docker compose's own: the expected digits are what `docker compose config --hash` prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from compose.load.pipeline import LoadRequest, load
from compose.model.project import FileObject, Project
from compose.model.service import FileMount
from compose.plan.hashing import content_hash, encoded, network_hash, service_hash, volume_hash
from compose.plan.images import familiar
from tests.fakes.projects import make_project, make_service


def project_of(directory: Path, service: str, more: str = "", **environment: str) -> Project:
    """The project `app` of one service `web`, a mapping in YAML's flow style."""
    (directory / "compose.yaml").write_text(f"name: app\nservices:\n  web: {service}\n{more}", "utf-8")
    return load(LoadRequest(cwd=directory, environment=environment, resolve_environment=False)).project


def hashed(directory: Path, service: str, **environment: str) -> str:
    project = project_of(directory, service, **environment)
    return service_hash(project, project.services["web"])


@pytest.mark.parametrize(
    ("service", "digits"),
    [
        (
            '{image: x, environment: {B: "<&>", A: }}',
            "d2c2126eb030a0c5d64ed2e6d10a7eb608a5735373cdc06d380d9b74b5965bad",
        ),
        ("{image: x, cpus: 0.1}", "338fba8f5faef13bc2c19191b64a4d10e7860f2259e5d822458ee6e0e6915e3a"),
        (
            '{image: x, ports: ["80:80"], deploy: {replicas: 3, resources: {limits: {memory: 1g}}}}',
            "00abba06a62de76bfefa8775771e2adc50ae42760fd16ac6e4880757fb183bed",
        ),
        (
            '{image: x, cpus: 2.50, command: "a b", stop_grace_period: 90s, ulimits: {nofile: {soft: 1, hard: 2}, '
            'core: 0}, labels: {z: "ü\\u2028\\t", a: "\\x7f"}}',
            "e838bbb9a02fedc65214eef79e9e6f574678e728f2e66c5fe7f3544d3f2ea732",
        ),
    ],
)
def test_the_hash_is_that_of_docker_compose(tmp_path: Path, service: str, digits: str) -> None:
    assert hashed(tmp_path, service) == digits


@pytest.mark.parametrize("more", ["scale: 3", "profiles: [debug]", "pull_policy: always", "build: /app"])
def test_what_needs_no_new_container_does_not_count(tmp_path: Path, more: str) -> None:
    same = hashed(tmp_path, "{image: x}")
    (tmp_path / ".env").write_text("COMPOSE_PROFILES=debug")
    assert hashed(tmp_path, f"{{image: x, {more}}}") == same


@pytest.mark.parametrize(
    "more", ["command: []", "environment: {A: }", "develop: {watch: []}", "deploy: {}", "tty: true"]
)
def test_what_needs_another_container_changes_the_hash(tmp_path: Path, more: str) -> None:
    assert hashed(tmp_path, f"{{image: x, {more}}}") != hashed(tmp_path, "{image: x}")


def test_the_number_of_replicas_does_not_count_but_the_rest_of_deploy_does(tmp_path: Path) -> None:
    one = hashed(tmp_path, "{image: x, deploy: {mode: replicated, replicas: 1}}")
    assert one == hashed(tmp_path, "{image: x, deploy: {mode: replicated, replicas: 2}}")
    assert one != hashed(tmp_path, "{image: x, deploy: {mode: global, replicas: 1}}")


def test_a_built_service_runs_on_the_default_platform(tmp_path: Path) -> None:
    chosen = hashed(tmp_path, "{image: x, build: /app}", DOCKER_DEFAULT_PLATFORM="linux/arm64")
    assert chosen == hashed(tmp_path, "{image: x, build: /app, platform: linux/arm64}")
    assert chosen != hashed(tmp_path, "{image: x}", DOCKER_DEFAULT_PLATFORM="linux/arm64")


def test_a_shared_namespace_counts_as_that_of_the_container(tmp_path: Path) -> None:
    project = project_of(tmp_path, "{image: x, ipc: 'service:db', volumes_from: ['db:ro']}", "  db: {image: y}\n")
    web = project.services["web"]
    assert service_hash(project, web, {"db": "1"}) != service_hash(project, web, {"db": "2"})
    assert service_hash(project, web, {"db": "1"}) == service_hash(project, web, {"db": "1", "other": "2"})
    bare = project_of(tmp_path, "{image: x, ipc: 'container:1', volumes_from: ['1']}", "  '1': {image: y}\n")
    assert service_hash(project, web, {"db": "1"}) == service_hash(bare, bare.services["web"])


@pytest.mark.parametrize(
    ("text", "go"),
    [("1", "1"), ("1.0", "1"), ("2.50", "2.5"), ("0.00001", "0.00001"), ("1e-7", "1e-7"), ("1e21", "1e+21")],
)
def test_numbers_are_written_as_go_writes_them(text: str, go: str) -> None:
    assert encoded({"cpus": float(text)}) == f'{{"cpus":{go}}}'.encode()


def test_a_network_and_a_volume_are_known_by_all_their_attributes(tmp_path: Path) -> None:
    def hashes(network: str, volume: str) -> tuple[str, str]:
        more = f"    \nnetworks:\n  default: {{{network}}}\nvolumes:\n  v: {{{volume}}}\n"
        project = project_of(tmp_path, "{image: x, volumes: ['v:/v']}", more)
        return network_hash(project, project.networks["default"]), volume_hash(project, project.volumes["v"])

    plain = hashes("", "")
    assert plain == hashes("", "driver: local")
    other = hashes("internal: true", "driver_opts: {type: nfs}")
    assert plain[0] != other[0]
    assert plain[1] != other[1]


def test_the_hashes_of_networks_and_volumes_are_those_that_docker_compose_labels_them_with(tmp_path: Path) -> None:
    more = (
        "volumes: {data: {labels: {a: b}, name: xp_data}}\n"
        "networks: {n1: {name: xp_n1, driver_opts: {com.docker.network.bridge.name: xpbr0}, labels: {q: '1'}}}\n"
    )
    project = project_of(tmp_path, "{image: x, networks: [n1], volumes: ['data:/data']}", more)
    network, volume = project.networks["n1"], project.volumes["data"]
    assert network_hash(project, network) == "921127873c5dfbd8a98136298dc73aac532a1b55d8d0b41fd4566408b082057c"
    assert volume_hash(project, volume) == "58723d758f843ba6e10f9bcb0fee64ce2e909933f30d15a423dd6a1d7a09139b"


def test_the_content_of_an_inline_config_has_a_hash_of_its_own() -> None:
    service = make_service("web", configs=(FileMount("c"),))

    def with_config(content: str | None = None, file: str = "") -> str:
        config = FileObject("c", "app_c", content=content, file=file)
        return content_hash(make_project(service, configs={"c": config}), service)

    assert with_config(content="one") != with_config(content="two")
    assert with_config(file="/a") == ""


@pytest.mark.parametrize(
    ("reference", "short"),
    [
        ("redis", "redis:latest"),
        ("docker.io/library/redis:7", "redis:7"),
        ("library/redis:7", "redis:7"),
        ("me/app", "me/app:latest"),
        ("localhost:5000/app", "localhost:5000/app:latest"),
        ("localhost:5000/app:1", "localhost:5000/app:1"),
        ("redis:7@sha256:abc", "redis@sha256:abc"),
    ],
)
def test_references_have_one_short_form(reference: str, short: str) -> None:
    assert familiar(reference) == short
