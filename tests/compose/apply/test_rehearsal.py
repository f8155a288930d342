"""Telling of a plan without carrying it out."""

from __future__ import annotations

import pytest

from compose.apply.rehearsal import rehearse
from compose.plan.deciding.reconcile import reconcile
from compose.plan.deciding.survey import Options
from compose.plan.observed import Observed
from compose.plan.telling.progress import Update
from tests.fakes.driving import make_engine, up
from tests.fakes.projects import data_volume, make_project, make_service

PROJECT = make_project(
    make_service("db", volumes=(data_volume(),)), make_service("web", after={"db": "service_started"})
)


def told(updates: list[Update]) -> list[str]:
    return [f"{item.title} {item.state}" for item in updates]


def test_every_step_is_told_as_one_that_does_not_happen() -> None:
    updates: list[Update] = []
    plan = reconcile(PROJECT, Observed(images={"tiny:1": "sha256:tiny"}), Options(is_waiting=True))
    rehearse(plan, updates.append)
    assert all(item.is_rehearsed for item in updates)
    assert "DRY-RUN MODE -  Container app-web-1 Healthy" in told(updates)


@pytest.mark.anyio
async def test_a_rehearsal_tells_what_the_execution_tells() -> None:
    engine = make_engine()
    done = await up(engine, PROJECT)
    rehearsed: list[Update] = []
    observed = Observed(images={"tiny:1": "sha256:tiny"})
    rehearse(reconcile(PROJECT, observed, Options()), rehearsed.append)
    assert sorted(told(rehearsed)) == sorted(f"DRY-RUN MODE -  {line}" for line in told(done))
