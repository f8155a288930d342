"""One build of a job, from the client's attributes to a result that waits until somebody says what to do with it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial

import anyio
import msgspec
from msgspec import Struct

from engine.builder.bases import IMAGE
from engine.builder.bench import Bench
from engine.builder.order import BuildOrder
from engine.builder.product import Product
from engine.builder.service import Builder, variables_of
from engine.buildkit.session.agents import agents
from engine.buildkit.session.secrets import credentials, secrets
from engine.buildkit.session.sessions import Sessions
from engine.buildkit.solving.attributes import Wanted
from engine.buildkit.solving.board import Board
from engine.buildkit.solving.failures import call_failed
from engine.buildkit.solving.needs import Needs, needs_of
from engine.buildkit.solving.outputs import Output, put_out
from engine.buildkit.solving.provenance import Facts
from engine.buildkit.solving.questions import answer
from engine.buildkit.solving.sources import Definition, Ground, Sources
from engine.buildkit.solving.vertices import Vertices, image_bases
from engine.buildkit.transport.status import CallFailed
from engine.errors import EngineError, NoSuchImage, NotImplementedHere
from engine.images.configuration import encode_configuration
from engine.images.record import Image, image_of
from engine.images.store import ImageService
from engine.storage.content import digest_of

log = logging.getLogger(__name__)

# The result of another build that a context names.
FindInput = Callable[[str], Awaitable[Image]]


class Yard(Struct, frozen=True):
    """What all builds share."""

    builder: Builder
    images: ImageService
    sessions: Sessions


class Build:
    """`define` first, `run` in a task of the job; `built` and `put_out` may be waited for by others.

    Once it is built, `facts` are what there is to know of it.
    """

    def __init__(self, yard: Yard, wanted: Wanted, session: str, board: Board) -> None:
        self.wanted = wanted
        self.definition: Definition | None = None
        self.facts: Facts | None = None
        self._yard = yard
        self._board = board
        self._sources = Sources(wanted, yard.sessions, session, board)
        self._image: Image | None = None
        self._outputs: Sequence[Output] = ()
        self._told: dict[str, str] = {}
        self._error: Exception | None = None
        self._is_built, self._may_end, self._is_over = anyio.Event(), anyio.Event(), anyio.Event()

    async def define(self) -> None:
        """Read the Dockerfile, if it is the client's. Raises `CallFailed`."""
        if self.wanted.order.remote:
            return  # it is fetched with the context
        try:
            self.definition = await self._sources.definition()
        except EngineError as exc:
            raise self._failed(exc) from exc

    async def answer(self) -> dict[str, bytes]:
        """Answer the client's question about its Dockerfile instead. Raises `CallFailed`."""
        order = self.wanted.order
        if order.remote and not self.wanted.dockerfile_name:
            raise NotImplementedHere("questions about a Dockerfile in a remote context are not answered")
        try:
            return answer(self.wanted.request, order, await self._sources.text())
        except EngineError as exc:
            raise self._failed(exc) from exc

    async def run(self, find_input: FindInput) -> None:
        """Build, and keep the result until the outputs are known. Keeps what goes wrong for who waits."""
        try:
            await self._run(find_input)
        except Exception as exc:  # raised to those who wait for the result
            if not isinstance(exc, EngineError):
                log.exception("a build failed")
            self._error = exc
        finally:
            self._is_built.set()
            self._is_over.set()

    async def built(self) -> Image:
        """The result, as the image that it would be. Raises `CallFailed`."""
        await self._is_built.wait()
        if self._image is None:
            raise self._failed(self._error or EngineError("the build was cancelled"))
        return self._image

    async def put_out(self, outputs: Sequence[Output]) -> dict[str, str]:
        """Make the outputs, end the build, and return what the client is told of them. Raises `CallFailed`."""
        self._outputs = outputs
        self._may_end.set()
        await self._is_over.wait()
        if self._error is not None:
            raise self._failed(self._error)
        return self._told

    async def _run(self, find_input: FindInput) -> None:
        yard, order = self._yard, self._order()
        images = {name: await find_input(key) for name, key in self.wanted.inputs.items()}
        async with yard.builder.working() as place, yard.builder.contexts.lending() as lending:
            definition = self.definition = self.definition or await self._sources.take_remote(place)
            variables = variables_of(order, definition.dockerfile)
            needs = needs_of(definition.dockerfile, order, variables)
            client = await self._sources.client()
            async with agents(client, needs.agents) as sockets:
                logins = await credentials(client, needs.registries)
                order = msgspec.structs.replace(order, ssh=sockets, registries=logins)
                found = await secrets(client, needs.secrets)
                received = self._sources.received(
                    Ground(place, lending), definition, partial(self._paths, needs), found, images
                )
                teller = Vertices(self._board, definition.dockerfile, image_bases(definition.dockerfile, variables))
                await yard.builder.build(order, received, place, teller, partial(self._deliver, needs))

    def _order(self) -> BuildOrder:
        """The order, in which the results of other builds are images."""
        order = self.wanted.order
        given = {name: f"{IMAGE}{name}" for name in self.wanted.inputs}
        return msgspec.structs.replace(order, contexts={**order.contexts, **given})

    def _paths(self, needs: Needs) -> Collection[str] | None:
        """The files of the context that are needed: all of them where that cannot be told."""
        return None if any(self._has_triggers(name) for name in needs.bases) else needs.paths

    def _has_triggers(self, name: str) -> bool:
        """Whether an image may bring instructions of its own: one that is not here, or may be replaced, may."""
        if name in self.wanted.inputs:
            return True
        if self.wanted.order.pull:
            return True
        try:
            return bool(self._yard.images.get(name).config.on_build)
        except NoSuchImage:
            return True

    async def _deliver(self, needs: Needs, bench: Bench, product: Product) -> None:
        configuration = product.configuration()
        image_id = digest_of(encode_configuration(configuration))
        self._image = image_of(configuration, image_id, size_bytes=0, content=())
        self._is_built.set()
        await self._may_end.wait()
        for output in self._outputs:
            client = await self._sources.client() if output.is_for_client else None
            self._told |= await put_out(output, bench, product, self._board, client)
        self.facts = self._facts(needs, bench, product)

    def _facts(self, needs: Needs, bench: Bench, product: Product) -> Facts:
        wanted, remote = self.wanted, self.wanted.order.remote
        own = ([] if remote else [wanted.context_name]) + ([wanted.dockerfile_name] if wanted.dockerfile_name else [])
        return Facts(
            attributes=wanted.attributes,
            dockerfile=wanted.order.dockerfile,
            platform=str(product.platform),
            remote=remote,
            locals={*own, *wanted.locals.values()},
            images=dict(bench.bases.used),
            secrets=needs.secrets,
            agents=needs.agents,
            required=needs.required,
        )

    def _failed(self, error: Exception) -> CallFailed:
        return call_failed(error, self.wanted.order.dockerfile, self._sources.last_text)
