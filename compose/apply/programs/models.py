"""Language models of a project, which Docker's plugin `model` runs: fetched, set up, and asked where they answer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import anyio
import msgspec
from msgspec import Struct

from compose.apply.parallel import all_of
from compose.apply.programs.plugins import find_program, keep_the_end, lines, output_of, running, surroundings
from compose.errors import ComposeError
from compose.model.project import Project
from compose.model.tooling import Model
from compose.plan.telling.progress import Phase, Report, Update


class _Status(Struct, frozen=True):
    endpoint: str = ""


class _Available(Struct, frozen=True):
    tags: list[str] | None = None


async def prepare_models(
    project: Project, models: Sequence[Model], engine_address: str, report: Report, *, quiet_pull: bool = False
) -> str:
    """Make models of a project ready; returns the URL under which they answer. Raises `ComposeError`.

    What the plugin says while it fetches is reported, too, unless `quiet_pull`.
    """
    program = find_program("model", project.environment) or find_program("docker-model", project.environment)
    if program is None:
        raise ComposeError(
            "language models need Docker's plugin `model`, which is not installed",
            hint="install docker-model (Docker Model Runner) below ~/.docker/cli-plugins, or take `models` out",
            subject=("models", models[0].key),
        )
    runner = _Runner(program, surroundings(project.environment, engine_address), report, quiet_pull=quiet_pull)
    there = await runner.available()
    endpoint = await runner.endpoint()
    await all_of([partial(runner.prepare, model, there) for model in models])
    return endpoint


class _Runner:
    def __init__(self, program: str, environment: dict[str, str], report: Report, *, quiet_pull: bool) -> None:
        self._program = program
        self._environment = environment
        self._report = report
        self._quiet_pull = quiet_pull

    async def available(self) -> set[str]:
        """The names of the models that are here."""
        output = await self._ask("looking for available models", "ls", "--json")
        try:
            found = msgspec.json.decode(output, type=list[_Available])
        except (msgspec.DecodeError, msgspec.ValidationError) as exc:
            raise ComposeError(
                f"looking for available models: docker-model gave an answer that is not a list: {exc}"
            ) from exc
        return {tag for model in found for tag in model.tags or ()}

    async def endpoint(self) -> str:
        """Where the models answer."""
        output = await self._ask("asking docker-model for its state", "status", "--json")
        try:
            return msgspec.json.decode(output, type=_Status).endpoint
        except (msgspec.DecodeError, msgspec.ValidationError) as exc:
            raise ComposeError(f"asking docker-model for its state: its answer is not a state: {exc}") from exc

    async def prepare(self, model: Model, there: set[str]) -> None:
        """Fetch a model if it is not here, then set it up."""
        name = model.name or model.key
        try:
            if model.model not in there:
                self._report(Update(name, "Pulling", Phase.WORKING))
                await self._pull(name, model.model)
                self._report(Update(name, "Pulled", Phase.WORKING))
            self._report(Update(name, "Configuring", Phase.WORKING))
            size = ["--context-size", str(model.context_size)] if model.context_size > 0 else []
            flags = ["--", *model.runtime_flags] if model.runtime_flags else []
            await self._ask(f"configuring the model {model.model}", "configure", *size, model.model, *flags)
        except ComposeError as exc:
            self._report(Update(name, "Error", Phase.FAILED, exc.message))
            exc.subject = ("models", model.key)
            raise
        self._report(Update(name, "Configured"))

    async def _pull(self, name: str, model: str) -> None:
        complaints = bytearray()
        async with (
            running([self._program, "pull", model], self._environment) as process,
            anyio.create_task_group() as tasks,
        ):
            assert process.stdout is not None, "it has pipes"
            assert process.stderr is not None, "it has pipes"
            tasks.start_soon(keep_the_end, process.stderr, complaints)
            async for line in lines(process.stdout):
                text = line.decode(errors="replace").strip()
                if not self._quiet_pull:
                    self._report(Update(name, "Pulling", Phase.WORKING, text, line=text))
            await process.wait()
        if code := process.returncode:
            said = complaints.decode(errors="replace").strip().splitlines()
            raise _failed(f"pulling the model {model}", code, said[-1] if said else "")

    async def _ask(self, doing: str, *arguments: str) -> bytes:
        code, output, complaint = await output_of([self._program, *arguments], self._environment)
        if code:
            raise _failed(doing, code, complaint)
        return output


def _failed(doing: str, code: int, complaint: str) -> ComposeError:
    return ComposeError(f"{doing}: docker-model ended with exit code {code}", hint=complaint or None)
