"""The images that a project builds, brought to their registries."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from compose.apply.parallel import all_of
from compose.apply.pulling import push
from compose.apply.refusals import refusals
from compose.errors import ComposeError
from compose.model.service import Service
from compose.plan.telling.progress import Phase, Report, Update
from engine.client import EngineClient


async def push_images(
    engine: EngineClient, services: Iterable[Service], report: Report, *, keep_going: bool = False
) -> None:
    """Push the services' images under all their names, all at once.

    What has no `build` came from a registry, so there is nothing to bring back. With `keep_going`, one that cannot be
    pushed is told and left.
    """

    async def push_one(service: str, image: str) -> None:
        try:
            with refusals(f"pushing {image}"):
                if not engine.only_reads:
                    await push(engine, image, report)
        except ComposeError as exc:
            report(Update(f"Image {image}", "Error", Phase.WARNING if keep_going else Phase.FAILED, exc.message))
            exc.subject = exc.subject or ("services", service, "image")
            if not keep_going:
                raise

    images: dict[str, str] = {}
    for service in services:
        if not service.build or not service.image:
            report(Update(f"Service {service.name}", "Skipped"))
            continue
        images.update(dict.fromkeys((service.image, *service.build.tags), service.name))
    await all_of([partial(push_one, service, image) for image, service in images.items()])
