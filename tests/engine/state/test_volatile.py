"""Files of this boot in memory: where they are not yet, and what stays after an engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.kernel.mounts import mount, mount_of, mount_points, unmount
from engine.state.paths import Paths
from engine.state.volatile import in_memory

pytestmark = pytest.mark.root


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory, whatever the test's own one is on."""
    mount("test", tmp_path, "tmpfs", options="size=1m")
    yield tmp_path
    for point in reversed(list(mount_points(tmp_path))):
        unmount(point, lazily=True)


@pytest.fixture
def paths(memory: Path) -> Paths:
    """Directories of an engine that are not in memory, as far as their file system says."""
    for name in ("upper", "work", "lower", "disk"):
        (memory / name).mkdir()
    parts = ",".join(f"{option}={memory / name}" for option, name in _PARTS.items())
    mount("test", memory / "disk", "overlay", options=parts)
    paths = Paths(root=memory / "disk" / "state", run=memory / "disk" / "run")
    paths.make()
    return paths


_PARTS = {"lowerdir": "lower", "upperdir": "upper", "workdir": "work"}


def covers(paths: Paths) -> list[Path]:
    return list(mount_points(paths.run))


def test_an_engine_has_them_in_memory_and_takes_along_what_it_mounted(paths: Paths) -> None:
    with in_memory(paths):
        assert covers(paths) == [paths.runtime, paths.namespaces]
        assert mount_of(paths.runtime).filesystem == "tmpfs"
        assert paths.runtime.stat().st_mode & 0o777 == 0o700
        (paths.runtime / "oci").mkdir()
    assert covers(paths) == []


def test_nothing_is_mounted_where_they_are_in_memory_already(memory: Path) -> None:
    paths = Paths(root=memory / "state", run=memory / "run")
    paths.make()
    with in_memory(paths):
        assert covers(paths) == []
    assert list(mount_points(memory)) == [memory]


def test_what_a_container_has_there_stays_and_the_next_engine_finds_it(paths: Paths) -> None:
    with in_memory(paths):
        (paths.runtime / "web").mkdir()
        (paths.runtime / "web" / "record.json").write_text("{}")
    assert covers(paths) == [paths.runtime]
    with in_memory(paths):
        assert covers(paths) == [paths.runtime, paths.namespaces]
        assert (paths.runtime / "web" / "record.json").read_text() == "{}"
        (paths.runtime / "web" / "record.json").unlink()
    assert covers(paths) == []


def test_a_namespace_that_is_held_keeps_its_place(paths: Paths) -> None:
    with in_memory(paths):
        (paths.namespaces / "web").touch()
    assert covers(paths) == [paths.namespaces]


def test_what_an_earlier_engine_has_on_the_disk_stays_in_sight(paths: Paths) -> None:
    (paths.runtime / "web").mkdir()
    (paths.runtime / "web" / "record.json").write_text("{}")
    with in_memory(paths):
        assert covers(paths) == [paths.namespaces]
        assert (paths.runtime / "web" / "record.json").exists()
    assert covers(paths) == []


def test_an_engine_works_on_the_disk_where_nothing_can_be_mounted(
    paths: Paths, caplog: pytest.LogCaptureFixture
) -> None:
    paths.namespaces.rmdir()
    paths.namespaces.touch()  # no directory, so no place for a file system
    with in_memory(paths):
        assert covers(paths) == [paths.runtime]
    assert covers(paths) == []
    assert f"{paths.namespaces} stays on its disk" in caplog.text
