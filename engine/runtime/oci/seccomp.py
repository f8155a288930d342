"""Seccomp profiles: Docker's default (data/seccomp.json) or the user's, resolved for one container.

A profile in Docker's format has rules that depend on architecture, kernel and capabilities; `resolve` decides them and
returns the `linux.seccomp` section of an OCI spec. `engine.runtime.oci.bpf` turns that section into a filter.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.errors import BadRequest

# uname -m to the profile's word, as Docker (Go) names architectures.
_ARCHITECTURES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "ppc64le": "ppc64le",
    "s390x": "s390x",
    "riscv64": "riscv64",
    "loongarch64": "loong64",
    "mips64": "mips64",
    "i686": "x86",
    "armv7l": "arm",
}
# What the same machine also runs: a rule for these applies too.
_ALSO = {"amd64": ("x32", "x86"), "arm64": ("arm",), "s390x": ("s390",)}


@functools.cache
def default_profile() -> Mapping[str, Any]:
    """Docker's default profile, in Docker's profile format."""
    profile: Mapping[str, Any] = json.loads((Path(__file__).parent / "data" / "seccomp.json").read_bytes())
    return profile


@functools.lru_cache(maxsize=64)
def resolve_default(*, capabilities: frozenset[str], machine: str, kernel: tuple[int, int]) -> dict[str, Any]:
    """Do what `resolve` does, with the default profile. All who ask share the answer."""
    return resolve(default_profile(), capabilities=capabilities, machine=machine, kernel=kernel)


def parse_profile(text: str) -> Mapping[str, Any]:
    """Read a profile given as `security_opt: seccomp=<JSON>`. Raises `BadRequest`."""
    try:
        profile = json.loads(text)
    except ValueError as exc:
        raise BadRequest(f"Decoding seccomp profile failed: {exc}", hint="give a file with a JSON profile") from exc
    if not isinstance(profile, dict) or "defaultAction" not in profile:
        raise BadRequest("Decoding seccomp profile failed: defaultAction is missing")
    return profile


def resolve(
    profile: Mapping[str, Any], *, capabilities: frozenset[str], machine: str, kernel: tuple[int, int]
) -> dict[str, Any]:
    """Decide the conditions of a profile; returns the OCI `linux.seccomp` section (config-linux.md, Seccomp)."""
    here = _ARCHITECTURES.get(machine, machine)
    words = frozenset((here, *_ALSO.get(here, ())))
    section: dict[str, Any] = {"defaultAction": profile["defaultAction"]}
    for key in ("defaultErrnoRet", "listenerPath", "listenerMetadata", "flags"):
        if profile.get(key) is not None:
            section[key] = profile[key]
    section["architectures"] = _architectures(profile, machine)
    section["syscalls"] = [
        _rule(group)
        for group in profile.get("syscalls") or ()
        if _applies(group, capabilities=capabilities, architectures=words, here=here, kernel=kernel)
    ]
    return section


def _architectures(profile: Mapping[str, Any], machine: str) -> list[str]:
    native = f"SCMP_ARCH_{machine.upper()}"
    for entry in profile.get("archMap") or ():
        if entry["architecture"] == native:
            return [native, *(entry.get("subArchitectures") or ())]
    return list(profile.get("architectures") or (native,))


def _applies(
    group: Mapping[str, Any],
    *,
    capabilities: frozenset[str],
    architectures: frozenset[str],
    here: str,
    kernel: tuple[int, int],
) -> bool:
    includes = group.get("includes") or {}
    excludes = group.get("excludes") or {}
    if includes.get("arches") and not architectures.intersection(includes["arches"]):
        return False
    if here in (excludes.get("arches") or ()):
        return False
    if not capabilities.issuperset(includes.get("caps") or ()):
        return False
    if capabilities.intersection(excludes.get("caps") or ()):
        return False
    if includes.get("minKernel") and kernel < _version(includes["minKernel"]):
        return False
    return not (excludes.get("minKernel") and kernel >= _version(excludes["minKernel"]))


def _rule(group: Mapping[str, Any]) -> dict[str, Any]:
    rule: dict[str, Any] = {"names": group.get("names") or [group["name"]], "action": group["action"]}
    if group.get("errnoRet") is not None:
        rule["errnoRet"] = group["errnoRet"]
    if group.get("args"):
        rule["args"] = group["args"]
    return rule


def _version(text: str) -> tuple[int, int]:
    major, _, minor = text.partition(".")
    return int(major), int(minor or 0)
