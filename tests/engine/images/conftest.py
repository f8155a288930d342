"""An image service of its own for each test, and the registries that it pulls from."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.events.bus import EventBus
from engine.images.store import ImageService
from engine.registry import endpoint as endpoint_module
from engine.registry.settings import RegistrySettings
from engine.state.paths import Paths
from engine.state.store import Store
from engine.storage.snapshots import Snapshots
from engine.wire.images import Progress
from engine.wire.system import EventMessage
from tests.fakes.registry import FakeRegistry, serve_registry

# Behind a proxy that is not there, docker.io itself is out of reach wherever the tests run.
OFFLINE = RegistrySettings(proxies={"https": "http://127.0.0.1:1"})


@dataclass
class Machine:
    """One engine's worth of services."""

    paths: Paths
    store: Store
    events: EventBus
    images: ImageService
    snapshots: Snapshots

    async def pull(self, reference: str, platform: str = "") -> list[Progress]:
        """Pull and return every line."""
        return [line async for line in self.images.pull(reference, platform=platform)]

    async def heard(self) -> list[EventMessage]:
        """Every event so far."""
        past = self.events.replay(lambda _: True, since_nano=0, until_nano=time.time_ns())
        return [event async for event in past]

    def files(self) -> list[str]:
        """What there is on disk of blobs and layers, without the insides of layers."""
        blobs = (path.name for path in (self.paths.content / "sha256").iterdir())
        layers = (path.name for path in self.paths.layers.iterdir() if path.name not in ("l", "empty", "ground"))
        links = (f"l/{path.name}" for path in (self.paths.layers / "l").iterdir())
        return sorted([*blobs, *layers, *links])


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with serve_registry() as fake:
        yield fake


def machine_with_mirror(root: Path, *urls: str) -> Machine:
    paths = Paths(root=root / "state", run=root / "run")
    paths.make()
    store, events = Store.open(paths.database), EventBus()
    settings = OFFLINE.with_mirrors({"docker.io": urls})
    return Machine(paths, store, events, ImageService(paths, store, events, settings), Snapshots(paths))


@pytest.fixture
def machine(tmp_path: Path, registry: FakeRegistry) -> Iterator[Machine]:
    """An engine whose only mirror of docker.io is the fake registry."""
    made = machine_with_mirror(tmp_path, registry.url)
    yield made
    made.store.close()


@pytest.fixture
def real_machine(tmp_path: Path) -> Iterator[Machine]:
    """An engine whose mirror of docker.io is the real registry of the tests."""
    made = machine_with_mirror(tmp_path, os.environ.get("PYCOMPOSE_TEST_REGISTRY", "http://127.0.0.1:5000"))
    yield made
    made.store.close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    # The only way to see all retries without waiting for them.
    monkeypatch.setattr(endpoint_module, "_FIRST_PAUSE_SECONDS", 0.001)
