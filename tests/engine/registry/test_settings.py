"""Settings of registries."""

from __future__ import annotations

from pathlib import Path

import pytest

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
