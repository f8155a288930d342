"""SIGHUP: what may change while the engine runs is read again and taken up; containers and clients do not notice."""

from __future__ import annotations

import json
import logging
import socket
from typing import Any

import anyio
from msgspec.structs import replace

from engine.api.services import Services
from engine.daemon.settings import Reloadable, Settings, read_again
from engine.errors import EngineError
from engine.runtime.runtime import Runtime

log = logging.getLogger(__name__)


class Reloader:
    """Takes up labels, the log level, proxies, registries, runtimes and what containers get by default."""

    def __init__(self, settings: Settings, services: Services, runtime: Runtime | None = None) -> None:
        self._settings = settings
        self._services = services
        self._runtime = runtime

    async def reload(self) -> None:
        """Read the files again. What cannot be used is logged, and everything stays as it was."""
        try:
            told = await anyio.to_thread.run_sync(read_again, self._settings)
            if self._runtime is not None:
                self._runtime.use_runtimes(told.runtimes, told.default_runtime)
        except EngineError as exc:
            log.error("the settings stay as they were: %s", exc)
            return
        services = self._services
        logging.getLogger().setLevel(told.log_level)
        services.images.use_registries(told.registries)
        services.containers.use_defaults(told.defaults)
        services.system.identity = replace(
            services.system.identity,
            labels=told.labels,
            proxies=told.shown_proxies,
            is_debugging=told.is_debugging,
            logging_driver=told.defaults.log.type,
        )
        log.info("the settings were read again")
        services.events.publish(
            "daemon", "reload", services.system.identity.engine_id, _attributes(told, services.images.registries())
        )


def _attributes(told: Reloadable, registries: dict[str, Any]) -> dict[str, str]:
    """What Docker's event tells of the settings, as far as there are such here."""
    return {
        "debug": str(told.is_debugging).lower(),
        "default-runtime": told.default_runtime or "crun",
        "insecure-registries": json.dumps(registries["InsecureRegistryCIDRs"], default=str),
        "labels": json.dumps(told.labels),
        "live-restore": "true",
        "name": socket.gethostname(),
        "registry-mirrors": json.dumps(registries["Mirrors"] or []),
    }
