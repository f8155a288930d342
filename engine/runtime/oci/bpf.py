"""An OCI seccomp section to a raw BPF filter, by libseccomp (seccomp_init(3), seccomp_export_bpf(3)).

Compiling Docker's default profile takes about 15 ms, two thirds of a container's start; so it is done once per section
and kept on disk. crun takes the result in an annotation.
"""

from __future__ import annotations

import base64
import ctypes
import errno
import functools
import hashlib
import os
import struct
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from engine.state.atomic import write_atomically

# Part of the cache's key: raise it when the filter for an equal section changes.
_GENERATION = b"1"

_ACTIONS = {
    "SCMP_ACT_KILL": 0x00000000,
    "SCMP_ACT_KILL_THREAD": 0x00000000,
    "SCMP_ACT_KILL_PROCESS": 0x80000000,
    "SCMP_ACT_TRAP": 0x00030000,
    "SCMP_ACT_ERRNO": 0x00050000,
    "SCMP_ACT_TRACE": 0x7FF00000,
    "SCMP_ACT_LOG": 0x7FFC0000,
    "SCMP_ACT_ALLOW": 0x7FFF0000,
}
_COMPARISONS = {
    "SCMP_CMP_NE": 1,
    "SCMP_CMP_LT": 2,
    "SCMP_CMP_LE": 3,
    "SCMP_CMP_EQ": 4,
    "SCMP_CMP_GE": 5,
    "SCMP_CMP_GT": 6,
    "SCMP_CMP_MASKED_EQ": 7,
}
_CTL_NNP = 3  # SCMP_FLTATR_CTL_NNP
_UNKNOWN_SYSCALL = -1  # __NR_SCMP_ERROR


class _Comparison(ctypes.Structure):
    """`struct scmp_arg_cmp`."""

    _fields_ = (
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("datum_a", ctypes.c_uint64),
        ("datum_b", ctypes.c_uint64),
    )


class Uncompilable(Exception):
    """This section needs what a precompiled filter cannot do (or libseccomp is missing): leave it to the runtime."""


@functools.cache
def _library() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    except OSError as exc:
        raise Uncompilable(str(exc)) from exc
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_init.argtypes = (ctypes.c_uint32,)
    library.seccomp_release.argtypes = (ctypes.c_void_p,)
    library.seccomp_arch_resolve_name.restype = ctypes.c_uint32
    library.seccomp_arch_add.argtypes = (ctypes.c_void_p, ctypes.c_uint32)
    library.seccomp_attr_set.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_uint32)
    library.seccomp_syscall_resolve_name_arch.argtypes = (ctypes.c_uint32, ctypes.c_char_p)
    library.seccomp_rule_add_array.argtypes = (
        ctypes.c_void_p,
        ctypes.c_uint32,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.POINTER(_Comparison),
    )
    library.seccomp_export_bpf.argtypes = (ctypes.c_void_p, ctypes.c_int)
    return library


class FilterCache:
    """Compiled filters by section: in memory, and in a directory that outlives the engine."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._annotations: dict[bytes, str] = {}
        # Containers start side by side, in threads: one of them compiles, the others wait for it.
        self._lock = threading.Lock()

    def annotation(self, section: Mapping[str, Any]) -> str:
        """The base64 text of a section's filter. Blocks for some 15 ms the first time. Raises `Uncompilable`."""
        key = hashlib.sha256(_GENERATION + msgspec.json.encode(section)).digest()
        with self._lock:
            found = self._annotations.get(key)
            if found is None:
                found = self._annotations[key] = base64.b64encode(self._load(key, section)).decode("ascii")
            return found

    def _load(self, key: bytes, section: Mapping[str, Any]) -> bytes:
        path = self._directory / f"seccomp-{key.hex()[:32]}.bpf"
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            content = b""
        # A whole filter is never empty and is made of 8-byte instructions: anything else is not ours.
        if content and len(content) % 8 == 0:
            return content
        content = compile_section(section)
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(path, content)
        return content


def compile_section(section: Mapping[str, Any]) -> bytes:
    """Compile an OCI seccomp section to raw BPF. Raises `Uncompilable`."""
    if section.get("listenerPath") or section.get("flags"):
        raise Uncompilable("the profile has a listener or flags")
    library = _library()
    context = library.seccomp_init(_action(section["defaultAction"], section.get("defaultErrnoRet")))
    if not context:
        raise Uncompilable("seccomp_init failed")
    try:
        # The runtime decides about no_new_privs; the attribute concerns seccomp_load only, which is not used.
        _check(library.seccomp_attr_set(context, _CTL_NNP, 0), "seccomp_attr_set")
        tokens = _add_architectures(library, context, section.get("architectures") or ())
        for rule in section.get("syscalls") or ():
            _add_rule(library, context, rule, section)
        return _unknown_is_enosys(library, section, tokens) + _export(library, context)
    finally:
        library.seccomp_release(context)


def _action(name: str, errno_code: int | None) -> int:
    if name not in _ACTIONS:
        raise Uncompilable(f"unknown action {name}")
    carries_code = name in ("SCMP_ACT_ERRNO", "SCMP_ACT_TRACE")
    code = errno.EPERM if errno_code is None else errno_code
    return _ACTIONS[name] | ((code & 0xFFFF) if carries_code else 0)


def _check(result: int, what: str) -> None:
    if result < 0 and result != -errno.EEXIST:
        raise Uncompilable(f"{what}: {os.strerror(-result)}")


def _add_architectures(library: ctypes.CDLL, context: int, names: Iterable[str]) -> list[int]:
    tokens = []
    for name in names:
        token = library.seccomp_arch_resolve_name(name.removeprefix("SCMP_ARCH_").lower().encode())
        # An architecture that this libseccomp does not know cannot be spoken by this kernel's programs either.
        if token:
            tokens.append(token)
            _check(library.seccomp_arch_add(context, token), f"architecture {name}")
    return tokens


def _add_rule(library: ctypes.CDLL, context: int, rule: Mapping[str, Any], section: Mapping[str, Any]) -> None:
    action = _action(rule["action"], rule.get("errnoRet"))
    if action == _action(section["defaultAction"], section.get("defaultErrnoRet")):
        return
    arguments = rule.get("args") or ()
    indexes = [argument["index"] for argument in arguments]
    # libseccomp takes one comparison per argument: several on one argument are alternatives (as in runc and crun).
    alternatives = [[one] for one in arguments] if len(indexes) != len(set(indexes)) else [list(arguments)]
    for name in rule["names"]:
        number = library.seccomp_syscall_resolve_name_arch(0, name.encode())
        if number == _UNKNOWN_SYSCALL:
            continue
        for comparisons in alternatives:
            array = (_Comparison * len(comparisons))(*map(_comparison, comparisons))
            _check(library.seccomp_rule_add_array(context, action, number, len(comparisons), array), name)


def _comparison(argument: Mapping[str, Any]) -> _Comparison:
    operation = _COMPARISONS.get(argument["op"])
    if operation is None:
        raise Uncompilable(f"unknown comparison {argument['op']}")
    return _Comparison(argument["index"], operation, argument["value"], argument.get("valueTwo") or 0)


def _export(library: ctypes.CDLL, context: int) -> bytes:
    descriptor = os.memfd_create("seccomp", os.MFD_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        _check(library.seccomp_export_bpf(context, descriptor), "seccomp_export_bpf")
        file.seek(0)
        return file.read()


# Classic BPF (linux/filter.h, linux/seccomp.h): offsets into struct seccomp_data.
_LOAD, _JUMP_EQUAL, _JUMP_GREATER, _RETURN = 0x20, 0x15, 0x25, 0x06
_AT_NUMBER, _AT_ARCHITECTURE = 0, 4
_X32_BIT = 0x40000000


def _unknown_is_enosys(library: ctypes.CDLL, section: Mapping[str, Any], tokens: Iterable[int]) -> bytes:
    """Instructions before the filter: calls newer than the profile answer ENOSYS, so that programs fall back.

    EPERM, the default of the profile, would look final to them (glibc tries the newest call first). runc does the
    same. x32 numbers are far above all others, so they are left to the filter.
    """
    if not section["defaultAction"].startswith("SCMP_ACT_ERRNO"):
        return b""
    names = [name.encode() for rule in section.get("syscalls") or () for name in rule["names"]]
    program = b""
    for token in tokens:
        numbers = (library.seccomp_syscall_resolve_name_arch(token, name) for name in names)
        newest = max((number for number in numbers if 0 <= number < _X32_BIT), default=0)
        if newest:
            program += (
                _instruction(_LOAD, _AT_ARCHITECTURE)
                + _instruction(_JUMP_EQUAL, token, otherwise=4)
                + _instruction(_LOAD, _AT_NUMBER)
                + _instruction(_JUMP_GREATER, _X32_BIT - 1, then=2)
                + _instruction(_JUMP_GREATER, newest, otherwise=1)
                + _instruction(_RETURN, _ACTIONS["SCMP_ACT_ERRNO"] | errno.ENOSYS)
            )
    return program


def _instruction(code: int, value: int, *, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("=HBBI", code, then, otherwise, value)
