"""What is filled in for what a request leaves open."""

from __future__ import annotations

from engine.containers.defaults import with_defaults
from engine.runtime.facts import HostFacts
from engine.runtime.mounts import MASKED_PATHS, READONLY_PATHS
from engine.wire.containers import HostConfig

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
