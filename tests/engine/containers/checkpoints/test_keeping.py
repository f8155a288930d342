"""Where checkpoints are kept: names, half-made ones, what a crash leaves."""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path

import pytest

from engine.containers.checkpoints import keeping
from engine.errors import BadRequest, EngineError, NotFound

_NOTE = keeping.Note(addresses={"bridge": ("172.17.0.2", "")})


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = tmp_path / ("c" * 64)
    made.mkdir()
    return made


def _names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def _make(home: Path, name: str, root: Path | None = None) -> Path:
    begun = keeping.Begun(home, (root or keeping.default_root(home)) / name)
    (begun.directory / "pages-1.img").write_bytes(b"memory")
    begun.finish(_NOTE)
    return begun.target


@pytest.mark.parametrize("name", ["", "a", "a/b", "..", ".hidden", "-x", "name.", "a b", "ünicode"])
def test_a_name_that_could_lead_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(BadRequest, match="invalid checkpoint ID"):
        keeping.check_name(name)


def test_usual_names_are_fine() -> None:
    for name in ("cp1", "before-update", "v1.2_3"):
        keeping.check_name(name)


def test_a_checkpoint_is_seen_only_when_it_is_complete(home: Path) -> None:
    root = keeping.default_root(home)
    begun = keeping.Begun(home, root / "cp1")
    (begun.directory / "pages-1.img").write_bytes(b"memory")
    assert keeping.names(root, "", "web") == []
    begun.finish(_NOTE)
    assert keeping.names(root, "", "web") == ["cp1"]
    assert _names(root) == ["cp1"]


def test_addresses_are_kept_beside_the_processes(home: Path) -> None:
    assert keeping.addresses_in(_make(home, "cp1")) == {"bridge": ("172.17.0.2", "")}


def test_a_checkpoint_of_another_engine_has_no_addresses(tmp_path: Path) -> None:
    assert keeping.addresses_in(tmp_path) == {}


def test_of_a_failed_one_nothing_stays(home: Path) -> None:
    begun = keeping.Begun(home, keeping.default_root(home) / "cp1")
    (begun.directory / "pages-1.img").write_bytes(b"memory")
    begun.discard()
    assert _names(keeping.default_root(home)) == []


def test_what_a_crash_left_half_made_goes_wherever_it_was(home: Path, tmp_path: Path) -> None:
    begun = keeping.Begun(home, tmp_path / "elsewhere" / "cp1")
    (begun.directory / "pages-1.img").write_bytes(b"memory")
    os.close(begun.lock)  # as the kernel does for a process that was killed
    keeping.settle(home)
    assert (_names(tmp_path / "elsewhere"), _names(keeping.default_root(home))) == ([], [])


def test_who_still_writes_after_the_engine_is_waited_for(home: Path) -> None:
    begun = keeping.Begun(home, keeping.default_root(home) / "cp1")
    writer = os.dup(begun.lock)  # the runtime's, which outlives the engine
    os.close(begun.lock)
    settling = threading.Thread(target=keeping.settle, args=(home,))
    settling.start()
    with (keeping.default_root(home) / ".begun").open() as mark, pytest.raises(BlockingIOError):
        fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert begun.directory.is_dir()
    os.close(writer)
    settling.join(timeout=60)
    assert not begun.directory.exists()


def test_where_nothing_was_begun_there_is_nothing_to_settle(home: Path) -> None:
    keeping.settle(home)
    assert _names(home) == []


def test_a_taken_name_is_refused_in_dockers_words(home: Path) -> None:
    _make(home, "cp1")
    with pytest.raises(EngineError, match="checkpoint with name cp1 already exists for container web") as caught:
        keeping.vacant(keeping.default_root(home), "cp1", "web")
    assert caught.value.status == 500


def test_a_missing_one_is_told_in_dockers_words(home: Path) -> None:
    with pytest.raises(EngineError, match="checkpoint cp1 does not exist for container web") as caught:
        keeping.existing(keeping.default_root(home), "cp1", "web")
    assert caught.value.status == 500


def test_a_file_is_no_checkpoint(home: Path) -> None:
    root = keeping.default_root(home)
    root.mkdir()
    (root / "cp1").touch()
    for look in (keeping.vacant, keeping.existing):
        with pytest.raises(EngineError, match="is not a directory"):
            look(root, "cp1", "web")
    assert keeping.names(root, "", "web") == []


def test_a_removed_one_leaves_nothing(home: Path) -> None:
    keeping.remove(_make(home, "cp1"))
    assert _names(keeping.default_root(home)) == []


def test_checkpoints_can_be_kept_in_a_chosen_directory(home: Path, tmp_path: Path) -> None:
    _make(home, "cp1", tmp_path / "kept")
    assert keeping.names(keeping.root_of(home, str(tmp_path / "kept")), str(tmp_path / "kept"), "web") == ["cp1"]
    assert keeping.names(keeping.root_of(home, ""), "", "web") == []


def test_a_chosen_directory_does_not_depend_on_where_the_engine_was_started(home: Path) -> None:
    with pytest.raises(BadRequest, match="not an absolute path"):
        keeping.root_of(home, "kept")


def test_a_chosen_directory_that_is_none_is_refused(home: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="does not exist for container web"):
        keeping.names(tmp_path / "none", str(tmp_path / "none"), "web")
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(BadRequest, match="exists but is not a directory"):
        keeping.names(file, str(file), "web")
