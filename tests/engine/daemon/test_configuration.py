"""The daemon's settings file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from engine.daemon.configuration import Configuration, read_configuration
from engine.daemon.parts import identity_of
from engine.daemon.settings import Options, read_again, settings_of
from engine.errors import BadRequest
from engine.network.planning.ipam import DEFAULT_POOLS


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
        ({"swarm_default": "x", "colour": 1}, "don't match any configuration option: colour, swarm-default"),
        ({"userns_remap": "default"}, "userns-remap: all containers share layers as they are"),
        ({"debug": "yes"}, "`bool`"),
        ({"proxies": {"ftp-proxy": "x"}}, "ftp-proxy"),
        ({"labels": ["rack"]}, "bad attribute format: rack"),
        ({"labels": ["a=1", "a=2"]}, "conflict labels for a"),
        ({"live_restore": False}, "containers always live on"),
        ({"exec_opts": ["native.cgroupdriver=systemd"]}, "native.cgroupdriver=systemd"),
        ({"default_ulimits": {"nofile": {"Soft": "x"}}}, "Expected `int`"),
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


def test_what_containers_and_the_default_network_get_is_in_dockers_words(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        log_driver="local",
        log_opts={"max-size": "1m"},
        default_ulimits={"nofile": {"Name": "nofile", "Hard": 64, "Soft": 32}},
        default_shm_size="128M",
        default_cgroupns_mode="private",
        init=True,
        dns=["9.9.9.9"],
        dns_search=["lan"],
        host_gateway_ips=["10.1.1.1"],
        runtimes={"mine": {"path": "/bin/true"}},
        default_runtime="mine",
        bip="10.77.0.1/24",
        mtu=1400,
        icc=False,
        ip="127.0.0.1",
        shutdown_timeout=30,
        features={"buildkit": True},
        exec_opts=["native.cgroupdriver=cgroupfs"],
    )
    settings = settings_of(Options(config_file=file), {})
    defaults = settings.reloadable.defaults
    assert (defaults.log.type, defaults.log.config) == ("local", {"max-size": "1m"})
    assert [(each.name, each.soft, each.hard) for each in defaults.ulimits] == [("nofile", 32, 64)]
    assert (defaults.shm_size, defaults.init, defaults.dns, defaults.dns_search) == (
        128 << 20,
        True,
        ("9.9.9.9",),
        ("lan",),
    )
    assert (settings.reloadable.runtimes, settings.reloadable.default_runtime) == ({"mine": Path("/bin/true")}, "mine")
    (given,) = settings.default_network.given
    assert (given.subnet, given.gateway) == ("10.77.0.0/24", "10.77.0.1")
    assert settings.default_network.options == {
        "com.docker.network.driver.mtu": "1400",
        "com.docker.network.bridge.enable_icc": "false",
        "com.docker.network.bridge.host_binding_ipv4": "127.0.0.1",
    }


@pytest.mark.parametrize(
    ("directives", "words"),
    [
        ({"log_driver": "gelf"}, "gelf"),
        ({"log_opts": {"colour": "red"}}, "colour"),
        ({"default_ipc_mode": "host"}, "default-ipc-mode: 'host' is not supported"),
        ({"default_cgroupns_mode": "x"}, "default-cgroupns-mode"),
        ({"default_shm_size": "lots"}, "default-shm-size: invalid size: 'lots'"),
        ({"dns": ["resolver"]}, "resolver is not an ip address"),
        ({"seccomp_profile": "/nonexistent.json"}, "opening seccomp profile"),
        ({"runtimes": {"mine": {"path": "/nonexistent"}}}, "there is no program /nonexistent"),
        ({"runtimes": {"mine": {"path": "/bin/true", "runtimeArgs": ["--debug"]}}}, "runtimeArgs are not supported"),
        ({"bip": "10.0.0.0/24"}, "invalid bip"),
        ({"bip": "bridge"}, "invalid bip"),
        ({"mtu": -1}, "invalid MTU number"),
    ],
)
def test_values_that_cannot_be_are_refused(tmp_path: Path, directives: dict[str, object], words: str) -> None:
    with pytest.raises(BadRequest) as refused:
        settings_of(Options(config_file=written(tmp_path, **directives)), {})
    assert words in refused.value.message


@pytest.mark.parametrize(
    ("told", "is_offered", "is_forbidden"),
    [
        ({}, bool(shutil.which("criu")), False),
        ({"experimental": True}, True, False),
        ({"experimental": False}, False, True),
    ],
)
def test_checkpoints_are_offered_where_criu_is_unless_somebody_says_otherwise(
    tmp_path: Path, told: dict[str, bool], *, is_offered: bool, is_forbidden: bool
) -> None:
    options = Options(config_file=written(tmp_path, **told), state_dir=tmp_path)
    identity = identity_of(settings_of(options, {}), version="1")
    assert (identity.is_experimental, identity.forbids_experiments) == (is_offered, is_forbidden)
