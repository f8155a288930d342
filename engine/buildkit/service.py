"""BuildKit's API put together: one control service and its gateway for all connections, and the clients' sessions."""

from __future__ import annotations

from collections.abc import Callable

import anyio.abc

from engine.builder.service import Builder
from engine.buildkit.control.control import Control
from engine.buildkit.control.gateway import Gateway
from engine.buildkit.control.health import health_handlers
from engine.buildkit.control.jobs import Jobs
from engine.buildkit.control.workers import worker
from engine.buildkit.door import Facts
from engine.buildkit.messages.control_pb2 import WorkerRecord
from engine.buildkit.session.sessions import Sessions
from engine.buildkit.solving.build import Yard
from engine.buildkit.transport.calls import Server
from engine.buildkit.transport.http2 import Connection
from engine.images.store import ImageService


class BuildKit:
    """Of one engine. What its clients begin ends with their connections."""

    def __init__(self, builder: Builder, images: ImageService, facts: Callable[[], Facts]) -> None:
        self.sessions = Sessions()
        jobs = Jobs(Yard(builder, images, self.sessions))

        def described() -> WorkerRecord:
            return worker(facts())

        control = Control(jobs, self.sessions, builder, described)
        gateway = Gateway(jobs, described)
        self._server = Server({**control.handlers(), **gateway.handlers(), **health_handlers()})

    async def serve(self, stream: anyio.abc.ByteStream) -> None:
        """Answer a client's calls until it hangs up."""
        await Connection(stream, self._server.accept).run()
