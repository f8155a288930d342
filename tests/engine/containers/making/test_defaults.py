"""What is filled in for what a request leaves open."""

from __future__ import annotations

from engine.containers.making.defaults import ContainerDefaults, with_defaults
from engine.runtime.facts import HostFacts
from engine.runtime.oci.mounts import MASKED_PATHS, READONLY_PATHS
from engine.wire.containers import HostConfig, LogConfig, Ulimit

LEGACY = HostFacts(cgroup_version=1, controllers=frozenset())
UNIFIED = HostFacts(cgroup_version=2, controllers=frozenset())


def filled(host: HostConfig, facts: HostFacts = LEGACY) -> HostConfig:
    return with_defaults(host, facts, default_runtime="crun")


def test_what_a_request_leaves_open_is_filled_in_as_docker_does() -> None:
    host = filled(HostConfig())
    assert (host.network_mode, host.ipc_mode, host.runtime, host.shm_size) == ("bridge", "private", "crun", 64 << 20)
    assert (host.log_config.type, host.restart_policy.name, host.oom_kill_disable) == ("json-file", "no", False)
    assert (host.masked_paths, host.readonly_paths) == (list(MASKED_PATHS), list(READONLY_PATHS))


def test_what_a_request_says_stays() -> None:
    wish = HostConfig(
        network_mode="host", ipc_mode="shareable", runtime="runc", shm_size=9, masked_paths=[], readonly_paths=["/proc"]
    )
    host = filled(wish)
    assert (host.network_mode, host.ipc_mode, host.runtime, host.shm_size) == ("host", "shareable", "runc", 9)
    assert (host.masked_paths, host.readonly_paths) == ([], ["/proc"])


def test_there_is_as_much_swap_as_memory_unless_told_otherwise() -> None:
    assert filled(HostConfig(memory=1000)).memory_swap == 2000
    assert filled(HostConfig(memory=1000, memory_swap=-1)).memory_swap == -1
    assert filled(HostConfig()).memory_swap == 0


def test_cgroups_are_private_on_version_2_unless_chosen() -> None:
    assert filled(HostConfig()).cgroupns_mode == "host"
    assert filled(HostConfig(), UNIFIED).cgroupns_mode == "private"
    assert filled(HostConfig(privileged=True), UNIFIED).cgroupns_mode == "private"
    assert filled(HostConfig(cgroupns_mode="host"), UNIFIED).cgroupns_mode == "host"
    assert filled(HostConfig(), UNIFIED).oom_kill_disable is None


def test_who_sees_the_hosts_processes_has_no_label() -> None:
    for open_ in (HostConfig(privileged=True), HostConfig(pid_mode="host"), HostConfig(ipc_mode="host")):
        assert filled(open_).security_opt == ["label=disable"]
    assert filled(HostConfig(privileged=True, security_opt=["label=type:x"])).security_opt == ["label=type:x"]
    assert filled(HostConfig(privileged=True)).masked_paths is None


TOLD = ContainerDefaults(
    log=LogConfig(type="local", config={"max-size": "1m", "max-file": "2"}),
    ulimits=(Ulimit(name="nofile", soft=1, hard=2),),
    shm_size=1 << 20,
    cgroupns_mode="host",
    ipc_mode="shareable",
    init=True,
    no_new_privileges=True,
    seccomp_profile="unconfined",
    dns=("9.9.9.9",),
    host_gateways=("10.0.0.1", "fd00::1"),
)


def told(host: HostConfig) -> HostConfig:
    return with_defaults(host, UNIFIED, default_runtime="crun", told=TOLD)


def test_the_settings_fill_in_what_a_request_leaves_open() -> None:
    host = told(HostConfig(extra_hosts=["db:host-gateway", "web:10.0.0.9"]))
    assert host.log_config == TOLD.log
    assert (host.ulimits, host.shm_size, host.init) == ([*TOLD.ulimits], 1 << 20, True)
    assert (host.cgroupns_mode, host.ipc_mode, host.dns) == ("host", "shareable", ["9.9.9.9"])
    assert host.security_opt == ["no-new-privileges", "seccomp=unconfined"]
    assert host.extra_hosts == ["db:10.0.0.1", "db:fd00::1", "web:10.0.0.9"]


def test_a_request_counts_more_than_the_settings() -> None:
    nofile = Ulimit(name="nofile", soft=5, hard=5)
    wish = HostConfig(
        log_config=LogConfig(type="local", config={"max-size": "9m"}),
        ulimits=[nofile],
        init=False,
        dns=["1.1.1.1"],
        security_opt=["no-new-privileges:false", "seccomp=builtin"],
    )
    host = told(wish)
    assert host.log_config.config == {"max-size": "9m", "max-file": "2"}
    assert (host.ulimits, host.init, host.dns) == ([nofile], False, ["1.1.1.1"])
    assert host.security_opt == wish.security_opt
    assert told(HostConfig(log_config=LogConfig(type="json-file"))).log_config.config == {}
    assert told(HostConfig(network_mode="container:x")).dns == []
