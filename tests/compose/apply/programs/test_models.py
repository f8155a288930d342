"""Language models, made ready by a plugin."""

from __future__ import annotations

from pathlib import Path

import pytest

from compose.apply.programs.models import prepare_models
from compose.errors import ComposeError
from compose.model.project import Project
from compose.model.tooling import Model
from compose.plan.telling.progress import Update

pytestmark = pytest.mark.anyio

SCRIPT = """#!/bin/sh
echo "$*" >> "$CALLS"
case $1 in
  ls) printenv LS || echo '[{"tags":["ai/there"]},{"tags":null}]' ;;
  status) printenv STATUS || echo '{"endpoint":"http://here"}' ;;
  pull)
    [ "$1" != "$FAILS" ] || { echo no such model >&2; exit 2; }
    printf '1 of 2 GB\n\n2 of 2 GB' ;;
  $FAILS) echo no such model >&2; exit 2 ;;
esac
"""
THERE = Model("one", "ai/there", context_size=1024, runtime_flags=("--a", "b"))
ABSENT = Model("two", "ai/absent", name="second")


class Runner:
    """The plugin in a directory of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.quiet_pull = False
        self.environment = {"PATH": "/usr/bin:/bin", "HOME": str(home), "CALLS": str(home / "calls")}
        self.told: list[Update] = []
        plugin = home / ".docker/cli-plugins/docker-model"
        plugin.parent.mkdir(parents=True)
        plugin.write_text(SCRIPT)
        plugin.chmod(0o755)

    async def run(self, *models: Model, **variables: str) -> str:
        environment = {**self.environment, **variables}
        project = Project("shop", "/", (), {}, models={model.key: model for model in models}, environment=environment)
        return await prepare_models(
            project, models, "unix:///engine.sock", self.told.append, quiet_pull=self.quiet_pull
        )


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


async def test_models_are_fetched_if_need_be_and_set_up(runner: Runner) -> None:
    assert await runner.run(THERE, ABSENT) == "http://here"
    calls = (runner.home / "calls").read_text().splitlines()
    assert calls[:2] == ["ls --json", "status --json"]
    assert sorted(calls[2:]) == [
        "configure --context-size 1024 ai/there -- --a b",
        "configure ai/absent",
        "pull ai/absent",
    ]
    states = [(item.resource, item.state) for item in runner.told]
    ways = [state for name, state in states if name == "second"]
    assert list(dict.fromkeys(ways)) == ["Pulling", "Pulled", "Configuring", "Configured"]
    assert [state for name, state in states if name == "one"] == ["Configuring", "Configured"]


@pytest.mark.parametrize(("quiet_pull", "told"), [(False, ["1 of 2 GB", "2 of 2 GB"]), (True, [])])
async def test_how_far_a_model_is_fetched_is_told_unless_that_is_to_be_quiet(
    runner: Runner, quiet_pull: bool, told: list[str]
) -> None:
    runner.quiet_pull = quiet_pull
    await runner.run(ABSENT)
    lines = [item for item in runner.told if item.line]
    assert [(item.line, item.detail, item.state) for item in lines] == [(text, text, "Pulling") for text in told]


@pytest.mark.parametrize(
    ("variables", "words", "subject"),
    [
        ({"FAILS": "pull"}, "pulling the model ai/absent", ("models", "two")),
        ({"FAILS": "configure"}, "configuring the model ai/absent", ("models", "two")),
        ({"LS": "[{]"}, "not a list", ()),
        ({"STATUS": "off"}, "not a state", ()),
    ],
)
async def test_a_failing_docker_model_is_an_error_about_its_model(
    runner: Runner, variables: dict[str, str], words: str, subject: tuple[str, ...]
) -> None:
    with pytest.raises(ComposeError, match=words) as caught:
        await runner.run(ABSENT, **variables)
    assert caught.value.subject == subject
    assert not subject or caught.value.hint == "no such model"


async def test_without_the_plugin_it_is_said_what_to_install(runner: Runner) -> None:
    with pytest.raises(ComposeError, match="plugin `model`") as caught:
        await runner.run(THERE, HOME="/nowhere")
    assert "docker-model" in (caught.value.hint or "")
