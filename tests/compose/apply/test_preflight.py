"""Everything that is sure to fail is told at once, before anything is done."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from compose.apply.locality import shares
from compose.apply.looking.observe import observe
from compose.apply.preflight import preflight
from compose.errors import ComposeError
from compose.model.project import FileObject, Network, Project, Volume
from compose.model.service import BindMount, Build, FileMount, Mount, Port, ServiceNetwork
from compose.plan.deciding.building import BuildOptions
from compose.plan.deciding.foresight import imagine
from compose.plan.deciding.survey import Options
from tests.fakes.driving import make_engine, up
from tests.fakes.engine import FakeEngine
from tests.fakes.projects import make_project, make_service

PROGRAM = Path("/proc/self/comm").read_text().strip()

pytestmark = pytest.mark.anyio


@pytest.fixture
def local(tmp_path: Path) -> Iterator[FakeEngine]:
    """An engine behind a socket of this process: its files and ports are ours."""
    engine = make_engine()
    engine.address = f"unix://{tmp_path}/engine.sock"
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(f"{tmp_path}/engine.sock")
        door.listen()
        yield engine


async def problems(engine: FakeEngine, project: Project) -> dict[str, tuple[object, ...]]:
    """Message -> place of what is told."""
    observed = await observe(engine.client, project.name)
    found: list[ComposeError] = []
    try:
        await preflight(engine.client, project, imagine(project, observed, Options(), BuildOptions()))
    except ComposeError as exc:
        found = [exc]
    except ExceptionGroup as group:
        found = [exc for exc in group.exceptions if isinstance(exc, ComposeError)]
    assert engine.calls == [], "nothing is done"
    return {exc.message: exc.subject for exc in found}


async def test_all_troubles_of_a_project_are_told_together(local: FakeEngine, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        project = make_project(
            make_service("web", ports=(Port(80, str(port), "127.0.0.1"),), networks={"outer": ServiceNetwork()}),
            make_service("data", volumes=(Mount("volume", "/data", "kept"),)),
            make_service("bound", volumes=(Mount("bind", "/b", "/no/such", bind=BindMount(create_host_path=False)),)),
            make_service("told", secrets=(FileMount("key"), FileMount("word")), configs=(FileMount("conf"),)),
            make_service("built", image="built:1", build=Build(f"{tmp_path}/gone")),
            make_service("half", image="half:1", build=Build(f"{tmp_path}/empty")),
            make_service("never", image="none:1", pull_policy="never"),
            networks={
                "default": Network("default", "app_default"),
                "outer": Network("outer", "outer", external=True),
            },
            volumes={"kept": Volume("kept", "kept", external=True)},
            secrets={
                "key": FileObject("key", "app_key", file="/no/key"),
                "word": FileObject("word", "w", environment="WORD"),
            },
            configs={"conf": FileObject("conf", "app_conf", file="/no/conf")},
        )
        found = await problems(local, project)
    assert found == {
        "network outer declared as external, but could not be found": ("networks", "outer", "external"),
        "external volume kept not found": ("volumes", "kept", "external"),
        "image `none:1` of service `never` is missing, and may not be pulled": ("services", "never", "image"),
        f"the build context {tmp_path}/gone of service built is not there": ("services", "built", "build", "context"),
        "service half has no Dockerfile in its build context": ("services", "half", "build"),
        "service bound mounts /no/such, which is not there": ("services", "bound", "volumes", 0),
        "the file /no/conf of config conf is not there": ("configs", "conf", "file"),
        "the file /no/key of secret key is not there": ("secrets", "key", "file"),
        f"port 127.0.0.1:{port}/tcp of container app-web-1 is in use on this host, by {PROGRAM} (pid {os.getpid()})": (
            "services",
            "web",
            "ports",
            0,
        ),
        "environment variable `WORD`, the content of secret `word`, is not set": ("secrets", "word", "environment"),
    }


async def test_a_name_that_no_request_can_carry_is_told_before_another_one_is_mounted() -> None:
    project = make_project(make_service("web", volumes=(Mount("bind", "/b", "/srv/b\udcffd"),)))
    assert list(await problems(make_engine(), project)) == [
        r"b'/srv/b\xffd' cannot be mounted at /b: its name is not UTF-8 text"
    ]


async def test_a_volumes_name_of_one_letter_is_told_to_be_a_drive() -> None:
    project = make_project(make_service("web", volumes=(Mount("volume", "v:/data"),)))
    message = "`v:/data` is read as one path on a Windows drive, not as a volume of that name"
    assert await problems(make_engine(), project) == {message: ("services", "web", "volumes", 0)}


async def test_of_an_engine_elsewhere_neither_files_nor_ports_are_looked_for_here() -> None:
    bind = Mount("bind", "/b", "/no/such", bind=BindMount(create_host_path=False))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = Port(80, str(taken.getsockname()[1]), "127.0.0.1")
        assert await problems(make_engine(), make_project(make_service("web", ports=(port,), volumes=(bind,)))) == {}


async def test_what_is_up_needs_nothing_any_more(local: FakeEngine) -> None:
    project = make_project(make_service("web"))
    await up(local, project)
    local.calls.clear()
    assert await problems(local, project) == {}


def test_who_is_behind_a_socket_is_asked_of_the_kernel(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(f"{tmp_path}/s")
        door.listen()
        assert shares(f"unix://{tmp_path}/s", "net")
        assert shares(f"unix://{tmp_path}/s", "mnt")
    assert not shares(f"unix://{tmp_path}/s", "net"), "nobody is there"
    assert not shares("tcp://127.0.0.1:1", "net")
