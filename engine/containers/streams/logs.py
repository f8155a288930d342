"""A container's log: what its options ask for, reading it, and keeping it small while the container lives."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Final

import anyio
import anyio.abc

from engine.containers.container import Container
from engine.containers.drivers import Drivers
from engine.containers.record import ContainerRecord
from engine.containers.streams.options import LogOptions
from engine.errors import NotImplementedHere, Unavailable
from engine.logs import options as rules
from engine.logs.files import LogShelf
from engine.logs.k8s_file import LogEntry
from engine.logs.reader import Follow, read_log
from engine.logs.rotation import Retention, keep_small
from engine.logs.watch import LogWatch
from engine.runtime.oci.launch import Journal
from engine.wire.containers import LogConfig

LOG_NAME: Final = "container.log"
# What Docker's start takes longer than ours: who asks for the log right after it may expect what a short program said.
_SETTLING_SECONDS: Final = 0.25
_NO_READING: Final = "configured logging driver does not support reading"


def check_log(wish: LogConfig) -> None:
    """Raise `BadRequest` for a log driver or an option that cannot be honoured."""
    rules.check(wish.type or "json-file", wish.config, has_journal=rules.JOURNAL.is_socket())
    rules.tag(wish.config.get("tag", ""), dict.fromkeys(_FIELDS, ""))


def log_path(record: ContainerRecord, home: Path) -> Path | None:
    """Where the monitor writes the log; None if there is none."""
    return None if record.host_config.log_config.type == "none" else home / LOG_NAME


def journal_of(record: ContainerRecord) -> Journal | None:
    """How the messages are marked in the journal (by default with the short id); None if they do not go there."""
    log = record.host_config.log_config
    if log.type != "journald":
        return None
    return Journal(_tag(record, log.config.get("tag") or "{{.ID}}"), record.name)


class Logs:
    """The logs of one engine. `run` first."""

    def __init__(self, drivers: Drivers) -> None:
        self._drivers = drivers
        self._shelf = LogShelf()
        self._watch: LogWatch | None = None

    async def run(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Watch the logs until cancelled."""
        self._watch = LogWatch()
        task_status.started()
        try:
            await self._watch.run()
        finally:
            self._watch = None

    def read(self, container: Container, wish: LogOptions) -> AsyncGenerator[list[LogEntry], None]:
        """A container's log; following ends with the run of the container. Raises `NotImplementedHere`."""
        if container.record.host_config.log_config.type == "none":
            raise NotImplementedHere(_NO_READING)
        run = container.run
        ended = run.ended if wish.follow and run else None
        streams = {1: wish.stdout, 2: wish.stderr}
        found = read_log(
            self._shelf.files(self._path(container)),
            since_ns=wish.since_ns,
            until_ns=wish.until_ns,
            tail=wish.tail,
            streams=frozenset(stream for stream, is_wanted in streams.items() if is_wanted),
            follow=Follow(self._running_watch(), ended) if ended else None,
        )
        if run is None or wish.follow:
            return found
        age_seconds = (time.time_ns() - container.record.started_ns) / 1e9
        return _once_settled(run.ended, _SETTLING_SECONDS - age_seconds, found)

    def details(self, container: Container) -> bytes:
        """What `logs --details` shows before each message."""
        record = container.record
        log, config = record.host_config.log_config, record.config
        found = rules.attributes(log.config, config.labels, config.env)
        if template := log.config.get("tag"):
            found["tag"] = _tag(record, template)
        return rules.details(found)

    def is_kept_small(self, container: Container) -> bool:
        """Whether there is something for `keep` to do."""
        return _retention(container) is not None

    async def keep(self, container: Container) -> None:
        """Rotate the log of a living container as its options ask, until cancelled."""
        retention = _retention(container)
        if retention is not None:
            files = self._shelf.files(self._path(container))
            reopen = partial(self._drivers.runtime.reopen_log, container.id)
            await keep_small(files, retention, self._running_watch(), reopen)

    def _path(self, container: Container) -> Path:
        return self._drivers.paths.containers / container.id / LOG_NAME

    def _running_watch(self) -> LogWatch:
        if self._watch is None:
            raise Unavailable("the engine is not running yet")
        return self._watch


def _retention(container: Container) -> Retention | None:
    log = container.record.host_config.log_config
    return None if log.type == "none" else rules.retention(log.type, log.config)


async def _once_settled(
    ended: anyio.Event, within_seconds: float, found: AsyncGenerator[list[LogEntry], None]
) -> AsyncGenerator[list[LogEntry], None]:
    """What is found once the container has ended, or after that time at the latest."""
    with anyio.move_on_after(within_seconds):
        await ended.wait()
    async with aclosing(found):
        async for entries in found:
            yield entries


_FIELDS: Final = ("ID", "FullID", "Name", "ImageID", "ImageFullID", "ImageName", "DaemonName")


def _tag(record: ContainerRecord, template: str) -> str:
    image = record.image_id.removeprefix("sha256:")
    values = (record.id[:12], record.id, record.name, image[:12], record.image_id, record.image, "docker")
    return rules.tag(template, dict(zip(_FIELDS, values, strict=True)))
