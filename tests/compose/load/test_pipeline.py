from __future__ import annotations

import subprocess
import sys

import pytest

from compose.errors import ComposeError, UsageError
from compose.model.project import FileObject, Ipam, IpamPool, Network, Volume
from compose.model.service import (
    BindMount,
    Build,
    Dependency,
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
    ServiceNetwork,
    ThrottleDevice,
    TmpfsMount,
    Ulimit,
    VolumeMount,
)
from compose.model.tooling import Hook
from tests.fakes.directory import Directory

SECOND = 1_000_000_000

EVERYTHING = """
services:
  app:
    image: app:1
    build: {context: /src, tags: [x], secrets: [s], shm_size: 1m, ulimits: {nofile: 5}}
    blkio_config: {weight: 20, device_read_bps: [{path: /dev/a, rate: 1k}]}
    cap_add: [NET_ADMIN]
    command: run "it all"
    configs: [{source: c, target: /etc/c, mode: 0440}]
    cpus: 1.5
    depends_on: {db: {condition: service_healthy, restart: true}}
    deploy:
      replicas: 2
      resources:
        limits: {cpus: '1.5', memory: 512m, pids: 50}
        reservations: {devices: [{capabilities: [gpu], count: all}]}
      restart_policy: {condition: on-failure, delay: 5s, max_attempts: 3, window: 1m}
    devices: ['/dev/a:/dev/b:r']
    entrypoint: []
    environment: {A: 1, NOT_SET: }
    extra_hosts: ['h:1.1.1.1']
    healthcheck: {test: check, interval: 10s, timeout: 1s, retries: 2, start_period: 1m, start_interval: 500ms}
    init: true
    labels: {x: y}
    logging: {driver: json-file, options: {max-size: 1m}}
    mem_limit: 512m
    networks: {front: {aliases: [web], ipv4_address: 10.1.0.5, priority: 10}}
    ports: ['127.0.0.1:8080:80']
    post_start: [{command: hello there, user: root}]
    profiles: [p]
    secrets: [s]
    stop_grace_period: 1m30s
    tmpfs: /tmp
    ulimits: {nofile: 100, nproc: {soft: 1, hard: 2}}
    volumes:
      - data:/data:ro
      - ./conf:/conf
      - {type: bind, source: ./x, target: /x}
      - {type: bind, source: ./y, target: /y, bind: {propagation: rslave}}
      - {type: tmpfs, target: /t, tmpfs: {size: 1m}}
  db: {image: db}
networks:
  front: {driver: bridge, internal: true, ipam: {config: [{subnet: 10.1.0.0/24, gateway: 10.1.0.1}]}}
volumes: {data: {driver_opts: {type: tmpfs}}}
configs: {c: {content: hello}}
secrets: {s: {environment: TOKEN}}
"""


def test_every_attribute_reaches_the_typed_project(directory: Directory) -> None:
    project = directory.load(EVERYTHING, profiles=("p",), environment={"TOKEN": "t0p"}).project
    app = project.services["app"]
    assert app.build == Build(
        context="/src",
        dockerfile="Dockerfile",
        tags=("x",),
        secrets=(FileMount("s"),),
        shm_size=2**20,
        ulimits={"nofile": Ulimit(5, 5)},
    )
    assert app.blkio_config is not None
    assert app.blkio_config.device_read_bps == (ThrottleDevice("/dev/a", 1024),)
    assert (app.cap_add, app.command, app.entrypoint) == (("NET_ADMIN",), ("run", "it all"), ())
    assert app.configs == (FileMount("c", "/etc/c", mode=0o440),)
    assert (app.cpus, app.mem_limit, app.init) == (1.5, 512 * 2**20, True)
    assert app.depends_on == {"db": Dependency("service_healthy", restart=True)}
    assert app.deploy == Deploy(
        replicas=2,
        limits=ResourceLimits(1.5, 2**29, 50),
        reservations=ResourceLimits(devices=(DeviceRequest(("gpu",), count=-1),)),
        restart_policy=DeployRestart("on-failure", 5 * SECOND, 3, 60 * SECOND),
    )
    assert app.devices == (Device("/dev/a", "/dev/b", "r"),)
    assert app.environment == {"A": "1", "NOT_SET": None}
    assert app.extra_hosts == ("h=1.1.1.1",)
    assert app.healthcheck == HealthCheck(("CMD-SHELL", "check"), 10 * SECOND, SECOND, 2, 60 * SECOND, SECOND // 2)
    assert app.logging == Logging("json-file", {"max-size": "1m"})
    assert app.networks == {"front": ServiceNetwork(("web",), "10.1.0.5", priority=10)}
    assert app.ports == (Port(80, "8080", "127.0.0.1"),)
    assert app.post_start == (Hook(("hello", "there"), "root"),)
    assert (app.profiles, app.scale, app.stop_grace_period, app.tmpfs) == (("p",), 2, 90 * SECOND, ("/tmp",))
    assert app.secrets == (FileMount("s", "/run/secrets/s"),)
    assert app.ulimits == {"nofile": Ulimit(100, 100), "nproc": Ulimit(1, 2)}
    assert app.volumes == (
        Mount("volume", "/data", "data", read_only=True, volume=VolumeMount()),
        Mount("bind", "/conf", str(directory.path / "conf"), bind=BindMount(create_host_path=True)),
        Mount("bind", "/x", str(directory.path / "x")),
        Mount("bind", "/y", str(directory.path / "y"), bind=BindMount("rslave", create_host_path=False)),
        Mount("tmpfs", "/t", tmpfs=TmpfsMount(2**20)),
    )
    pool = IpamPool(subnet="10.1.0.0/24", gateway="10.1.0.1")
    assert project.networks == {
        "front": Network("front", "demo_front", "bridge", ipam=Ipam(config=(pool,)), internal=True),
        "default": Network("default", "demo_default"),
    }
    assert project.volumes == {"data": Volume("data", "demo_data", driver_opts={"type": "tmpfs"})}
    assert project.configs == {"c": FileObject("c", "demo_c", content="hello")}
    assert project.secrets == {"s": FileObject("s", "demo_s", content="t0p", environment="TOKEN")}


def test_env_files_come_under_the_environment_and_label_files_under_the_labels(directory: Directory) -> None:
    directory.write("a.env", "A=file\nB=file\nC=${B}-${SHELL_ONLY}\n")
    directory.write("raw.env", "D='raw'\n")
    directory.write("x.labels", "l=file\nm=file\n")
    app = directory.load(
        "services:\n"
        "  app:\n"
        "    image: a\n"
        "    environment: {A: own, E: }\n"
        "    env_file: [a.env, {path: raw.env, format: raw}, {path: none.env, required: false}]\n"
        "    labels: {l: own}\n"
        "    label_file: x.labels\n",
        environment={"SHELL_ONLY": "shell", "E": "from-shell"},
    ).project.services["app"]
    assert app.environment == {"A": "own", "B": "file", "C": "file-shell", "D": "'raw'", "E": "from-shell"}
    assert app.labels == {"l": "own", "m": "file"}


def test_a_missing_env_file_is_reported_where_it_is_named(directory: Directory) -> None:
    text = "services:\n  app: {image: a, env_file: [x.env]}\n  off: {image: a, env_file: [y.env], profiles: [p]}\n"
    (complaint,) = directory.complaints(text)
    assert complaint.startswith("2:30 env file ")
    assert "not found" in complaint


def test_faults_in_an_env_file_are_placed_in_it(directory: Directory) -> None:
    directory.write("x.env", "A=1\nB C=2\n")
    (problem,) = directory.problems("services: {app: {image: a, env_file: x.env}}\n")
    assert str(problem.where) == "x.env:2:1"


def test_warnings_are_given_once_each_in_the_words_of_docker_compose_with_the_first_place(directory: Directory) -> None:
    loaded = directory.load("version: '3'\nservices: {a: {image: 'a$X$X', tty: 'yes'}}\n")
    assert loaded.project.warnings == (
        'The "X" variable is not set. Defaulting to a blank string. (compose.yaml:2:23)',
        '"yes" for boolean is not supported by YAML 1.2, please use `true`',
        "compose.yaml: the attribute `version` is obsolete, it will be ignored, "
        "please remove it to avoid potential confusion",
    )


@pytest.mark.parametrize("text", ["", "# only a comment\n", "{}\n"])
def test_an_empty_file_is_no_project(directory: Directory, text: str) -> None:
    with pytest.raises(ComposeError, match="empty compose file"):
        directory.load(text)


def test_an_unknown_service_cannot_be_selected(directory: Directory) -> None:
    with pytest.raises(UsageError, match="no such service: wep") as caught:
        directory.load("services: {web: {image: a}}\n", select=("wep",))
    assert caught.value.hint == "did you mean `web`?"


def test_loading_imports_neither_networkx_nor_jsonschema(directory: Directory) -> None:
    directory.write("compose.yaml", EVERYTHING)
    code = (
        "import sys; from pathlib import Path; from compose.load.pipeline import LoadRequest, load; "
        f"load(LoadRequest(cwd=Path({str(directory.path)!r}))); "
        "print(sorted({'networkx', 'jsonschema', 'difflib', 'asyncio'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
