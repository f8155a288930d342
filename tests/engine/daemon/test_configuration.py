"""The daemon's settings file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.daemon.configuration import Configuration, read_configuration
from engine.daemon.settings import Options, read_again, settings_of
from engine.errors import BadRequest
from engine.network.ipam import DEFAULT_POOLS


def written(directory: Path, **directives: object) -> Path:
    file = directory / "daemon.json"
    file.write_text(json.dumps({name.replace("_", "-"): value for name, value in directives.items()}))
    return file


def test_a_file_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    assert read_configuration(tmp_path / "daemon.json") == Configuration()


def test_a_file_that_was_named_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="no such file"):
        read_configuration(tmp_path / "daemon.json", must_exist=True)


def test_directives_have_dockers_names(tmp_path: Path) -> None:
    file = written(tmp_path, data_root="/data", labels=["a=1"], proxies={"https-proxy": "http://proxy:3128"})
    found = read_configuration(file)
    assert (found.data_root, found.labels) == ("/data", ["a=1"])
    assert found.proxies.variables() == {"HTTPS_PROXY": "http://proxy:3128"}


@pytest.mark.parametrize(
    ("directives", "words"),
    [
        ({"userns_remap": "default", "colour": 1}, "don't match any configuration option: colour, userns-remap"),
        ({"debug": "yes"}, "`bool`"),
        ({"proxies": {"ftp-proxy": "x"}}, "ftp-proxy"),
        ({"labels": ["rack"]}, "bad attribute format: rack"),
        ({"labels": ["a=1", "a=2"]}, "conflict labels for a"),
        ({"live_restore": False}, "containers always live on"),
    ],
)
def test_what_cannot_be_honoured_is_refused(tmp_path: Path, directives: dict[str, object], words: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read_configuration(written(tmp_path, **directives))
    assert words in refused.value.message
    assert str(tmp_path / "daemon.json") in refused.value.message


def test_text_that_is_no_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "daemon.json").write_text("debug: true")
    with pytest.raises(BadRequest, match="unable to configure the engine with file"):
        read_configuration(tmp_path / "daemon.json")


def test_options_count_more_than_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, data_root="/file", exec_root="/run/file", log_level="error", labels=["a=1"])
    settings = settings_of(Options(config_file=file, state_dir=Path("/option"), log_level="warn", labels=("b=2",)), {})
    assert (settings.paths.root, settings.paths.run) == (Path("/option"), Path("/run/file"))
    assert settings.reloadable.log_level == "WARNING"
    assert settings.reloadable.labels == ("a=1", "b=2")


def test_pools_of_addresses_stand_in_for_the_built_in_ones_of_their_version(tmp_path: Path) -> None:
    pools = [{"base": "10.64.0.0/16", "size": 26}]
    settings = settings_of(Options(config_file=written(tmp_path, default_address_pools=pools)), {})
    assert [(str(pool.base), pool.prefix_length) for pool in settings.address_pools] == [("10.64.0.0/16", 26)]
    only6 = written(tmp_path, default_address_pools=[{"base": "fd00:64::/32", "size": 64}])
    assert len(settings_of(Options(config_file=only6), {}).address_pools) == 1 + len(DEFAULT_POOLS)
    with pytest.raises(BadRequest, match="invalid pool size 8"):
        wrong = written(tmp_path, default_address_pools=[{"base": "10.64.0.0/16", "size": 8}])
        settings_of(Options(config_file=wrong), {})


def test_an_unknown_log_level_is_refused() -> None:
    with pytest.raises(BadRequest, match="invalid logging level: loud"):
        settings_of(Options(log_level="loud"), {})


def test_what_may_change_is_read_again(tmp_path: Path) -> None:
    file = written(tmp_path, labels=["a=1"])
    settings = settings_of(Options(config_file=file), {})
    written(tmp_path, labels=["a=2"], debug=True, registry_mirrors=["https://mirror.lan"])
    told = read_again(settings)
    assert (told.labels, told.is_debugging) == (("a=2",), True)
    assert told.registries.mirrors["docker.io"] == ("https://mirror.lan",)


def test_passwords_of_proxies_are_not_shown(tmp_path: Path) -> None:
    settings = settings_of(Options(), {"HTTPS_PROXY": "http://me:secret@proxy:3128", "NO_PROXY": "localhost"})
    assert settings.reloadable.shown_proxies == {
        "HTTPS_PROXY": "http://xxxxx:xxxxx@proxy:3128",
        "NO_PROXY": "localhost",
    }
