"""What `docker info` shows of registries."""

from __future__ import annotations

from engine.registry.report import report
from engine.registry.settings import RegistrySettings


def test_mirrors_and_insecure_registries_are_listed() -> None:
    settings = RegistrySettings(insecure=frozenset({"reg.lan:5000"}), mirrors={"docker.io": ("https://mirror.lan",)})
    found = report(settings)
    assert found["Mirrors"] == ["https://mirror.lan"]
    assert found["IndexConfigs"] == {
        "docker.io": {"Name": "docker.io", "Mirrors": ["https://mirror.lan"], "Secure": True, "Official": True},
        "reg.lan:5000": {"Name": "reg.lan:5000", "Mirrors": [], "Secure": False, "Official": False},
    }
