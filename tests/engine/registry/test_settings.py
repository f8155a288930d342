"""Settings of registries."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.registry.limits import Limits
from engine.registry.settings import InvalidSettings, RegistrySettings


def test_files_are_read_in_order_and_missing_ones_are_fine(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(
        '[registry."docker.io"]\nmirrors = ["http://a"]\n[registry."lan:5000"]\ninsecure = true\nca = "/ca.pem"\n'
    )
    (tmp_path / "b.toml").write_text('[registry."docker.io"]\nmirrors = ["http://b", "https://c/prefix"]\n')
    settings = RegistrySettings.load([tmp_path / "a.toml", tmp_path / "none.toml", tmp_path / "b.toml"])
    assert settings.mirrors == {"docker.io": ("http://b", "https://c/prefix")}
    assert settings.insecure == {"lan:5000"}
    assert settings.authorities == {"lan:5000": Path("/ca.pem")}


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("registry = 1", "registry"),
        ('[registry."x"]\nmirror = []', r'registry\."x"\.mirror: unknown key'),
        ('[registry."x"]\nmirrors = "http://a"', r'registry\."x"\.mirrors: expected a list'),
        ('[registry."x"]\nmirrors = ["ftp://a"]', "'ftp://a' is not an http"),
        ('[registry."x"]\nmirrors = ["a:99999999"]', "is not an http"),
        ('[registry."x"]\ninsecure = "yes"', r"insecure: expected true or false"),
        ('[registry."x"]\nca = 1', "ca: expected text"),
        ("[registry", "Expected ']'"),
    ],
)
def test_a_mistake_is_told_with_its_file_and_key(tmp_path: Path, text: str, key: str) -> None:
    file = tmp_path / "registries.toml"
    file.write_text(text)
    with pytest.raises(InvalidSettings, match=key) as raised:
        RegistrySettings.load([file])
    assert str(file) in raised.value.message


def test_more_mirrors_replace_those_of_their_registry_only() -> None:
    settings = RegistrySettings().with_mirrors({"a": ("http://1",), "b": ("http://2",)})
    assert settings.with_mirrors({"a": ("http://3",)}).mirrors == {"a": ("http://3",), "b": ("http://2",)}
    with pytest.raises(InvalidSettings, match="mirror of a"):
        settings.with_mirrors({"a": ("nonsense",)})


def test_proxies_come_from_the_usual_variables() -> None:
    settings = RegistrySettings().with_proxies({"https_proxy": "http://p:1", "NO_PROXY": "lan, .example.org"})
    assert settings.proxies == {"https": "http://p:1"}
    assert settings.direct == ("lan", ".example.org")


def test_dockers_own_file_is_read_for_mirrors_and_insecure_registries(tmp_path: Path) -> None:
    docker = tmp_path / "daemon.json"
    docker.write_text(
        '{"registry-mirrors": ["https://mirror.lan"], "insecure-registries": ["reg.lan:5000", "10.1.0.0/16"],'
        ' "log-driver": "local", "features": {"x": true}}'
    )
    settings = RegistrySettings.load([docker])
    assert settings.mirrors == {"docker.io": ("https://mirror.lan",)}
    assert settings.is_insecure("reg.lan:5000")
    assert not settings.is_insecure("reg.lan:5001")
    assert settings.is_insecure("10.1.2.3:5000")
    assert not settings.is_insecure("10.2.2.3:5000")


def test_our_own_files_win_over_dockers(tmp_path: Path) -> None:
    docker, own = tmp_path / "daemon.json", tmp_path / "registries.toml"
    docker.write_text('{"registry-mirrors": ["https://a"], "insecure-registries": ["x.lan"]}')
    own.write_text('[registry."docker.io"]\nmirrors = ["https://b"]\n[registry."x.lan"]\ninsecure = false\n')
    settings = RegistrySettings.load([docker, own])
    assert settings.mirrors["docker.io"] == ("https://b",)
    assert not settings.is_insecure("x.lan")


@pytest.mark.parametrize("text", ["{", "[]", '{"registry-mirrors": "https://a"}', '{"insecure-registries": [1]}'])
def test_a_mistake_in_dockers_file_names_the_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "daemon.json").write_text(text)
    with pytest.raises(InvalidSettings, match=r"daemon\.json"):
        RegistrySettings.load([tmp_path / "daemon.json"])


@pytest.mark.parametrize(
    ("registry", "may_be_plain"),
    [
        ("localhost:5000", True), ("127.1.2.3", True), ("[::1]:5000", True), ("registry.localhost", True),
        ("example.com", False), ("192.168.0.1:5000", False), ("docker.io", False),
    ],
)  # fmt: skip
def test_plain_http_is_for_this_machine_only_unless_allowed(registry: str, *, may_be_plain: bool) -> None:
    assert RegistrySettings().is_insecure(registry) is may_be_plain


def test_a_key_without_its_certificate_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text('[registry."x.lan"]\nkey = "/k"\n')
    with pytest.raises(InvalidSettings, match="no `cert`"):
        RegistrySettings.load([tmp_path / "r.toml"])


def test_a_mirror_with_credentials_is_refused_without_showing_them(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text('[registry."x.lan"]\nmirrors = ["https://me:s3cret@mirror.lan"]\n')
    with pytest.raises(InvalidSettings, match=r"mirror\.lan has a user name") as raised:
        RegistrySettings.load([tmp_path / "r.toml"])
    assert "s3cret" not in str(raised.value)


def test_limits_come_from_daemon_json_and_nothing_means_dockers_default(tmp_path: Path) -> None:
    docker, own = tmp_path / "docker.json", tmp_path / "own.json"
    docker.write_text('{"max-concurrent-downloads": 7, "max-concurrent-uploads": 2}')
    own.write_text('{"max-concurrent-uploads": 0, "max-concurrent-downloads": 1}')
    assert RegistrySettings.load([docker]).limits == Limits(downloads=7, uploads=2, attempts=5)
    assert RegistrySettings.load([docker, own]).limits == Limits(downloads=1, uploads=2, attempts=5)
    own.write_text('{"max-download-attempts": 1}')
    assert RegistrySettings.load([own]).limits == Limits(downloads=3, uploads=5, attempts=1)


@pytest.mark.parametrize("value", [-1, True, "3"])
def test_a_limit_that_is_none_is_told(tmp_path: Path, value: object) -> None:
    file = tmp_path / "daemon.json"
    file.write_text(json.dumps({"max-download-attempts": value}))
    with pytest.raises(InvalidSettings, match=r"daemon\.json: .*max.download.attempts"):
        RegistrySettings.load([file])
