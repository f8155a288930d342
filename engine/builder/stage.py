"""One stage: its base, then instruction by instruction, each from the cache or made anew."""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import anyio.to_thread
import msgspec

from engine.builder.bench import Bench, Origin, Stages
from engine.builder.cache import Entry, key_of
from engine.builder.dockerfile.evaluate import State, apply
from engine.builder.dockerfile.instructions import Copy, From, Instruction, Run, Workdir
from engine.builder.dockerfile.parse import read_trigger
from engine.builder.dockerfile.problem import DockerfileError, Misspelt
from engine.builder.dockerfile.stages import SCRATCH, Stage, base_name, expanded
from engine.builder.failure import StepFailed
from engine.builder.product import Product, entry_of, filled, grown, product_of
from engine.builder.steps.copying import make_directory
from engine.builder.steps.filestep import carry_out, needs_directory, owner_of, plan_copy, words_of
from engine.builder.steps.linking import make_alone, on_top_of
from engine.builder.steps.running import Unfinished, unfinished
from engine.builder.steps.runstep import RunPlan, plan_run, prepared
from engine.builder.telling import Step
from engine.containers.making.config import DEFAULT_PATH
from engine.errors import EngineError
from engine.registry.platforms import Platform
from engine.storage.room import NoRoom
from engine.wire.containers import ContainerConfig
from engine.wire.times import rfc3339

log = logging.getLogger(__name__)


# Carries a step out on a layer in the making; whether it changed files.
Act = Callable[[Unfinished], Awaitable[bool]]


class StageBuild:
    """Builds one stage. `first_step` is the number that its FROM has among the steps of all stages."""

    def __init__(self, bench: Bench, stages: Stages, stage: Stage, first_step: int, step_count: int) -> None:
        self._bench = bench
        self._stages = stages
        self._stage = stage
        self._step = first_step
        self._step_count = step_count

    async def build(self, base: Product | None) -> Product:
        """Build the stage; `base` is the stage that its FROM names, if that is one.

        Raises `DockerfileError` and `StepFailed`, which point at a line, and cancels what runs when cancelled.
        """
        bench, index = self._bench, self._stage.index
        await self._begin(self._stage.start)
        product = await self._based(base)
        await bench.teller.made(index, product)
        triggers = product.state.config.on_build or []
        product = msgspec.structs.replace(product, state=_without_triggers(product.state))
        if triggers:
            plural = "s" if len(triggers) > 1 else ""
            await bench.teller.remark(index, f"# Executing {len(triggers)} build trigger{plural}\n")
        for text in triggers:
            line = self._stage.start.line
            trigger = read_trigger(text, line, bench.dockerfile.escape, bench.dockerfile.file)
            await bench.teller.begin(index, Step(trigger, 0, self._step_count))
            product = await self._done(trigger, product)
        for instruction in self._stage.instructions:
            await self._begin(instruction)
            product = await self._done(instruction, product)
            await bench.teller.made(index, product)
        return product

    async def _based(self, base: Product | None) -> Product:
        bench, start = self._bench, self._stage.start
        name = base_name(bench.dockerfile, self._stage, bench.variables)
        platform = expanded(bench.dockerfile, start.line, start.platform, bench.variables)
        if base is not None:
            return msgspec.structs.replace(base, state=State(config=base.state.config, author=base.state.author))
        if name == SCRATCH and name not in bench.order.contexts:
            return self._from_nothing(Platform.parse(platform) if platform else bench.platform)
        try:
            image = await bench.image(name, platform, self._stage.index)
        except EngineError as exc:
            raise StepFailed.at(bench.dockerfile, start.line, exc) from exc
        return product_of(image, bench.platform)

    def _from_nothing(self, platform: Platform) -> Product:
        """What `FROM scratch` gives; the cache knows since when, or an image of no steps would be new each time."""
        state = State(config=ContainerConfig(env=[f"PATH={DEFAULT_PATH}"]))
        product = Product(state=state, platform=platform, lineage=key_of(SCRATCH))
        entry = self._bench.look_up(product.lineage)
        if entry is None:
            entry = entry_of(product.lineage, SCRATCH, product)
            self._bench.fresh.append(entry)
        return msgspec.structs.replace(product, created=rfc3339(entry.created_ns))

    async def _done(self, instruction: Instruction, product: Product) -> Product:
        """The stage after an instruction; whatever goes wrong points at its line."""
        bench = self._bench
        try:
            match instruction:
                case Run():
                    return await self._run(instruction, product)
                case Copy():
                    return await self._copy(instruction, product)
                case Workdir():
                    return await self._workdir(instruction, product)
                case _:
                    return await self._configured(instruction, product)
        except Misspelt as exc:
            raise bench.dockerfile.fail(instruction.line, exc.problem, exc.hint) from exc
        except (DockerfileError, StepFailed):
            raise
        except EngineError as exc:
            raise StepFailed.at(bench.dockerfile, instruction.line, exc) from exc
        except OSError as exc:
            log.exception("%s:%s failed", bench.dockerfile.file, instruction.line)
            wrapped = NoRoom() if exc.errno == errno.ENOSPC else EngineError(str(exc))
            raise StepFailed.at(bench.dockerfile, instruction.line, wrapped) from exc

    async def _configured(self, instruction: Instruction, product: Product) -> Product:
        state = self._applied(instruction, product.state)
        lineage = key_of(product.lineage, instruction.text, state.config, state.args, state.author)
        entry = self._known(lineage)
        if entry is None:
            entry = entry_of(lineage, instruction.text, product)
            self._bench.fresh.append(entry)
        else:
            await self._bench.teller.cached(self._stage.index)
        return grown(product, entry, state, created_by=instruction.text)

    async def _workdir(self, instruction: Workdir, product: Product) -> Product:
        state = self._applied(instruction, product.state)
        path, user = state.config.working_dir, state.config.user
        key = key_of("workdir", product.top, path, user)
        entry = self._known(key)
        if entry is not None:
            await self._bench.teller.cached(self._stage.index)
            return grown(product, entry, state, created_by=instruction.text)

        async def act(layer: Unfinished) -> bool:
            if not await anyio.to_thread.run_sync(needs_directory, layer.rootfs, path):
                return False
            await anyio.to_thread.run_sync(_make_directory, layer, path, user)
            return True

        entry = await self._made(key, instruction.text, product, act)
        return grown(product, entry, state, created_by=instruction.text)

    async def _copy(self, instruction: Copy, product: Product) -> Product:
        bench = self._bench
        origin: Origin | None = None
        if instruction.origin:
            if "$" in instruction.origin:
                raise Misspelt(f"variable expansion is not supported for --from: {instruction.origin}")
            origin = await bench.origin(instruction.origin, self._stage.index, self._stages)
        words = words_of(instruction, bench.expander(product.state))
        facts = ["linked" if instruction.link else product.top, product.state.config.working_dir, words]
        # What a stage made may have the same contents although it was made anew; a look at its key comes first.
        quick = key_of("copy", *facts, origin.key) if origin and origin.key else ""
        entry = self._known(quick) if quick else None
        if entry is None:
            entry = await self._copied(instruction, product, origin, facts, quick)
        else:
            await self._bench.teller.cached(self._stage.index)
        if instruction.link:
            entry = await on_top_of(bench, entry, product.chain_ids, self._stage.index)
        return grown(product, entry, product.state, created_by=instruction.text)

    async def _copied(
        self, instruction: Copy, product: Product, origin: Origin | None, facts: Sequence[object], quick: str
    ) -> Entry:
        bench = self._bench
        plan = await plan_copy(bench, instruction, product.state, origin, self._stage.index)
        # Documents are in `contents`, with their variables replaced.
        key = key_of("copy of", *facts, plan.contents)
        entry = self._known(key)
        if entry is not None:
            await self._bench.teller.cached(self._stage.index)
        elif instruction.link:
            async with bench.limiter:
                entry = filled(entry_of(key, instruction.text, product), await make_alone(bench, plan), ())
            await bench.cache.put(entry)
        else:

            async def act(layer: Unfinished) -> bool:
                await anyio.to_thread.run_sync(carry_out, plan, layer.rootfs)
                return True

            entry = await self._made(key, instruction.text, product, act)
        if quick:
            now = time.time_ns()
            bench.fresh.append(
                Entry(id=quick, description=instruction.text, created_ns=now, used_ns=now, stands_for=entry.id)
            )
        return entry

    async def _run(self, instruction: Run, product: Product) -> Product:
        bench = self._bench
        plan = await plan_run(bench, instruction, product.state, self._stage.index, self._stages, product.top)
        entry = self._known(plan.key)
        if entry is not None:
            await self._bench.teller.cached(self._stage.index)
        else:
            entry = await self._made(plan.key, instruction.text, product, partial(self._program, instruction, plan))
        return grown(product, entry, product.state, created_by=f"RUN {plan.command}")

    async def _program(self, instruction: Run, plan: RunPlan, layer: Unfinished) -> bool:
        bench, index = self._bench, self._stage.index

        await bench.teller.remark(index, f" ---> Running in {layer.id[:12]}\n")
        async with prepared(bench, plan) as program:
            exit_code = await layer.run(program, partial(bench.teller.write, index))
        if exit_code:
            raise StepFailed(
                bench.dockerfile,
                instruction.line,
                f"The command '{' '.join(plan.arguments)}' returned a non-zero code: {exit_code}",
                command=" ".join(plan.arguments),
                exit_code=exit_code,
            )
        await bench.teller.remark(index, f" ---> Removed intermediate container {layer.id[:12]}\n")
        return True

    async def _made(self, key: str, description: str, product: Product, act: Act) -> Entry:
        """Carry a step out and remember its layer. `act` says whether it changed any file."""
        bench = self._bench
        await bench.bring(product.chain_ids, self._stage.index)
        async with bench.limiter, unfinished(bench.drivers, product.chain_ids) as layer:
            entry = entry_of(key, description, product)
            if await act(layer):
                entry = filled(entry, await layer.capture(bench.images.inventory.layers), product.chain_ids)
        await bench.cache.put(entry)
        return entry

    def _known(self, key: str) -> Entry | None:
        """What a step with that key made before, unless this stage is to be built anew."""
        bench = self._bench
        return None if self._stage.start.name in bench.order.no_cache_stages else bench.look_up(key)

    def _applied(self, instruction: Instruction, state: State) -> State:
        bench = self._bench
        return apply(instruction, state, bench.order.given_args, bench.variables, bench.dockerfile.escape)

    async def _begin(self, instruction: Instruction | From) -> None:
        await self._bench.teller.begin(self._stage.index, Step(instruction, self._step, self._step_count))
        self._step += 1


def _without_triggers(state: State) -> State:
    return msgspec.structs.replace(state, config=msgspec.structs.replace(state.config, on_build=None))


def _make_directory(layer: Unfinished, path: str, user: str) -> None:
    # The RUNs that follow are that user's too, and are to write there.
    make_directory(layer.rootfs, path, owner_of(layer.rootfs, user) if user else (0, 0))
