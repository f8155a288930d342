"""One build: its stages run at the same time as far as they do not need each other, and the last becomes an image."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import anyio.abc

from engine.builder.bench import Bench
from engine.builder.caching.exports import export_caches
from engine.builder.caching.imports import import_caches
from engine.builder.delivery import Deliver
from engine.builder.dockerfile.evaluate import PROXY_ARGS
from engine.builder.dockerfile.instructions import Arg
from engine.builder.dockerfile.stages import Stage, base_name, needed_stages
from engine.builder.product import Product, labelled
from engine.builder.stage import StageBuild


class Build:
    """Use `run` once. `deliver` is given what was built, while everything of it is held."""

    def __init__(self, bench: Bench, deliver: Deliver) -> None:
        self._bench = bench
        self._deliver = deliver
        self._products: dict[int, Product] = {}
        self._done: dict[int, anyio.Event] = {}
        self._steps: dict[int, int] = {}
        self._step_count = 0
        self._tasks: anyio.abc.TaskGroup | None = None
        self._errors: list[Exception] = []

    async def run(self) -> None:
        """Build, and deliver what was built. Raises the first failure of a step, and what the delivery raises."""
        bench = self._bench
        target = bench.dockerfile.target(bench.order.target)
        needed = sorted(needed_stages(bench.dockerfile, target, bench.variables))
        self._number(needed)
        await import_caches(bench)
        await self._build(needed)
        product = labelled(self._products[target.index], self._bench.order.labels)
        await bench.bring(product.chain_ids, target.index)
        await self._remember()
        await self._deliver(bench, product)
        if bench.order.cache_to:
            others = [other for index, other in sorted(self._products.items()) if index != target.index]
            await export_caches(bench, [item.configuration() for item in (product, *others)])
        await self._warn()

    async def layers_of(self, index: int) -> Sequence[str]:
        """The layers of another stage, once it is built; one that nobody thought to need is begun now."""
        return (await self._product(index)).chain_ids

    def _number(self, needed: Sequence[int]) -> None:
        for index in needed:
            self._steps[index] = self._step_count + 1
            self._step_count += 1 + len(self._bench.dockerfile.stages[index].instructions)

    async def _build(self, needed: Sequence[int]) -> None:
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            for index in needed:
                self._begin(index)
        if self._errors:
            raise self._errors[0]

    def _begin(self, index: int) -> None:
        assert self._tasks is not None  # only while it builds
        self._done[index] = anyio.Event()
        self._tasks.start_soon(self._stage, index)

    async def _stage(self, index: int) -> None:
        bench = self._bench
        stage = bench.dockerfile.stages[index]
        build = StageBuild(bench, self, stage, self._steps.get(index, self._step_count), self._step_count)
        try:
            self._products[index] = await build.build(await self._base(stage))
            await bench.teller.finish(index)
            self._done[index].set()
        except Exception as exc:  # noqa: BLE001 - the first one is raised by `_build`, without a group around it
            self._errors.append(exc)
            assert self._tasks is not None
            with anyio.CancelScope(shield=True):
                await bench.teller.release(index, exc)
            self._tasks.cancel_scope.cancel()

    async def _base(self, stage: Stage) -> Product | None:
        """The stage that a FROM names, if it is one."""
        bench = self._bench
        name = base_name(bench.dockerfile, stage, bench.variables)
        other = None if name in bench.order.contexts else bench.dockerfile.stage_before(stage.index, name)
        return await self._product(other.index) if other is not None else None

    async def _product(self, index: int) -> Product:
        if index not in self._done:
            self._begin(index)
        await self._done[index].wait()
        return self._products[index]

    async def _remember(self) -> None:
        bench = self._bench
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(bench.cache.touch, bench.used)
            for entry in (*bench.fresh, *bench.cache.adopted(bench.taken)):
                tasks.start_soon(bench.cache.put, entry)

    async def _warn(self) -> None:
        """Name the build arguments that no ARG takes, as Docker does."""
        bench = self._bench
        args = [*bench.dockerfile.args]
        args += [item for stage in bench.dockerfile.stages for item in stage.instructions if isinstance(item, Arg)]
        known = {name for arg in args for name, _ in arg.names} | set(PROXY_ARGS) | set(bench.variables)
        if unused := sorted(set(bench.order.args) - known):
            text = f"[Warning] One or more build-args [{' '.join(unused)}] were not consumed\n"
            await bench.announce(text)
