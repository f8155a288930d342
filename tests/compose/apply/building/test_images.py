"""What a service's build sends to the engine, and what it makes of the answer."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from compose.apply.building.images import build
from compose.apply.building.request import build_request
from compose.errors import ComposeError, EngineRefused
from compose.model.project import FileObject, Project
from compose.model.service import Build, FileMount, Ulimit
from compose.plan.actions import BuildImage
from compose.plan.telling.progress import Update
from engine.client import ApiError, EngineClient
from engine.wire.building import Enclosure
from engine.wire.images import AuthConfig, ImageInspect, Progress, ProgressDetail
from engine.wire.system import SystemVersion, VersionPlatform
from tests.fakes.projects import make_project, make_service

pytestmark = pytest.mark.anyio


@dataclass
class FakeBuilder:
    """The calls of the client that a build makes."""

    lines: list[Progress] = field(default_factory=lambda: [Progress(aux={"ID": "sha256:1"})])
    name: str = "pycompose engine"
    failure: str = ""
    parameters: dict[str, Any] = field(default_factory=dict[str, Any])
    context: bytes = b""
    auths: dict[str, AuthConfig] = field(default_factory=dict[str, AuthConfig])
    tags: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])

    async def build_image(
        self, context: AsyncIterator[bytes], parameters: dict[str, Any], *, auths: dict[str, AuthConfig]
    ) -> AsyncIterator[Progress]:
        self.context = b"".join([chunk async for chunk in context])
        self.parameters, self.auths = parameters, auths
        for line in self.lines:
            yield line
        if self.failure:
            raise ApiError(500, self.failure.format(parameters["dockerfile"]))

    async def auth_for(self, reference: str) -> AuthConfig | None:
        registry = reference.split("/")[0]
        return AuthConfig(username="me", serveraddress=registry) if registry.startswith("my.") else None

    async def version(self) -> SystemVersion:
        return SystemVersion(platform=VersionPlatform(name=self.name), components=[], version="1")

    async def tag_image(self, name: str, repository: str, tag: str) -> None:
        self.tags.append((name, repository, tag))

    async def inspect_image(self, name: str) -> ImageInspect:
        return ImageInspect(id=f"sha256:{name}")


@pytest.fixture
def app(tmp_path: Path) -> Path:
    directory = tmp_path / "app"
    directory.mkdir()
    (directory / "Dockerfile").write_text("FROM my.registry/base\n")
    (directory / "kept").write_text("kept")
    return directory


def project_of(wish: Build, **more: Any) -> tuple[Project, BuildImage]:
    service = make_service("web", image="", build=wish)
    return make_project(service, **more), BuildImage(service, "app-web", "asked to", args={"A": "2"})


async def built(engine: FakeBuilder, wish: Build, **more: Any) -> tuple[str, list[Update]]:
    project, action = project_of(wish, **more)
    told: list[Update] = []
    return await build(cast("EngineClient", engine), project, action, told.append), told


def members(tar: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        files = {item.name: archive.extractfile(item) for item in archive}
        return {name: file.read() if file else b"" for name, file in files.items()}


async def test_the_context_and_the_attributes_go_to_the_engine(app: Path) -> None:
    engine = FakeBuilder()
    wish = Build(
        context=str(app),
        dockerfile="Dockerfile",
        target="final",
        args={"A": "1", "B": "b", "C": None},
        labels={"l": "1"},
        tags=("other:2",),
        shm_size=1 << 20,
        extra_hosts=("db=10.0.0.1",),
        ulimits={"nofile": Ulimit(1, 2)},
        cache_from=("type=registry,ref=a/b", "c"),
    )
    identity, told = await built(engine, wish)
    assert identity == "sha256:1"
    assert members(engine.context) == {"Dockerfile": b"FROM my.registry/base\n", "kept": b"kept"}
    found = engine.parameters
    assert (found["t"], found["dockerfile"], found["target"]) == ("app-web", "Dockerfile", "final")
    assert json.loads(found["buildargs"]) == {"A": "2", "B": "b"}
    assert json.loads(found["labels"])["com.docker.compose.service"] == "web"
    assert json.loads(found["ulimits"]) == [{"Name": "nofile", "Soft": 1, "Hard": 2}]
    assert json.loads(found["cachefrom"]) == ["a/b", "c"]
    assert found["extrahosts"] == ("db:10.0.0.1",)
    assert engine.auths == {"my.registry": AuthConfig(username="me", serveraddress="my.registry")}
    assert engine.tags == [("app-web", "other", "2")]
    assert [item.state for item in told] == ["Building", "Built"]


async def test_credentials_are_those_of_every_registry_that_a_build_may_ask(app: Path) -> None:
    (app / "Dockerfile").write_text(
        "FROM my.one/x\nCOPY --from=my.two/y /a /b\nRUN --mount=type=bind,from=my.three/z ls\n"
    )
    engine = FakeBuilder()
    wish = Build(
        context=str(app),
        cache_from=("type=registry,ref=my.four/c",),
        cache_to=("type=registry,ref=my.five/c",),
        additional_contexts={"a": "docker-image://my.six/i"},
    )
    await built(engine, wish)
    assert set(engine.auths) == {"my.one", "my.two", "my.three", "my.four", "my.five", "my.six"}


async def test_an_inline_dockerfile_is_a_file_of_its_own(app: Path) -> None:
    engine = FakeBuilder()
    await built(engine, Build(context=str(app), dockerfile_inline="FROM x\n"))
    assert members(engine.context)[engine.parameters["dockerfile"]] == b"FROM x\n"


async def test_a_dockerfile_outside_the_context_comes_along(app: Path) -> None:
    (app.parent / "Other").write_text("FROM y\n")
    engine = FakeBuilder()
    await built(engine, Build(context=str(app), dockerfile="../Other"))
    assert members(engine.context)[engine.parameters["dockerfile"]] == b"FROM y\n"


async def test_secrets_come_before_the_context_and_further_contexts_in_it(app: Path, tmp_path: Path) -> None:
    more = tmp_path / "more"
    more.mkdir()
    (more / "file").write_text("more")
    (tmp_path / "token").write_text("hidden")
    engine = FakeBuilder()
    wish = Build(
        context=str(app),
        secrets=(FileMount("token", "/run/secrets/token"),),
        additional_contexts={"more": str(more), "img": "docker-image://busybox", "base": "service:web"},
    )
    secrets = {"token": FileObject("token", "token", file=str(tmp_path / "token"))}
    await built(engine, wish, secrets=secrets)
    prefix, length = engine.parameters["pycompose-extras"], engine.parameters["pycompose-enclosed"]
    assert msgspec.json.decode(engine.context[:length], type=Enclosure) == Enclosure({"token": b"hidden"})
    found = members(engine.context[length:])
    assert found[f"{prefix}/contexts/more/file"] == b"more"
    contexts = json.loads(engine.parameters["pycompose-contexts"])
    assert contexts == {"more": "", "img": "docker-image://busybox", "base": "docker-image://app-web"}


@pytest.mark.parametrize(
    ("wish", "name"),
    [
        (Build(secrets=(FileMount("x"),)), "secrets"),
        (Build(ssh=("default",)), "ssh"),
        (Build(additional_contexts={"a": "/b"}), "additional_contexts"),
        (Build(privileged=True), "privileged"),
    ],
)
async def test_another_engine_is_not_asked_for_what_it_would_ignore(wish: Build, name: str) -> None:
    with pytest.raises(ComposeError, match=f"`{name}` of the build of service `web` cannot be passed") as failed:
        await built(FakeBuilder(name="Docker Engine - Community"), wish)
    assert failed.value.subject == ("services", "web", "build", name)


async def test_a_failed_step_is_told_with_the_end_of_its_output(app: Path) -> None:
    lines = [
        Progress(stream="Step 1/2 : FROM x\n"),
        Progress(stream=" ---> 1234\n"),
        Progress(stream="Step 2/2 : RUN false\n"),
        Progress(stream=" ---> Running in 1\n"),
        Progress(stream="one\ntw"),
        Progress(stream="o\n"),
    ]
    engine = FakeBuilder(lines, failure="Dockerfile:2: the command returned a non-zero code: 1")
    told: list[Update] = []
    project, action = project_of(Build(context=str(app)))
    with pytest.raises(EngineRefused) as failed:
        await build(cast("EngineClient", engine), project, action, told.append)
    assert failed.value.message.splitlines() == [
        "building service web: Dockerfile:2: the command returned a non-zero code: 1",
        "  | one",
        "  | two",
    ]
    assert told[-1].detail == "Step 2/2 : RUN false"
    assert told[-1].line == "two"


async def failing(wish: Build, problem: str) -> EngineRefused:
    """The error of a build which the engine ends with a problem, `{}` being the Dockerfile's name there."""
    project, action = project_of(wish)
    with pytest.raises(EngineRefused) as failed:
        await build(cast("EngineClient", FakeBuilder(failure=problem)), project, action, lambda _: None)
    return failed.value


async def test_an_error_in_an_inline_dockerfile_points_at_its_line(app: Path) -> None:
    error = await failing(Build(context=str(app), dockerfile_inline="FROM x\nRUN y\n"), "{}:2: no such thing")
    assert error.message == "building service web: line 2 of its inline Dockerfile: no such thing"
    assert (error.subject, error.line) == (("services", "web", "build", "dockerfile_inline"), 2)


async def test_an_error_in_a_dockerfile_outside_the_context_names_that_file(app: Path) -> None:
    other = app.parent / "Other"
    other.write_text("FROM y\n")
    error = await failing(Build(context=str(app), dockerfile="../Other"), "{}:1: no such thing")
    assert error.message == f"building service web: {other}:1: no such thing"


async def test_bytes_of_pulls_are_progress_of_the_step_that_pulls(app: Path) -> None:
    step = "Step 1/1 : FROM x"
    lines = [
        Progress(stream=f"{step}\n"),
        Progress(id="l", status="Downloading", progress_detail=ProgressDetail(current=5, total=10)),
        Progress(id="l", status="Pull complete"),
        Progress(aux={"ID": "sha256:1"}),
    ]
    _, told = await built(FakeBuilder(lines), Build(context=str(app)))
    assert [(item.detail, item.current, item.total, item.line) for item in told[2:5]] == [
        (step, 5, 10, ""),
        (step, 10, 10, ""),
        (step, 0, 0, "l: Pull complete"),
    ]


async def test_a_remote_context_is_fetched_by_the_engine() -> None:
    engine = FakeBuilder()
    await built(engine, Build(context="https://host/repository.git#main:sub"))
    assert engine.context == b""
    assert engine.parameters["remote"] == "https://host/repository.git#main:sub"


async def test_secrets_and_an_inline_dockerfile_come_along_with_a_remote_context(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hidden")
    engine = FakeBuilder()
    wish = Build(context="github.com/a/b", dockerfile_inline="FROM x", secrets=(FileMount("token", ""),))
    await built(engine, wish, secrets={"token": FileObject("token", "token", file=str(tmp_path / "token"))})
    assert msgspec.json.decode(engine.context, type=Enclosure) == Enclosure({"token": b"hidden"}, "FROM x")


async def test_a_local_context_cannot_come_along_with_a_remote_one(tmp_path: Path) -> None:
    with pytest.raises(ComposeError, match="local ones cannot be sent along"):
        await built(FakeBuilder(), Build(context="github.com/a/b", additional_contexts={"a": str(tmp_path)}))


def test_a_missing_dockerfile_is_named() -> None:
    project, action = project_of(Build(context="/nowhere", dockerfile="Dockerfile"))
    with pytest.raises(ComposeError, match="the Dockerfile of service `web` cannot be read: /nowhere/Dockerfile"):
        build_request(project, action)
