"""SIGHUP on a running engine."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.daemon.reload import Reloader
from engine.daemon.settings import Options, settings_of
from tests.fakes.services import FakeEngine, fake_engine

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _level() -> Iterator[None]:
    before = logging.getLogger().level
    yield
    logging.getLogger().setLevel(before)


def reloader(engine: FakeEngine, file: Path) -> Reloader:
    file.write_text("{}")
    return Reloader(settings_of(Options(config_file=file), {}), engine.services)


async def test_what_changed_is_taken_up_and_told(tmp_path: Path) -> None:
    engine, file = fake_engine(), tmp_path / "daemon.json"
    reloading = reloader(engine, file)
    file.write_text(
        json.dumps({"labels": ["rack=7"], "debug": True, "registry-mirrors": ["https://new.lan"], "init": True})
    )
    with engine.events.listen() as heard:
        await reloading.reload()
        event = heard.receive_nowait()
    assert (engine.system.identity.labels, engine.system.identity.is_debugging) == (("rack=7",), True)
    assert engine.containers.defaults.init
    assert engine.images.settings.mirrors["docker.io"] == ("https://new.lan",)
    assert (event.type, event.action, event.actor.id) == ("daemon", "reload", "fake")
    assert (event.actor.attributes["labels"], event.actor.attributes["debug"]) == ('["rack=7"]', "true")
    assert logging.getLogger().level == logging.DEBUG


async def test_a_file_that_cannot_be_used_changes_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    engine, file = fake_engine(), tmp_path / "daemon.json"
    reloading = reloader(engine, file)
    file.write_text('{"colour": "red"}')
    with engine.events.listen() as heard:
        await reloading.reload()
        assert heard.statistics().current_buffer_used == 0
    assert engine.system.identity.labels == ()
    assert "the settings stay as they were" in caplog.text
