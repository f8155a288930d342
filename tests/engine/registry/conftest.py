"""What tests of the registry client share: connections, and short pauses between tries."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine.registry import endpoint
from engine.registry.settings import RegistrySettings
from engine.registry.web import Web


@pytest.fixture
def web() -> Iterator[Web]:
    """Connections to registries, without settings."""
    web = Web(RegistrySettings())
    yield web
    web.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hardly pause between tries: the only way to see all of them without waiting for it."""
    monkeypatch.setattr(endpoint, "_FIRST_PAUSE_SECONDS", 0.001)
