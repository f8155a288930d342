"""A service as the engine's create request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from compose.apply.requests.containers import container_request
from compose.apply.requests.networks import network_request, volume_request
from compose.errors import ComposeError
from compose.model.project import FileObject, Ipam, IpamPool, Network, Project, Volume
from compose.model.service import (
    BindMount,
    Deploy,
    DeployRestart,
    Device,
    DeviceRequest,
    FileMount,
    HealthCheck,
    Logging,
    Mount,
    Port,
    ResourceLimits,
    Service,
    ServiceNetwork,
    TmpfsMount,
    Ulimit,
    VolumeMount,
)
from compose.plan.actions import CreateContainer
from compose.plan.observed import ObservedMount
from engine.wire.containers import ContainerCreateRequest, PortBinding, RestartPolicy
from tests.fakes.projects import make_project, make_service


def request(
    project: Project, *, inherited: tuple[ObservedMount, ...] = (), name: str = "web"
) -> ContainerCreateRequest:
    service = project.services[name]
    final = f"app-{name}-1"
    action = CreateContainer(service, 1, final, final, service.image, "test", inherited=inherited)
    return container_request(project, action, "sha256:tiny", {"db": "id-of-db"})


def of(**attributes: Any) -> ContainerCreateRequest:
    return request(make_project(make_service("web", **attributes)))


def test_what_is_not_set_is_left_to_the_image() -> None:
    found = of()
    assert found.cmd is None
    assert found.entrypoint is None
    assert found.healthcheck is None
    assert found.host_config.pids_limit is None
    assert found.host_config.restart_policy == RestartPolicy()


def test_a_variable_without_a_value_is_removed_and_an_empty_one_is_kept() -> None:
    assert of(environment={"A": "1", "B": None, "C": ""}).env == ["A=1", "B", "C="]


def test_a_cleared_entrypoint_differs_from_an_unset_one() -> None:
    assert of(entrypoint=()).entrypoint == [""]
    assert of(entrypoint=("sh", "-c")).entrypoint == ["sh", "-c"]


def test_ports_are_exposed_and_bound() -> None:
    found = of(ports=(Port(80, "8080"), Port(80, "8081", "127.0.0.1"), Port(53, protocol="udp")), expose=("9000-9001",))
    assert sorted(found.exposed_ports) == ["53/udp", "80/tcp", "9000/tcp", "9001/tcp"]
    assert found.host_config.port_bindings == {
        "80/tcp": [PortBinding(host_port="8080"), PortBinding(host_ip="127.0.0.1", host_port="8081")],
        "53/udp": [PortBinding()],
    }


def test_every_network_is_joined_at_creation_with_the_service_name_as_alias() -> None:
    service = make_service(
        "web", networks={"a": ServiceNetwork(), "b": ServiceNetwork(("www",), "10.0.0.5", priority=10)}
    )
    found = request(make_project(service))
    assert found.host_config.network_mode == "app_b"
    endpoints = found.networking_config.endpoints_config
    assert endpoints["app_a"].aliases == ["app-web-1", "web"]
    assert endpoints["app_b"].aliases == ["app-web-1", "web", "www"]
    assert endpoints["app_b"].ipam_config is not None
    assert endpoints["app_b"].ipam_config.ipv4_address == "10.0.0.5"


@pytest.mark.parametrize(
    ("mode", "expected"), [("host", "host"), ("none", "none"), ("service:db", "container:id-of-db")]
)
def test_a_network_mode_stands_alone(mode: str, expected: str) -> None:
    found = of(network_mode=mode)
    assert found.host_config.network_mode == expected
    assert found.networking_config.endpoints_config == {}


def test_namespaces_and_volumes_of_a_service_are_those_of_its_container() -> None:
    host = of(ipc="service:db", pid="service:db", volumes_from=("db:ro", "container:other")).host_config
    assert (host.ipc_mode, host.pid_mode) == ("container:id-of-db", "container:id-of-db")
    assert host.volumes_from == ["id-of-db:ro", "other"]


def test_mounts_of_every_kind_are_asked_for_in_the_engines_form() -> None:
    host = of(
        volumes=(
            Mount("bind", "/code", "/app/src", read_only=True),
            Mount("bind", "/exact", "/app/must", bind=BindMount(create_host_path=False)),
            Mount("volume", "/data", "data", volume=VolumeMount(nocopy=True)),
            Mount("volume", "/plain", "data", read_only=True),
            Mount("volume", "/anonymous"),
            Mount("tmpfs", "/scratch", tmpfs=TmpfsMount(1024, 0o700)),
            Mount("image", "/assets", "assets:1"),
        ),
        tmpfs=("/run:size=64k", "/tmp"),
    ).host_config
    assert host.binds == ["/app/src:/code:ro", "app_data:/plain:ro"]
    assert [(mount.type, mount.source, mount.target) for mount in host.mounts] == [
        ("bind", "/app/must", "/exact"),
        ("volume", "app_data", "/data"),
        ("volume", "", "/anonymous"),
        ("tmpfs", "", "/scratch"),
        ("image", "assets:1", "/assets"),
    ]
    assert host.mounts[1].volume_options is not None
    assert host.mounts[1].volume_options.no_copy
    assert host.tmpfs == {"/run": "size=64k", "/tmp": ""}


def test_an_inherited_volume_takes_the_place_of_the_anonymous_mount() -> None:
    project = make_project(make_service("web", volumes=(Mount("volume", "/data"),)))
    mounts = request(project, inherited=(ObservedMount("volume", "/data", "ab" * 32),)).host_config.mounts
    assert [(mount.source, mount.target) for mount in mounts] == [("ab" * 32, "/data")]


def test_configs_and_secrets_with_a_file_are_mounted_read_only() -> None:
    service = make_service(
        "web", configs=(FileMount("c"), FileMount("c", "/etc/c")), secrets=(FileMount("s", "token"),)
    )
    project = make_project(
        service,
        configs={"c": FileObject("c", "app_c", file="/app/c.conf")},
        secrets={"s": FileObject("s", "app_s", file="/app/s.txt")},
    )
    mounts = request(project).host_config.mounts
    assert [(mount.source, mount.target, mount.read_only) for mount in mounts] == [
        ("/app/c.conf", "/c", True),
        ("/app/c.conf", "/etc/c", True),
        ("/app/s.txt", "/run/secrets/token", True),
    ]


def test_an_external_secret_is_refused_with_a_way_out() -> None:
    project = make_project(
        make_service("web", secrets=(FileMount("s"),)), secrets={"s": FileObject("s", "s", external=True)}
    )
    with pytest.raises(ComposeError, match="secret `s` of service `web` is external"):
        request(project)


def test_limits_of_deploy_win_over_the_services_own() -> None:
    host = of(
        mem_limit=1,
        cpus=0.5,
        deploy=Deploy(
            limits=ResourceLimits(cpus=1.5, memory=2048, pids=10),
            reservations=ResourceLimits(memory=1024, devices=(DeviceRequest(("gpu",), count=-1),)),
        ),
    ).host_config
    assert (host.memory, host.nano_cpus, host.pids_limit) == (2048, 1_500_000_000, 10)
    assert host.memory_reservation == 1024
    assert host.device_requests[0].capabilities == [["gpu"]]


@pytest.mark.parametrize(
    ("attributes", "policy"),
    [
        ({"restart": "always"}, RestartPolicy(name="always")),
        ({"restart": "on-failure:3"}, RestartPolicy(name="on-failure", maximum_retry_count=3)),
        ({"restart": "no"}, RestartPolicy(name="no")),
        (
            {"deploy": Deploy(restart_policy=DeployRestart("on-failure", max_attempts=2))},
            RestartPolicy(name="on-failure", maximum_retry_count=2),
        ),
        ({"deploy": Deploy(restart_policy=DeployRestart("any", max_attempts=2))}, RestartPolicy(name="always")),
        ({"deploy": Deploy(restart_policy=DeployRestart("none"))}, RestartPolicy(name="no")),
    ],
)
def test_restart_and_deploy_become_the_containers_restart_policy(
    attributes: dict[str, Any], policy: RestartPolicy
) -> None:
    assert of(**attributes).host_config.restart_policy == policy


def test_a_disabled_health_check_says_so() -> None:
    found = of(healthcheck=HealthCheck(disable=True)).healthcheck
    assert found is not None
    assert found.test == ["NONE"]


def test_the_rest_goes_through_as_it_is() -> None:
    found = of(
        hostname="h",
        user="1000:1000",
        working_dir="/w",
        stop_signal="SIGINT",
        stop_grace_period=1_500_000_000,
        ulimits={"nofile": Ulimit(10, 20)},
        logging=Logging("json-file", {"max-size": "1m"}),
        extra_hosts=("a=10.0.0.1", "b=::1"),
        devices=(Device("/dev/null", "/dev/zero", "r"),),
        cap_add=("NET_ADMIN",),
        init=True,
        sysctls={"net.core.somaxconn": "10"},
        shm_size=64,
        security_opt=("no-new-privileges:true", "label:disable", "systempaths=unconfined"),
    )
    assert (found.hostname, found.user, found.working_dir) == ("h", "1000:1000", "/w")
    assert (found.stop_signal, found.stop_timeout) == ("SIGINT", 2)
    host = found.host_config
    assert (host.ulimits[0].name, host.ulimits[0].soft, host.ulimits[0].hard) == ("nofile", 10, 20)
    assert (host.log_config.type, host.log_config.config) == ("json-file", {"max-size": "1m"})
    assert host.extra_hosts == ["a:10.0.0.1", "b:::1"]
    assert host.devices[0].path_in_container == "/dev/zero"
    assert (host.cap_add, host.init, host.shm_size) == (["NET_ADMIN"], True, 64)
    assert host.security_opt == ["no-new-privileges:true", "label=disable"]
    assert (host.masked_paths, host.readonly_paths) == ([], [])


def test_a_seccomp_profile_goes_over_the_wire_as_its_content(tmp_path: Path) -> None:
    (tmp_path / "profile.json").write_text('{\n  "defaultAction": "SCMP_ACT_ALLOW"\n}')
    option = f"seccomp={tmp_path}/profile.json"
    assert of(security_opt=(option,)).host_config.security_opt == ['seccomp={"defaultAction":"SCMP_ACT_ALLOW"}']
    with pytest.raises(ComposeError, match="seccomp profile"):
        of(security_opt=("seccomp=/nowhere.json",))


def test_links_name_the_container() -> None:
    project = make_project(Service("db", image="tiny:1"), make_service("web", links=("db:database",)))
    found = request(project)
    links = ["app-db-1:database", "app-db-1:db-1", "app-db-1:app-db-1"]
    assert found.networking_config.endpoints_config["app_default"].links == links
    assert found.host_config.links == links, "for the default network, which has links of its own"


def test_a_network_and_a_volume_are_asked_for_with_their_labels() -> None:
    network = Network("n", "app_n", ipam=Ipam(config=(IpamPool("10.9.0.0/24"),)), internal=True, labels={"a": "b"})
    volume = Volume("v", "app_v", driver_opts={"o": "bind"})
    project = make_project(make_service("web"), networks={"n": network}, volumes={"v": volume})
    found = network_request(project, network)
    assert found.ipam is not None
    assert found.ipam.config is not None
    assert found.ipam.config[0].subnet == "10.9.0.0/24"
    assert found.internal
    assert found.labels["com.docker.compose.network"] == "n"
    assert found.labels["a"] == "b"
    made = volume_request(project, volume)
    assert (made.name, made.driver, made.driver_opts) == ("app_v", "local", {"o": "bind"})
    assert made.labels["com.docker.compose.volume"] == "v"


@pytest.mark.parametrize(("aliased", "names"), [(False, ["app-web-run-1"]), (True, ["app-web-run-1", "web", "www"])])
def test_a_one_off_container_answers_to_the_services_names_only_on_request(aliased: bool, names: list[str]) -> None:
    service = make_service("web", networks={"a": ServiceNetwork(("www",))})
    name = "app-web-run-1"
    action = CreateContainer(service, 1, name, name, service.image, "run", slug="s", is_aliased=aliased)
    made = container_request(make_project(service), action, "sha256:tiny", {})
    assert made.networking_config is not None
    assert made.networking_config.endpoints_config["app_a"].aliases == names
