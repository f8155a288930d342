"""How runtimes are told to use CRIU, and what is told of its failures."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.runtime import criu, monitor
from engine.runtime.checkpoints import shortcoming
from engine.runtime.oci.launch import Identity, Launch
from engine.wire.containers import ContainerConfig, HostConfig

_LOG = """\
(00.184875) Error (criu/util.c:1534): rlimit: Can't setup RLIMIT_NOFILE for self: Operation not permitted
(00.190000) Warn  (criu/mount.c:1): something harmless
(00.231111)      1: Error (criu/files-reg.c:2300): File grow has bad size 724 (expect 14)
(00.232222) Error (criu/files.c:1): Unable to open fd=3 id=0x5
(00.233333) Error (criu/cr-restore.c:2): Restoring FAILED.
(00.244444) Error (criu/cgroup.c:3): a fourth one
"""
_RUNC = """\
time="2026-11-22T08:02:12Z" level=warning msg="Failed to remove cgroup (will retry)" error="rmdir /x: busy"
time="2026-11-22T08:02:12Z" level=error msg="criu failed: \\"NOTIFY\\" errno 0\\nlog file: /run/x/restore.log"
"""


def test_of_a_log_the_first_errors_are_shown_because_the_others_follow_from_them() -> None:
    assert criu.complaints(_LOG) == (
        "File grow has bad size 724 (expect 14); Unable to open fd=3 id=0x5; Restoring FAILED."
    )


def test_a_failure_says_what_criu_complains_of(tmp_path: Path) -> None:
    log = tmp_path / "dump.log"
    log.write_text(_LOG)
    error = criu.checkpoint_failure(_RUNC, log)
    assert error.message.startswith("OCI runtime checkpoint failed: criu failed: File grow has bad size")
    assert error.status == 500


def test_a_failure_before_criu_has_a_log_says_what_the_runtime_says(tmp_path: Path) -> None:
    error = criu.restore_failure(_RUNC, tmp_path / "none")
    assert error.message == (
        "failed to create task for container: failed to create shim task: "
        'OCI runtime restore failed: criu failed: "NOTIFY" errno 0'
    )


def test_words_without_the_form_of_a_log_stay_as_they_are(tmp_path: Path) -> None:
    error = criu.restore_failure("criu: not found\nno way\n", tmp_path / "none")
    assert error.message.endswith("restore failed: criu: not found; no way")


@pytest.mark.parametrize(
    ("help_text", "can"),
    [
        ("COMMANDS:\n   checkpoint  checkpoint a running container\n   create\n   restore  restore one\n", True),
        ("\tcheckpoint  - checkpoint a container\n\tcreate  - create one\n", False),
        ("COMMANDS:\n\tcreate      - create a container\n\n", False),
        ("", False),
    ],
)
def test_a_runtime_can_make_checkpoints_if_it_can_also_restore_them(help_text: str, *, can: bool) -> None:
    assert criu.offers(help_text) is can


def test_a_checkpoint_never_ends_the_processes_by_itself() -> None:
    words = criu.checkpoint_arguments(Path("/images"), Path("/work"))
    assert words == (
        "checkpoint", "--image-path", "/images", "--work-path", "/work", "--file-locks", "--leave-running",
    )  # fmt: skip


def _launch(tmp_path: Path, restored_from: Path | None = None) -> Launch:
    return Launch(
        container_id="c1",
        config=ContainerConfig(),
        host_config=HostConfig(),
        arguments=("true",),
        environment=(),
        identity=Identity(0, 0, (), "/root"),
        rootfs=tmp_path,
        cgroup="/test/c1",
        bundle=tmp_path,
        restored_from=restored_from,
    )


def test_a_monitor_is_told_to_restore_a_container(tmp_path: Path) -> None:
    words = monitor.command(_launch(tmp_path, restored_from=Path("/kept/cp1")), tmp_path, ("runc",), ("--root=/r",))
    at = words.index("--restore")
    assert words[at + 1] == "/kept/cp1"
    assert "--runtime-opt=--file-locks" in words


def test_a_monitor_of_a_new_container_hears_nothing_of_restoring(tmp_path: Path) -> None:
    words = monitor.command(_launch(tmp_path), tmp_path, ("crun",), ())
    assert not [word for word in words if "restore" in word or word.startswith("--runtime-opt")]


def _runtime(path: Path, help_text: str) -> Path:
    path.write_text(f"#!/bin/sh\nprintf '{help_text}'\n")
    path.chmod(0o755)
    return path


@pytest.mark.anyio
async def test_a_runtime_is_asked_whether_it_can(tmp_path: Path) -> None:
    assert await shortcoming(_runtime(tmp_path / "runc", "  checkpoint  one\\n  restore  one\\n")) == ""
    assert await shortcoming(_runtime(tmp_path / "other", "  create  one\\n")) == "it was built without CRIU"


@pytest.mark.anyio
async def test_crun_is_not_trusted_to_restore_what_it_has_written_down(tmp_path: Path) -> None:
    assert await shortcoming(_runtime(tmp_path / "crun", "  checkpoint  one\\n  restore  one\\n")) == (
        "it restores only what is kept in /run/crun"
    )
