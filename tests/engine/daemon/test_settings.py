"""Where an engine lives and which mirrors it uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.daemon.settings import default_paths, parse_mirrors, registry_files
from engine.errors import BadRequest
from engine.registry.settings import InvalidSettings
from engine.state.paths import Paths


def test_two_variables_move_an_engine() -> None:
    paths = default_paths({"PYCOMPOSE_STATE_DIR": "/a", "PYCOMPOSE_RUN_DIR": "/b"})
    assert paths == Paths(Path("/a"), Path("/b"))


def test_a_chosen_registries_file_replaces_the_usual_ones(tmp_path: Path) -> None:
    paths = Paths(Path("/a"), Path("/b"))
    chosen = tmp_path / "mine.toml"
    chosen.touch()
    assert registry_files(paths, {"PYCOMPOSE_REGISTRIES": str(chosen)}) == (chosen,)
    assert registry_files(paths, {})[-1] == Path("/a/registries.toml")


def test_a_chosen_registries_file_that_does_not_exist_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match=r"PYCOMPOSE_REGISTRIES names /.*/mine\.toml, which does not exist"):
        registry_files(Paths(Path("/a"), Path("/b")), {"PYCOMPOSE_REGISTRIES": str(tmp_path / "mine.toml")})


def test_mirrors_of_one_registry_keep_their_order() -> None:
    assert parse_mirrors(["docker.io=http://a", "docker.io=http://b"]) == {"docker.io": ("http://a", "http://b")}


@pytest.mark.parametrize("option", ["docker.io", "docker.io=mirror.example.org", "http://mirror"])
def test_a_mirror_that_is_not_registry_equals_url_is_refused(option: str) -> None:
    with pytest.raises(BadRequest, match="invalid registry mirror"):
        parse_mirrors([option])
