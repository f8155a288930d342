"""Programs that provide services, and what they say."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from compose.apply.programs.plugins import find_plugin, find_program
from compose.apply.programs.providing import run_provider
from compose.errors import ComposeError
from compose.model.project import Project
from compose.model.service import Service
from compose.model.tooling import Provider
from compose.plan.actions import RunProvider

pytestmark = pytest.mark.anyio

SETENV = """echo '{"type":"setenv","message":"URL=http://x?a=b"}'"""


class Cloud:
    """A provider `cloud` in the PATH, made of a script."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.said: list[str] = []
        self.environment = {"PATH": f"{home}/bin:/usr/bin:/bin", "HOME": str(home), "CALLS": str(home / "calls")}

    def write(self, script: str, metadata: str = "", path: str = "bin/cloud") -> None:
        file = self.home / path
        file.parent.mkdir(parents=True, exist_ok=True)
        told = f"echo '{metadata}'; exit 0" if metadata else "echo unknown command; exit 1"
        file.write_text(
            f'#!/bin/sh\nif [ "$2" = metadata ]; then {told}; fi\necho "$DOCKER_HOST $*" >> "$CALLS"\n{script}\n'
        )
        file.chmod(0o755)

    async def run(self, verb: Literal["up", "down"] = "up", provider: Provider | None = None) -> dict[str, str]:
        service = Service("db", provider=provider or Provider("cloud", {"size": ("10",), "tag": ("a", "b")}))
        project = Project("shop", "/", (), {"db": service}, environment=self.environment)
        action = RunProvider(service, verb, "test")
        return dict(await run_provider(action, project, "unix:///engine.sock", self.said.append))

    @property
    def calls(self) -> list[str]:
        return (self.home / "calls").read_text().splitlines()


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    return Cloud(tmp_path)


async def test_it_tells_variables_and_how_far_it_is(cloud: Cloud) -> None:
    cloud.write(
        """echo '{"type":"info","message":"making it"}'; echo; echo '{"type":"debug","message":"x"}'; """
        + SETENV.replace("echo", "printf '%s'")
    )
    assert await cloud.run() == {"URL": "http://x?a=b"}
    assert cloud.said == ["making it"]
    assert cloud.calls == ["unix:///engine.sock compose --project-name=shop up --size=10 --tag=a --tag=b db"]


async def test_an_engine_that_was_chosen_is_passed_on(cloud: Cloud) -> None:
    cloud.write("")
    cloud.environment["DOCKER_HOST"] = "tcp://far:1"
    await cloud.run("down")
    assert cloud.calls == ["tcp://far:1 compose --project-name=shop down --size=10 --tag=a --tag=b db"]


async def test_options_that_it_does_not_know_are_left_out(cloud: Cloud) -> None:
    cloud.write("", '{"description":"d","up":{"parameters":[{"name":"tag","required":true}]}}')
    await cloud.run("up")
    await cloud.run("down")
    assert [call.partition(" compose ")[2] for call in cloud.calls] == [
        "--project-name=shop up --tag=a --tag=b db",
        "--project-name=shop down db",
    ]


async def test_an_option_that_it_needs_has_to_be_there(cloud: Cloud) -> None:
    cloud.write("", '{"up":{"parameters":[{"name":"region","required":true}]}}')
    with pytest.raises(ComposeError, match="needs the option `region`") as caught:
        await cloud.run()
    assert caught.value.subject == ("services", "db", "provider")
    await cloud.run("down")


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("""echo '{"type":"error","message":"no quota"}'; sleep 100""", "no quota"),
        ("echo hello", "no message: hello"),
        ("""echo '{"type":"odd","message":""}'""", "unknown type `odd`"),
        ("""echo '{"type":"setenv","message":"x"}'""", "without `=`"),
        ("""echo '["info"]'""", "no message"),
        ("exit 3", "exit code 3"),
        ("head -c 3000000 /dev/zero", "what is no message"),
    ],
)
async def test_a_provider_that_fails_or_babbles_is_an_error(cloud: Cloud, script: str, words: str) -> None:
    cloud.write(script)
    with pytest.raises(ComposeError, match=words):
        await cloud.run()


async def test_what_it_complains_of_is_a_hint(cloud: Cloud) -> None:
    cloud.write("yes complaint | head -c 200000 >&2; echo out of money >&2; exit 1")
    with pytest.raises(ComposeError, match="exit code 1") as caught:
        await cloud.run()
    assert (caught.value.hint or "").endswith("out of money")


async def test_a_plugin_goes_before_a_program_of_the_same_name(cloud: Cloud) -> None:
    cloud.write("")
    assert find_program("cloud", cloud.environment) == f"{cloud.home}/bin/cloud"
    cloud.write(SETENV, path=".docker/cli-plugins/docker-cloud")
    assert find_program("cloud", cloud.environment) == f"{cloud.home}/.docker/cli-plugins/docker-cloud"
    assert await cloud.run() == {"URL": "http://x?a=b"}


def test_plugins_are_where_dockers_command_line_looks(tmp_path: Path) -> None:
    environment = {"DOCKER_CONFIG": str(tmp_path / "config")}
    for directory in (tmp_path / "config" / "cli-plugins", tmp_path / "more"):
        directory.mkdir(parents=True)
        (directory / "docker-x").write_text("#!/bin/sh\n")
    assert find_plugin("x", environment) is None  # neither can be run
    (tmp_path / "config/cli-plugins/docker-x").chmod(0o755)
    (tmp_path / "more/docker-x").chmod(0o755)
    assert find_plugin("x", environment) == f"{tmp_path}/config/cli-plugins/docker-x"
    (tmp_path / "config/config.json").write_text(f'{{"cliPluginsExtraDirs": ["{tmp_path}/more"]}}')
    assert find_plugin("x", environment) == f"{tmp_path}/more/docker-x"
    (tmp_path / "config/config.json").write_text("[")
    assert find_plugin("x", environment) == f"{tmp_path}/config/cli-plugins/docker-x"


@pytest.mark.parametrize(("kind", "words"), [("none", "neither a plugin"), ("compose", "not a valid provider")])
async def test_what_cannot_provide_is_said(cloud: Cloud, kind: str, words: str) -> None:
    with pytest.raises(ComposeError, match=words):
        await cloud.run(provider=Provider(kind))


async def test_a_program_that_cannot_run_is_said(cloud: Cloud) -> None:
    cloud.write("")
    (cloud.home / "bin/cloud").write_text("#!/nowhere/sh\n")
    with pytest.raises(ComposeError, match="cannot be run"):
        await cloud.run()
