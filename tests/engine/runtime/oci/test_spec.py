"""From a launch to an OCI spec: Docker's defaults, and what each wish changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from engine.errors import BadRequest
from engine.runtime.facts import HostFacts
from engine.runtime.oci.capabilities import ALL, DEFAULT
from engine.runtime.oci.launch import HOST, Identity, Launch, OciMount, cgroup_path
from engine.runtime.oci.spec import oci_spec
from engine.wire.containers import ContainerConfig, DeviceMapping, HostConfig, ThrottleDevice, Ulimit

AVAILABLE = tuple(name for name in ALL if name != "CAP_SYS_RESOURCE")
LEGACY = HostFacts(
    cgroup_version=1,
    controllers=frozenset({"cpu", "memory", "pids", "blkio", "cpuset"}),
    cgroup_files=frozenset({"memory.memsw.limit_in_bytes", "blkio.throttle.read_bps_device"}),
    capabilities=frozenset(AVAILABLE),
    hard_limits={"nofile": 1024, "core": -1},
    cpu_count=2,
)
UNIFIED = replace(LEGACY, cgroup_version=2, cgroup_files=frozenset({"io.weight", "io.max"}))


def launch(host_config: HostConfig | None = None, **fields: Any) -> Launch:
    given: dict[str, Any] = {
        "container_id": "c1",
        "config": ContainerConfig(),
        "host_config": host_config or HostConfig(),
        "arguments": ("program", "--flag"),
        "environment": ("PATH=/bin", "A=1"),
        "identity": Identity(0, 0, (), "/root"),
        "rootfs": Path("/rootfs"),
        "hostname": "box",
        "cgroup": "/pycompose-0000/c1",
        "bundle": Path("/bundle"),
        "network_namespace": Path("/run/netns/c1"),
    }
    return Launch(**{**given, **fields})


def spec(host_config: HostConfig | None = None, host: HostFacts = LEGACY, **fields: Any) -> dict[str, Any]:
    return oci_spec(launch(host_config, **fields), host)


def namespaces(found: dict[str, Any]) -> dict[str, str]:
    return {entry["type"]: entry.get("path", "new") for entry in found["linux"]["namespaces"]}


def mount_options(found: dict[str, Any], destination: str) -> list[str] | None:
    return next((entry["options"] for entry in found["mounts"] if entry["destination"] == destination), None)


def test_a_plain_container_is_dockers() -> None:
    found = spec()
    process = found["process"]
    assert process["args"] == ["program", "--flag"]
    assert process["env"] == ["PATH=/bin", "A=1", "HOME=/root"]
    assert (process["cwd"], process["terminal"], process["noNewPrivileges"]) == ("/", False, False)
    assert process["user"] == {"uid": 0, "gid": 0, "additionalGids": [0]}
    assert process["capabilities"]["bounding"] == list(DEFAULT)
    assert "rlimits" not in process
    assert "oomScoreAdj" not in process
    assert found["hostname"] == "box"
    assert found["linux"]["cgroupsPath"] == "/pycompose-0000/c1"
    assert "/proc/kcore" in found["linux"]["maskedPaths"]
    assert "/proc/sys" in found["linux"]["readonlyPaths"]
    assert found["linux"]["sysctl"] == {
        "net.ipv4.ping_group_range": "0 2147483647",
        "net.ipv4.ip_unprivileged_port_start": "0",
    }
    assert mount_options(found, "/dev/shm") == ["nosuid", "noexec", "nodev", "mode=1777", "size=67108864"]


def test_namespaces_are_new_unless_shared_or_joined() -> None:
    assert namespaces(spec()) == {"mount": "new", "network": "/run/netns/c1", "uts": "new", "pid": "new", "ipc": "new"}
    shared = spec(network_namespace=None, pid_namespace=HOST, ipc_namespace=HOST, uts_namespace=HOST)
    assert namespaces(shared) == {"mount": "new"}
    assert "hostname" not in shared
    assert mount_options(shared, "/dev/shm") == ["rbind", "rprivate"]
    joined = spec(pid_namespace=Path("/proc/7/ns/pid"))
    assert namespaces(joined)["pid"] == "/proc/7/ns/pid"


@pytest.mark.parametrize(
    ("host", "mode", "privileged", "is_private"),
    [
        (LEGACY, "", False, False),
        (LEGACY, "private", False, True),
        (UNIFIED, "", False, True),
        (UNIFIED, "host", False, False),
        (UNIFIED, "", True, True),
    ],
)
def test_cgroups_are_private_on_version_2_unless_chosen(
    host: HostFacts, mode: str, privileged: bool, is_private: bool
) -> None:
    found = spec(HostConfig(cgroupns_mode=mode, privileged=privileged), host)
    assert ("cgroup" in namespaces(found)) is is_private


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (HostConfig(cap_drop=["ALL"]), ()),
        (HostConfig(cap_drop=["all"], cap_add=["net_admin"]), ("CAP_NET_ADMIN",)),
        (HostConfig(cap_drop=["CAP_CHOWN"]), tuple(name for name in DEFAULT if name != "CAP_CHOWN")),
        (HostConfig(cap_add=["SYS_PTRACE"]), (*DEFAULT, "CAP_SYS_PTRACE")),
        (HostConfig(cap_add=["CHOWN"]), DEFAULT),
        (
            HostConfig(cap_add=["ALL"], cap_drop=["BPF"]),
            tuple(c for c in ALL if c not in ("CAP_BPF", "CAP_SYS_RESOURCE")),
        ),
        (HostConfig(privileged=True), tuple(c for c in ALL if c != "CAP_SYS_RESOURCE")),
    ],
)
def test_capabilities_are_added_and_dropped_as_in_docker(config: HostConfig, expected: tuple[str, ...]) -> None:
    sets = spec(config)["process"]["capabilities"]
    assert tuple(sets["bounding"]) == tuple(sets["effective"]) == tuple(sets["permitted"]) == expected


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (HostConfig(cap_add=["FLY"]), 'unknown capability: "FLY"'),
        (HostConfig(cap_add=["SYS_RESOURCE"]), "capability not available here"),
        (HostConfig(ulimits=[Ulimit(name="nofile", soft=1, hard=2048)]), "above this machine's hard limit 1024"),
        (HostConfig(ulimits=[Ulimit(name="nofile", soft=9, hard=8)]), "soft limit must be less"),
        (HostConfig(ulimits=[Ulimit(name="wings", soft=1, hard=1)]), "invalid ulimit type"),
        (HostConfig(oom_score_adj=-1), "below the engine's own 0"),
        (HostConfig(security_opt=["wings=on"]), 'invalid --security-opt 2: "wings=on"'),
        (HostConfig(security_opt=["seccomp=nonsense"]), "Decoding seccomp profile failed"),
        (HostConfig(device_cgroup_rules=["c 1"]), "invalid device cgroup rule format"),
        (HostConfig(devices=[DeviceMapping(path_on_host="/dev/null", cgroup_permissions="x")]), "invalid device mode"),
    ],
)
def test_an_impossible_wish_is_refused_in_words(config: HostConfig, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        spec(config)


def test_limits_that_can_be_granted_are_set() -> None:
    process = spec(HostConfig(ulimits=[Ulimit(name="nofile", soft=10, hard=20)], oom_score_adj=500))["process"]
    assert process["rlimits"] == [{"type": "RLIMIT_NOFILE", "soft": 10, "hard": 20}]
    assert process["oomScoreAdj"] == 500


@pytest.mark.parametrize(
    ("engines", "can_lower", "wish", "expected"),
    [(-500, False, 0, 0), (-500, True, -500, None), (100, True, 0, 0), (100, False, 0, None), (100, False, 200, 200)],
)
def test_a_container_is_not_spared_with_the_engine_when_memory_is_short(
    engines: int, can_lower: bool, wish: int, expected: int | None
) -> None:
    granted = frozenset({"CAP_SYS_RESOURCE"} if can_lower else ())
    host = replace(LEGACY, oom_score_adj=engines, capabilities=granted)
    assert spec(HostConfig(oom_score_adj=wish, privileged=True), host)["process"].get("oomScoreAdj") == expected


@pytest.mark.parametrize("is_privileged", [False, True])
def test_the_machines_cgroup_tree_is_shown_and_not_mounted_anew(is_privileged: bool) -> None:
    def of(host: HostFacts, mode: str) -> dict[str, Any]:
        found = spec(HostConfig(privileged=is_privileged, cgroupns_mode=mode), host)["mounts"]
        return next(entry for entry in found if entry["destination"] == "/sys/fs/cgroup")

    shared = of(UNIFIED, "host")
    assert (shared["type"], shared["source"]) == ("bind", "/sys/fs/cgroup")
    assert ("ro" in shared["options"]) is not is_privileged
    assert {of(UNIFIED, "private")["type"], of(UNIFIED, "")["type"], of(LEGACY, "host")["type"]} == {"cgroup"}


def test_privileged_opens_everything_but_keeps_its_own_namespaces() -> None:
    found = spec(HostConfig(privileged=True))
    assert found["linux"]["maskedPaths"] == found["linux"]["readonlyPaths"] == []
    assert "seccomp" not in found["linux"]
    assert "ro" not in (mount_options(found, "/sys") or [])
    assert found["linux"]["resources"]["devices"] == [{"allow": True, "access": "rwm"}]
    assert any(device["path"] == "/dev/null" for device in found["linux"]["devices"])
    assert namespaces(found)["pid"] == "new"


def test_resources_are_dockers_numbers() -> None:
    config = HostConfig(
        memory=1000,
        memory_swap=2000,
        memory_reservation=500,
        nano_cpus=1_500_000_000,
        cpu_shares=512,
        cpuset_cpus="0",
        pids_limit=9,
    )
    found = spec(config)["linux"]["resources"]
    assert found["memory"] == {"limit": 1000, "reservation": 500, "swap": 2000}
    assert found["cpu"] == {"period": 100_000, "quota": 150_000, "shares": 512, "cpus": "0"}
    assert found["pids"] == {"limit": 9}
    assert set(spec()["linux"]["resources"]) == {"devices"}


def test_swap_is_left_out_where_the_kernel_does_not_count_it() -> None:
    without = replace(LEGACY, cgroup_files=frozenset())
    assert spec(HostConfig(memory=1000, memory_swap=2000), without)["linux"]["resources"]["memory"] == {"limit": 1000}
    assert spec(HostConfig(memory=1000, memory_swap=-1))["linux"]["resources"]["memory"]["swap"] == -1


def test_block_io_weights_need_the_kernels_file() -> None:
    config = HostConfig(blkio_weight=300)
    assert "blockIO" not in spec(config)["linux"]["resources"]
    assert spec(config, UNIFIED)["linux"]["resources"]["blockIO"] == {"weight": 300}


def test_block_io_rates_name_the_device_by_number() -> None:
    config = HostConfig(blkio_device_read_bps=[ThrottleDevice(path="/dev/null", rate=5)])
    assert spec(config)["linux"]["resources"]["blockIO"] == {
        "throttleReadBpsDevice": [{"major": 1, "minor": 3, "rate": 5}]
    }


def test_a_device_becomes_a_node_and_a_rule() -> None:
    wish = DeviceMapping(path_on_host="/dev/null", path_in_container="/dev/nothing", cgroup_permissions="r")
    found = spec(HostConfig(devices=[wish], device_cgroup_rules=["c 189:* rmw", "a *:* r"]))["linux"]
    (node,) = found["devices"]
    assert (node["path"], node["type"], node["major"], node["minor"]) == ("/dev/nothing", "c", 1, 3)
    assert found["resources"]["devices"][-3:] == [
        {"allow": True, "type": "c", "access": "r", "major": 1, "minor": 3},
        {"allow": True, "type": "c", "access": "rmw", "major": 189},
        {"allow": True, "type": "a", "access": "r"},
    ]


def test_the_users_mounts_replace_default_ones_and_come_after_them() -> None:
    bind = OciMount("/data", "/src", "bind", ("rbind", "rw"))
    own = OciMount("/dev", "/dev", "bind", ("rbind",))
    found = spec(mounts=(own, bind))
    destinations = [entry["destination"] for entry in found["mounts"]]
    assert destinations == ["/proc", "/sys", "/sys/fs/cgroup", "/dev", "/data"]


def test_a_propagating_mount_makes_the_root_propagate() -> None:
    assert "rootfsPropagation" not in spec()["linux"]
    shared = OciMount("/data", "/src", "bind", ("rbind", "rshared"))
    assert spec(mounts=(shared,))["linux"]["rootfsPropagation"] == "shared"
    slave = OciMount("/data", "/src", "bind", ("rbind", "rslave"))
    assert spec(mounts=(slave,))["linux"]["rootfsPropagation"] == "rslave"


def test_a_read_only_root_leaves_dev_writable() -> None:
    found = spec(HostConfig(readonly_rootfs=True))
    assert found["root"]["readonly"]
    assert "ro" not in (mount_options(found, "/dev/shm") or [])


def test_shared_memory_has_the_asked_size_or_is_absent() -> None:
    assert "size=1000" in (mount_options(spec(HostConfig(shm_size=1000)), "/dev/shm") or [])
    assert mount_options(spec(HostConfig(ipc_mode="none")), "/dev/shm") is None


def test_init_comes_first_but_not_in_a_joined_namespace() -> None:
    config = HostConfig(init=True)
    found = spec(config, init=Path("/usr/bin/tini-static"))
    assert found["process"]["args"] == ["/sbin/docker-init", "--", "program", "--flag"]
    assert found["mounts"][-1]["destination"] == "/sbin/docker-init"
    joined = spec(config, init=Path("/usr/bin/tini-static"), pid_namespace=HOST)
    assert joined["process"]["args"] == ["program", "--flag"]


def test_a_terminal_has_its_size() -> None:
    found = spec(HostConfig(console_size=[24, 80]), terminal=True)["process"]
    assert found["terminal"]
    assert found["consoleSize"] == {"height": 24, "width": 80}
    assert "consoleSize" not in spec(terminal=True)["process"]


def test_security_options_are_read() -> None:
    assert spec(HostConfig(security_opt=["no-new-privileges"]))["process"]["noNewPrivileges"]
    assert spec(HostConfig(security_opt=["no-new-privileges:true"]))["process"]["noNewPrivileges"]
    assert not spec(HostConfig(security_opt=["no-new-privileges=false"]))["process"]["noNewPrivileges"]
    assert "seccomp" not in spec(HostConfig(security_opt=["seccomp=unconfined"]))["linux"]
    custom = spec(HostConfig(security_opt=['seccomp={"defaultAction": "SCMP_ACT_ALLOW"}']))["linux"]["seccomp"]
    assert (custom["defaultAction"], custom["syscalls"]) == ("SCMP_ACT_ALLOW", [])
    assert "apparmorProfile" not in spec(HostConfig(security_opt=["apparmor=none", "label=disable"]))["process"]


def test_sysctls_win_over_defaults_and_a_borrowed_network_gets_none() -> None:
    found = spec(HostConfig(sysctls={"net.ipv4.ip_unprivileged_port_start": "80"}))["linux"]["sysctl"]
    assert found["net.ipv4.ip_unprivileged_port_start"] == "80"
    assert spec(HostConfig(network_mode="container:other"))["linux"]["sysctl"] == {}
    assert spec(network_namespace=None)["linux"]["sysctl"] == {}
    assert (
        spec(config=ContainerConfig(domainname="example.org"))["linux"]["sysctl"]["kernel.domainname"] == "example.org"
    )


def test_the_home_that_was_given_stays() -> None:
    env = spec(environment=("HOME=/elsewhere",))["process"]["env"]
    assert env == ["HOME=/elsewhere"]


def test_equal_launches_give_equal_specs() -> None:
    assert spec() == spec()


@pytest.mark.parametrize(
    ("parent", "path"), [("", "/engine/c1"), ("limited", "/limited/c1"), ("/a/b/", "/a/b/c1"), ("a/../../b", "/b/c1")]
)
def test_a_container_is_in_the_cgroup_that_it_was_given_or_in_the_engines(parent: str, path: str) -> None:
    assert cgroup_path(HostConfig(cgroup_parent=parent), "c1", "/engine") == path
