"""How every act is told: in plans, in progress, and in errors."""

from __future__ import annotations

from typing import get_args

import pytest

from compose.model.project import Network, Volume
from compose.plan import words
from compose.plan.actions import (
    Action,
    BuildImage,
    CreateContainer,
    CreateNetwork,
    CreateVolume,
    Deed,
    DisconnectNetwork,
    KillContainer,
    PullImage,
    RemoveContainer,
    RemoveImage,
    RemoveNetwork,
    RemoveVolume,
    RenameContainer,
    RestartContainer,
    RunProvider,
    StartContainer,
    StopContainer,
    WaitFor,
)
from compose.render.plan import MARKS
from tests.fakes.projects import make_service

WEB = make_service("web")
CREATE = CreateContainer(WEB, 1, "app-web-1", "app-web-1", "tiny:1", "")
REPLACE = CreateContainer(WEB, 1, "0123_app-web-1", "app-web-1", "tiny:1", "", replaces="0123")
REPLACED = RemoveContainer("app-web-1", "1", "", is_replaced=True)

TOLD: list[tuple[Action, str, list[str]]] = [
    (PullImage("tiny:1", ""), "pull tiny:1", ["Image tiny:1 Pulling Pulled"]),
    (BuildImage(WEB, "app-web", ""), "build app-web", ["Image app-web Building Built"]),
    (RemoveImage("app-web", ""), "remove image app-web", ["Image app-web Removing Removed"]),
    (CreateNetwork(Network("n", "app_n"), ""), "create network app_n", ["Network app_n Creating Created"]),
    (RemoveNetwork("app_n", ""), "remove network app_n", ["Network app_n Removing Removed"]),
    (DisconnectNetwork("app_n", "app-web-1", "1", ""), "disconnect app-web-1 from network app_n", []),
    (CreateVolume(Volume("v", "app_v"), ""), "create volume app_v", ["Volume app_v Creating Created"]),
    (RemoveVolume("app_v", ""), "remove volume app_v", ["Volume app_v Removing Removed"]),
    (CREATE, "create app-web-1", ["Container app-web-1 Creating Created"]),
    (REPLACE, "create 0123_app-web-1", ["Container app-web-1 Recreate Recreated"]),
    (StartContainer("app-web-1", "web", ""), "start app-web-1", ["Container app-web-1 Starting Started"]),
    (StopContainer("app-web-1", "1", "web", ""), "stop app-web-1", ["Container app-web-1 Stopping Stopped"]),
    (RestartContainer("app-web-1", "1", "web", ""), "restart app-web-1", ["Container app-web-1 Restarting Started"]),
    (KillContainer("app-web-1", "1", ""), "kill app-web-1", ["Container app-web-1 Killing Killed"]),
    (RemoveContainer("app-web-1", "1", ""), "remove app-web-1", ["Container app-web-1 Removing Removed"]),
    (REPLACED, "remove app-web-1", ["Container app-web-1 Removing Recreated"]),
    (RenameContainer("0123_app-web-1", "app-web-1", ""), "rename 0123_app-web-1 to app-web-1", []),
    (WaitFor("web", ("a", "b"), "healthy", ""), "wait until web is healthy", [
        "Container a Waiting Healthy",
        "Container b Waiting Healthy",
    ]),
    (WaitFor("web", ("a",), "completed", ""), "wait until web is completed", ["Container a Waiting Exited"]),
    (RunProvider(WEB, "up", ""), "provider up web", ["web Creating Created"]),
    (RunProvider(WEB, "down", ""), "provider down web", ["web Removing Removed"]),
]  # fmt: skip


@pytest.mark.parametrize(("act", "title", "told"), TOLD, ids=lambda value: value if isinstance(value, str) else "")
def test_an_act_has_a_title_in_plans_and_docker_composes_words_in_progress(
    act: Action, title: str, told: list[str]
) -> None:
    assert act.title == title
    assert [f"{item.resource} {item.verb.doing} {item.verb.done}" for item in act.told] == told


def test_the_table_above_has_every_act() -> None:
    assert {type(act) for act, _, _ in TOLD} == set(get_args(Action))


def test_an_act_on_a_resource_has_its_undertaking_for_errors() -> None:
    found = [act.words.undertaking for act, _, _ in TOLD if isinstance(act, Deed)]
    assert "starting container app-web-1" in found
    assert "removing volume app_v" in found
    assert "creating web" in found


def test_a_summary_has_a_mark_for_every_verb() -> None:
    names = {verb.name for verb in vars(words).values() if isinstance(verb, words.Verb)}
    assert names - set(MARKS) == {"wait"}


def test_a_step_of_a_path_names_a_container_as_it_is_called_in_the_end() -> None:
    assert REPLACE.label == "create app-web-1"
    assert WaitFor("web", ("a",), "healthy", "").label == "healthy web"
