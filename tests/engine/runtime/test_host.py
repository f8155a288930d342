"""Reading the host: cgroup layouts, I/O counters, the runtime's words, what crun refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.runtime import cgroups
from engine.runtime.cgroups import Hierarchies, parse_mountinfo, read_counters
from engine.runtime.facts import host_facts, optional_files
from engine.runtime.failures import create_failure, exec_failure
from engine.runtime.oci.capabilities import from_mask
from engine.runtime.stats import Block, parse_blkio, parse_io_stat
from engine.runtime.surroundings import tree_to_hide

HYBRID = """\
23 27 0:22 / /sys rw - sysfs sysfs rw
31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
90 31 0:32 / /elsewhere/memory rw - cgroup cgroup rw,memory
"""


def test_a_hybrid_layout_is_version_1_with_an_extra_tree() -> None:
    found = parse_mountinfo(HYBRID)
    assert found.version == 1
    assert found.by_controller["cpuacct"] == Path("/sys/fs/cgroup/cpu,cpuacct")
    assert found.by_controller["memory"] == Path("/sys/fs/cgroup/memory")
    assert [root.name for root in found.roots] == ["cpu,cpuacct", "memory", "systemd", "unified"]
    assert found.unified == Path("/sys/fs/cgroup/unified")


def test_a_unified_layout_is_version_2_with_one_tree() -> None:
    found = parse_mountinfo("31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n")
    assert (found.version, found.roots, found.unified) == (2, (Path("/sys/fs/cgroup"),), None)


@pytest.mark.parametrize(
    ("program", "controllers", "is_hidden"),
    [("crun", "hugetlb\n", True), ("crun", "\n", False), ("runc", "hugetlb\n", False)],
)
def test_only_crun_needs_the_extra_tree_hidden_and_only_with_controllers(
    tmp_path: Path, program: str, controllers: str, is_hidden: bool
) -> None:
    unified = tmp_path / "unified"
    unified.mkdir()
    (unified / "cgroup.controllers").write_text(controllers)
    found = Hierarchies(1, {}, (unified,), unified)
    assert tree_to_hide(Path("/usr/bin", program), found) == (unified if is_hidden else None)


def test_the_facts_of_this_host_are_whole() -> None:
    facts = host_facts()
    assert facts.cgroup_version in (1, 2)
    assert "memory" in facts.controllers
    assert facts.kernel >= (4, 0)
    assert "nofile" in facts.hard_limits


def test_files_that_the_root_of_version_2_never_shows_are_known_before_any_child_has_them(tmp_path: Path) -> None:
    found = Hierarchies(2, dict.fromkeys(("io", "memory"), tmp_path), (tmp_path,), None)
    assert optional_files(found) == frozenset()
    (tmp_path / "io.stat").touch()
    assert optional_files(found) == {"io.max"}
    (tmp_path / "io.cost.qos").touch()
    assert optional_files(found) == {"io.max", "io.weight"}
    (tmp_path / "child").mkdir()
    (tmp_path / "child" / "io.bfq.weight").touch()
    assert optional_files(found) == {"io.max", "io.weight", "io.bfq.weight"}


def test_a_mask_is_read_by_the_numbers_of_the_capabilities() -> None:
    assert from_mask(0b1) == {"CAP_CHOWN"}
    assert "CAP_SYS_RESOURCE" not in from_mask(0x000001FFFEFFFFFF)
    assert "CAP_CHECKPOINT_RESTORE" in from_mask(0x000001FFFEFFFFFF)


def test_counters_and_io_are_summed(tmp_path: Path) -> None:
    file = tmp_path / "memory.events"
    file.write_text("low 0\noom 1\noom_kill 2\nrange 1-2\n")
    assert read_counters(file) == {"low": 0, "oom": 1, "oom_kill": 2}
    assert read_counters(tmp_path / "none") == {}
    text = "8:0 rbytes=10 wbytes=20 rios=1\n8:16 rbytes=1 wbytes=2\n"
    assert parse_io_stat(text) == (
        Block(8, 0, "read", 10),
        Block(8, 0, "write", 20),
        Block(8, 16, "read", 1),
        Block(8, 16, "write", 2),
    )


def test_block_counters_of_the_first_cgroup_version_have_their_own_names_and_a_total_that_is_left_out() -> None:
    text = "254:0 Read 1\n254:0 Sync 2\nTotal 3\n"
    assert parse_blkio(text) == (Block(254, 0, "Read", 1), Block(254, 0, "Sync", 2))


@pytest.mark.parametrize(
    ("words", "exit_code", "reason"),
    [
        (
            "executable file `x` not found in $PATH: No such file or directory",
            127,
            "executable file not found in $PATH",
        ),
        ("open executable: Permission denied", 126, 'exec: "x": permission denied'),
        ("crun: chdir `/no`: No such file or directory", 127, 'chdir to cwd ("/no")'),
        ("2026-01-01T00:00:00.1Z: mount `proc`: Operation not permitted", 128, "mount `proc`: Operation not permitted"),
        (
            'time="2026-01-01T00:00:00Z" level=warning msg="unable to get oom kill count"\n'
            'time="2026-01-01T00:00:00Z" level=error msg="runc create failed: unable to start container process: '
            'exec: \\"/x\\": stat /x: no such file or directory"',
            127,
            'failed: unable to start container process: exec: "/x": stat /x: no such file or directory',
        ),
        (
            'time="2026-01-01T00:00:00Z" level=error msg="exec failed: unable to start container process: '
            'exec: \\"/etc/x\\": permission denied"',
            126,
            'failed: unable to start container process: exec: "/etc/x": permission denied',
        ),
        (
            'time="2026-01-01T00:00:00Z" level=error msg="exec failed: unable to start container process: '
            'chdir to cwd (\\"/no\\") set in config.json failed: no such file or directory"',
            127,
            'chdir to cwd ("/no") set in config.json failed: no such file or directory',
        ),
        ('time="2026-01-01T00:00:00Z" level=error msg=unexpected', 128, "failed: unexpected"),
    ],
)
def test_the_runtimes_words_become_dockers(words: str, exit_code: int, reason: str) -> None:
    for failure in (create_failure(words, "x"), exec_failure(words, "x")):
        assert failure.exit_code == exit_code
        assert reason in failure.message
        assert "2026" not in failure.message


UNIFIED = "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
SERVICE = "/system.slice/engine.service"


@pytest.mark.parametrize(
    ("layout", "places", "trees"),
    [
        (UNIFIED, f"0::{SERVICE}\n", [""]),
        (UNIFIED, "0::/\n", []),
        (HYBRID, f"4:memory:{SERVICE}\n1:name=systemd:{SERVICE}\n0::{SERVICE}\n", ["systemd", "unified"]),
        (HYBRID, f"4:memory:/limited\n1:name=systemd:{SERVICE}\n0::/\n", ["systemd"]),
        (HYBRID, "4:memory:/limited\n1:name=systemd:/\n0::/\n", []),
    ],
)
def test_services_are_kept_in_the_trees_of_their_manager(layout: str, places: str, trees: list[str]) -> None:
    found = cgroups.service_trees(parse_mountinfo(layout), places)
    assert [str(tree.relative_to(cgroups.ROOT)).replace(".", "") for tree in found] == trees


def test_a_monitor_leaves_the_service_that_the_engine_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trees = tmp_path / "systemd", tmp_path / "unified"
    for tree in trees:
        _as_the_kernel_makes(tree / "engine-monitors")
    monkeypatch.setattr(cgroups, "_service_trees", lambda: trees)
    assert cgroups.is_in_service()
    for _ in range(2):
        cgroups.move_apart(4711, "/engine-monitors")
    assert [(tree / "engine-monitors" / "cgroup.procs").read_text() for tree in trees] == ["4711", "4711"]


def test_a_container_leaves_the_service_in_the_tree_that_runtimes_leave_it_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trees = tmp_path / "systemd", tmp_path / "unified"
    _as_the_kernel_makes(trees[1] / "engine")
    monkeypatch.setattr(cgroups, "_service_trees", lambda: trees)
    monkeypatch.setattr(cgroups, "hierarchies", lambda: Hierarchies(1, {}, trees, trees[1]))
    cgroups.move_along(4711, "/engine")
    assert (trees[1] / "engine" / "cgroup.procs").read_text() == "4711"
    assert not (trees[0] / "engine").exists()


def test_nothing_is_left_in_a_directory_that_is_no_tree_of_cgroups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cgroups, "_service_trees", lambda: (tmp_path,))
    cgroups.move_apart(4711, "/engine-monitors")
    assert list(tmp_path.iterdir()) == []


def _as_the_kernel_makes(group: Path) -> None:
    group.mkdir(parents=True)
    (group / "cgroup.procs").touch()
