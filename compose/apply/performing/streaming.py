"""The acts that take their time: pulls, builds, providers, and waiting for containers."""

from __future__ import annotations

from typing import TypeAlias

from compose.apply.performing.lasting import LastingRun
from compose.apply.pulling import pull
from compose.errors import ServiceFailed
from compose.plan.actions import BuildImage, PullImage, RunProvider, WaitFor
from compose.plan.telling.progress import Phase

Lasting: TypeAlias = PullImage | BuildImage | RunProvider | WaitFor


async def last(run: LastingRun, action: Lasting) -> None:
    """Do what `action` stands for. Raises `ComposeError`."""
    match action:
        case PullImage():
            await _pull(run, action)
        case BuildImage():
            await _build(run, action)
        case RunProvider():
            await _run_provider(run, action)
        case WaitFor():
            await _wait(run, action)


async def _pull(run: LastingRun, action: PullImage) -> None:
    image = action.image
    with run.teller.failing(action.words.resource, f"pulling {image}"):
        await pull(run.engine, image, action.platform, run.teller.report, run.calling_off.answered)
        run.image_ids[image] = (await run.engine.inspect_image(image)).id


async def _build(run: LastingRun, action: BuildImage) -> None:
    from compose.apply.building.images import build  # most plans build nothing

    with run.teller.failing(action.words.resource, f"building service {action.service.name}"):
        run.image_ids[action.image] = await build(run.engine, run.project, action, run.teller.report)


async def _run_provider(run: LastingRun, action: RunProvider) -> None:
    from compose.apply.programs.providing import run_provider  # hardly any project has one

    name = action.service.name

    def tell(text: str) -> None:
        run.teller.say(name, text, Phase.WORKING)

    with run.teller.telling(action):
        run.variables[name] = await run_provider(action, run.project, run.engine.address, tell)


async def _wait(run: LastingRun, action: WaitFor) -> None:
    assert run.waiter, "a plan with waits is run with a waiter"
    run.patience.begin()
    for words in action.told:
        run.teller.say(words.resource, words.verb.doing, Phase.WORKING)
    try:
        await run.waiter.until(action, run.identities.by_name, run.started)
    except ServiceFailed as exc:
        phase = Phase.FAILED if action.is_required else Phase.WARNING
        for words in action.told:
            run.teller.say(words.resource, "Error", phase, exc.message.splitlines()[0])
        if action.is_required:
            raise
    else:
        for words in action.told:
            run.teller.say(words.resource, words.verb.done)
