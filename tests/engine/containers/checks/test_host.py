"""What a container may ask of the host, beside its limits."""

from __future__ import annotations

import pytest

from engine.containers.making.checks.host import check_host
from engine.errors import BadRequest, EngineError
from engine.wire.containers import HostConfig, PortBinding, RestartPolicy

RUNTIMES = ("crun",)


def ports(container: str, host: str = "") -> HostConfig:
    return HostConfig(port_bindings={container: [PortBinding(host_port=host)]})


@pytest.mark.parametrize(
    ("host", "words"),
    [
        (HostConfig(restart_policy=RestartPolicy(name="perhaps")), "unknown policy 'perhaps'"),
        (HostConfig(auto_remove=True, restart_policy=RestartPolicy(name="always")), "can't create 'AutoRemove'"),
        (HostConfig(extra_hosts=["a"]), 'bad format for add-host: "a"'),
        (HostConfig(extra_hosts=["a=1.2.3.4"]), 'bad format for add-host: "a=1.2.3.4"'),
        (HostConfig(extra_hosts=[":1.2.3.4"]), 'bad format for add-host: ":1.2.3.4"'),
        (HostConfig(extra_hosts=["a:nowhere"]), 'invalid IP address in add-host: "nowhere"'),
        (HostConfig(dns=["nowhere"]), "bad nameserver address nowhere"),
        (ports("x"), 'invalid port specification: "x"'),
        (ports("70000/tcp"), 'invalid port specification: "70000/tcp"'),
        (ports("80/tcp", "x"), 'invalid port specification: "x"'),
        (ports("80/tcp", "1-"), 'invalid port specification: "1-"'),
        (ports("80/tcp", "70000"), 'invalid port specification: "70000"'),
        (ports("80/tcp", "9002-9001"), 'invalid port specification: "9002-9001"'),
        (ports("80/tcp", "٣"), "invalid port specification"),
        (HostConfig(cap_add=["fly"]), 'invalid CapAdd: unknown capability: "CAP_FLY"'),
        (HostConfig(cap_drop=["CAP_FLY"]), 'invalid CapDrop: unknown capability: "CAP_FLY"'),
        (HostConfig(security_opt=["wings"]), 'invalid --security-opt 1: "wings"'),
        (HostConfig(security_opt=["no-new-privileges=perhaps"]), "invalid --security-opt 2"),
        (HostConfig(security_opt=["systempaths=unconfined"]), "invalid --security-opt 2"),
        (HostConfig(isolation="hyperv"), r"invalid isolation \(hyperv\): linux only supports 'default'"),
        (HostConfig(annotations={"": "x"}), "the empty string is not permitted as an annotation key"),
        (HostConfig(shm_size=-1), "SHM size can not be less than 0"),
        (HostConfig(oom_score_adj=1001), r"Invalid value 1001, range for oom score adj is \[-1000, 1000\]"),
        (HostConfig(cgroupns_mode="nested"), "invalid cgroup namespace mode: nested"),
        (HostConfig(runtime="nope"), "unknown or invalid runtime name: nope"),
    ],
)
def test_impossible_wishes_are_refused_in_dockers_words(host: HostConfig, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        check_host(host, RUNTIMES)


@pytest.mark.parametrize(
    "host",
    [
        HostConfig(),
        HostConfig(extra_hosts=["a:::1", "b:[::1]", "c:host-gateway", "d:1.2.3.4"]),
        HostConfig(cap_add=["all", "NET_ADMIN", "cap_sys_time"]),
        HostConfig(security_opt=["no-new-privileges", "label=disable", "seccomp:unconfined", "writable-cgroups=true"]),
        HostConfig(isolation="default", runtime="crun", cgroupns_mode="private", oom_score_adj=-1000),
        ports("80", "9000-9001"),
        ports("53/udp"),
    ],
)
def test_possible_wishes_are_not_refused(host: HostConfig) -> None:
    check_host(host, RUNTIMES)


@pytest.mark.parametrize(("key", "words"), [("size", "only for overlay over xfs"), ("colour", "Unknown option colour")])
def test_a_quota_is_refused_as_where_docker_has_none(key: str, words: str) -> None:
    with pytest.raises(EngineError, match=words) as caught:
        check_host(HostConfig(storage_opt={key: "1G"}), RUNTIMES)
    assert caught.value.status == 500
