"""Configs and secrets that are copied into containers."""

from __future__ import annotations

import io
import tarfile

import pytest

from compose.errors import ComposeError, EngineRefused
from compose.model.project import FileObject, Project
from compose.model.service import FileMount
from tests.fakes.driving import make_engine, up
from tests.fakes.projects import make_project, make_service

pytestmark = pytest.mark.anyio


async def test_inline_configs_and_secrets_are_copied_in_before_the_start() -> None:
    engine = make_engine()
    service = make_service("web", configs=(FileMount("c", mode=0o400),), secrets=(FileMount("s"),))
    project = make_project(
        service,
        configs={"c": FileObject("c", "app_c", content="hello")},
        secrets={"s": FileObject("s", "app_s", environment="TOKEN")},
        environment={"TOKEN": "hunter2"},
    )
    await up(engine, project)
    assert engine.calls[-3:] == ["create app-web-1", "put files into app-web-1", "start app-web-1"]
    with tarfile.open(fileobj=io.BytesIO(engine.named("app-web-1").files[0])) as tar:
        found = {entry.name: (entry.mode, tar.extractfile(entry).read()) for entry in tar}  # type: ignore[union-attr]
    assert found == {"c": (0o400, b"hello"), "run/secrets/s": (0o444, b"hunter2")}


async def test_a_container_that_did_not_get_its_files_is_not_left_behind() -> None:
    engine = make_engine()
    engine.refusals["put files"] = (500, "no space left")
    service = make_service("web", configs=(FileMount("c"),))
    project = make_project(service, configs={"c": FileObject("c", "app_c", content="hello")})
    with pytest.raises(EngineRefused, match="no space left"):
        await up(engine, project)
    assert engine.containers == {}


async def test_a_secret_from_an_unset_variable_is_an_error() -> None:
    service = make_service("web", secrets=(FileMount("s"),))
    project = make_project(service, secrets={"s": FileObject("s", "app_s", environment="TOKEN")})
    with pytest.raises(ComposeError, match="`TOKEN`, the content of secret `s`, is not set"):
        await up(make_engine(), project)


async def test_new_content_of_a_config_makes_a_new_container_and_another_tools_container_stays() -> None:
    engine = make_engine()
    service = make_service("web", configs=(FileMount("c", "/c"),))

    def with_content(text: str) -> Project:
        return make_project(service, configs={"c": FileObject("c", "app_c", content=text)})

    await up(engine, with_content("one"))
    first = engine.named("app-web-1").id
    await up(engine, with_content("two"))
    second = engine.named("app-web-1")
    assert second.id != first
    del second.request.labels["pycompose.content-hash"]
    await up(engine, with_content("three"))
    assert engine.named("app-web-1").id == second.id
