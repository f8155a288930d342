"""Seccomp profiles: which rules apply, and what the compiled filter does to calls."""

from __future__ import annotations

import ctypes
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from engine.errors import BadRequest
from engine.runtime.oci.bpf import FilterCache, Uncompilable, compile_section
from engine.runtime.oci.capabilities import DEFAULT
from engine.runtime.oci.seccomp import default_profile, parse_profile, resolve

PLAIN = frozenset(DEFAULT)


def section(
    profile: Mapping[str, Any] | None = None, *, capabilities: frozenset[str] = PLAIN, machine: str = "x86_64"
) -> dict[str, Any]:
    profile = default_profile() if profile is None else profile
    return resolve(profile, capabilities=capabilities, machine=machine, kernel=(6, 1))


def rules_for(name: str, resolved: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = [rule for rule in resolved["syscalls"] if name in rule["names"]]
    return [{key: value for key, value in rule.items() if key != "names"} for rule in found]


def test_ordinary_calls_are_allowed_and_others_refused_by_default() -> None:
    resolved = section()
    assert (resolved["defaultAction"], resolved["defaultErrnoRet"]) == ("SCMP_ACT_ERRNO", 1)
    assert rules_for("openat", resolved) == [{"action": "SCMP_ACT_ALLOW"}]
    for name in ("mount", "reboot", "init_module", "keyctl", "kexec_load", "bpf"):
        assert rules_for(name, resolved) == []


@pytest.mark.parametrize(
    ("capability", "name"),
    [
        ("CAP_SYS_ADMIN", "mount"),
        ("CAP_SYS_BOOT", "reboot"),
        ("CAP_SYS_MODULE", "init_module"),
        ("CAP_SYS_TIME", "clock_settime"),
        ("CAP_SYSLOG", "syslog"),
        ("CAP_DAC_READ_SEARCH", "open_by_handle_at"),
    ],
)
def test_a_capability_opens_its_calls(capability: str, name: str) -> None:
    assert rules_for(name, section()) == []
    assert rules_for(name, section(capabilities=PLAIN | {capability})) == [{"action": "SCMP_ACT_ALLOW"}]


def test_clone3_does_not_exist_without_sys_admin_because_its_flags_cannot_be_checked() -> None:
    assert rules_for("clone3", section()) == [{"action": "SCMP_ACT_ERRNO", "errnoRet": 38}]
    assert rules_for("clone3", section(capabilities=PLAIN | {"CAP_SYS_ADMIN"})) == [{"action": "SCMP_ACT_ALLOW"}]
    (clone,) = rules_for("clone", section())
    assert clone["args"][0]["value"] == 0x7E020000


def test_the_architecture_decides_the_abis_and_the_special_calls() -> None:
    assert section()["architectures"] == ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]
    assert section(machine="aarch64")["architectures"] == ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]
    assert rules_for("arch_prctl", section()) == [{"action": "SCMP_ACT_ALLOW"}]
    assert rules_for("arch_prctl", section(machine="aarch64")) == []


def test_a_profile_that_is_none_is_refused() -> None:
    with pytest.raises(BadRequest, match="Decoding seccomp profile failed"):
        parse_profile("profile.json")
    with pytest.raises(BadRequest, match="defaultAction"):
        parse_profile("{}")


def outcome_under(content: bytes, number: int, *arguments: int) -> int:
    """Errno of one call under a filter (0 if it worked), tried in a child that has nothing else to do."""

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))

    libc = ctypes.CDLL(None, use_errno=True)
    program = Program(len(content) // 8, content)
    child = os.fork()
    if child == 0:
        libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
        if libc.prctl(22, 2, ctypes.byref(program), 0, 0) != 0:  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
            os._exit(255)
        result = libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments))
        os._exit(ctypes.get_errno() if result == -1 else 0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_the_compiled_default_filter_does_what_the_profile_says() -> None:
    content = compile_section(section(machine=os.uname().machine))
    x86_only = os.uname().machine == "x86_64"
    getpid, unshare, clone3, ahead = (39, 272, 435, 9999) if x86_only else (172, 97, 435, 9999)
    assert outcome_under(content, getpid) == 0
    assert outcome_under(content, unshare, 0x10000000) == 1
    assert outcome_under(content, clone3, 0, 0) == 38
    # A call that this profile is too old to know must look missing, or programs do not fall back to an older one.
    assert outcome_under(content, ahead) == 38


def test_a_filter_is_compiled_once_and_kept_on_disk(tmp_path: Path) -> None:
    first = FilterCache(tmp_path).annotation(section())
    (kept,) = tmp_path.iterdir()
    stamp = kept.stat().st_mtime_ns
    assert FilterCache(tmp_path).annotation(section()) == first
    assert [path.stat().st_mtime_ns for path in tmp_path.iterdir()] == [stamp]
    FilterCache(tmp_path).annotation(section(capabilities=PLAIN | {"CAP_SYS_ADMIN"}))
    assert len(list(tmp_path.iterdir())) == 2


def test_a_cut_off_file_is_compiled_anew(tmp_path: Path) -> None:
    first = FilterCache(tmp_path).annotation(section())
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(kept.read_bytes()[:-3])
    assert FilterCache(tmp_path).annotation(section()) == first


def test_what_a_precompiled_filter_cannot_do_is_left_to_the_runtime() -> None:
    with pytest.raises(Uncompilable):
        compile_section(section(parse_profile('{"defaultAction": "SCMP_ACT_NOTIFY"}')))
    with pytest.raises(Uncompilable):
        compile_section({**section(), "flags": ["SECCOMP_FILTER_FLAG_LOG"]})


def test_several_comparisons_of_one_argument_are_alternatives() -> None:
    equal = {"index": 0, "op": "SCMP_CMP_EQ"}
    profile = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [
            {
                "names": ["personality"],
                "action": "SCMP_ACT_ERRNO",
                "errnoRet": 7,
                "args": [{**equal, "value": 1}, {**equal, "value": 2}],
            }
        ],
    }
    content = compile_section(section(parse_profile(json.dumps(profile)), machine=os.uname().machine))
    number = 135 if os.uname().machine == "x86_64" else 92
    assert [outcome_under(content, number, value) for value in (1, 2, 0xFFFFFFFF)] == [7, 7, 0]
