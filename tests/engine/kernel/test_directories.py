"""Directories go with all in them, and nothing that a link leads to goes along."""

from __future__ import annotations

from pathlib import Path

from engine.kernel.directories import remove_directory


def test_a_directory_goes_with_files_links_and_directories_below(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    (kept / "inside").mkdir(parents=True)
    gone = tmp_path / "gone"
    (gone / "deep" / "deeper").mkdir(parents=True)
    (gone / "file").write_text("text")
    (gone / "link").symlink_to(kept)
    remove_directory(str(gone))
    assert not gone.exists()
    assert (kept / "inside").is_dir()


def test_a_missing_directory_is_fine_and_so_is_a_file_in_its_place(tmp_path: Path) -> None:
    remove_directory(str(tmp_path / "missing"))
    (tmp_path / "file").write_text("text")
    remove_directory(str(tmp_path / "file"))
    assert (tmp_path / "file").exists()
