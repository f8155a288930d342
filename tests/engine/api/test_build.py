"""`/build…`: parameters to an order, lines to the client, what is cached."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

import pytest

from engine.api.messages import Request, Stream
from engine.api.routes.build import build, cache_record, cancel, error_line, order_of, prune
from engine.builder.dockerfile.stages import parse_dockerfile
from engine.builder.failure import StepFailed
from engine.builder.usage import Bounds, CacheUsage
from engine.errors import BadRequest, NotImplementedHere
from engine.wire.containers import Ulimit
from engine.wire.http import parse_target
from engine.wire.images import AuthConfig
from tests.fakes.services import fake_engine

pytestmark = pytest.mark.anyio


def request(
    query: str = "", body: bytes = b"", *, path: str = "/build", headers: Mapping[str, str] | None = None
) -> Request:
    chunks = iter([body, b""])

    async def read() -> bytes:
        return next(chunks)

    return Request("POST", parse_target(f"{path}?{query}"), headers or {}, read)


def test_every_parameter_of_the_classic_builder_is_read() -> None:
    order = order_of(
        request(
            "dockerfile=d&t=a&t=b:1&remote=r&target=x&nocache=1&pull=1&q=1&networkmode=host&shmsize=9&memory=8&memswap=-1"
            "&cpushares=2&cpuperiod=3&cpuquota=4&cpusetcpus=0&cpusetmems=1&cgroupparent=p&platform=linux/amd64&extrahosts=a:1&extrahosts=b:2"
            "&buildargs=%7B%22A%22:%221%22,%22B%22:null%7D&labels=%7B%22l%22:%22v%22%7D&cachefrom=%5B%22c%22%5D"
            "&ulimits=%5B%7B%22Name%22:%22nofile%22,%22Soft%22:1,%22Hard%22:2%7D%5D"
        )
    )
    assert (order.dockerfile, order.tags, order.remote, order.target) == ("d", ("a", "b:1"), "r", "x")
    assert (order.no_cache, order.pull, order.is_quiet, order.network) == (True, True, True, "host")
    assert (order.shm_size, order.memory, order.memory_swap, order.cpu_shares) == (9, 8, -1, 2)
    assert (order.cpu_period, order.cpu_quota, order.cpuset_cpus, order.cpuset_mems) == (3, 4, "0", "1")
    assert order.cgroup_parent == "p"
    assert (order.platform, order.extra_hosts, order.cache_from) == ("linux/amd64", ("a:1", "b:2"), ("c",))
    assert (order.args, order.given_args, order.labels) == ({"A": "1", "B": None}, {"A": "1"}, {"l": "v"})
    assert order.ulimits == (Ulimit(name="nofile", soft=1, hard=2),)
    assert order.uses_only_cache_from


def test_nothing_asked_for_is_the_default() -> None:
    order = order_of(request("buildargs=&labels=null&ulimits=null"))
    assert (order.dockerfile, order.tags, order.args, order.ulimits) == ("Dockerfile", (), {}, ())


def test_hosts_may_also_come_as_docker_py_sends_them() -> None:
    assert order_of(request('extrahosts={"a":"1"}')).extra_hosts == ("a:1",)
    assert order_of(request("extrahosts=a:1,b:2")).extra_hosts == ("a:1", "b:2")


def test_credentials_come_by_registry() -> None:
    header = base64.urlsafe_b64encode(json.dumps({"r:1": {"username": "u", "password": "p"}}).encode()).decode()
    order = order_of(request(headers={"x-registry-config": header}))
    assert order.registries == {"r:1": AuthConfig(username="u", password="p")}


@pytest.mark.parametrize("query", ["version=2", "remote=client-session", "outputs=%5B1%5D"])
def test_what_there_is_not_is_refused(query: str) -> None:
    with pytest.raises(NotImplementedHere):
        order_of(request(query))


@pytest.mark.parametrize(
    "query", ["squash=1", "buildargs=x", "labels=%5B%5D", "shmsize=x", "extrahosts=%7Bx", "cachefrom=%7B%7D"]
)
def test_what_cannot_be_read_is_refused(query: str) -> None:
    with pytest.raises(BadRequest):
        order_of(request(query))


async def test_the_body_is_the_context_and_the_answer_a_stream() -> None:
    engine = fake_engine()
    answer = await build(engine.services, request("t=x", b"tar"))
    assert isinstance(answer, Stream)
    assert [json.loads(chunk) async for chunk in answer.chunks] == [{"stream": "Successfully built 0123456789ab\n"}]
    assert engine.builder.contexts == [b"tar"]


async def test_a_check_says_what_it_finds_and_builds_nothing() -> None:
    answer = await build(fake_engine().services, request("pycompose-check=1", b"tar"))
    assert isinstance(answer, Stream)
    assert [json.loads(chunk) async for chunk in answer.chunks] == [{"stream": "Dockerfile:1: Rule: message\n"}]


def test_a_failed_step_tells_the_exit_code_of_its_program() -> None:
    failed = StepFailed(parse_dockerfile("FROM x"), 1, "it returned a non-zero code: 3", exit_code=3)
    line = json.loads(error_line(failed))
    assert line["errorDetail"] == {"message": line["error"], "code": 3}
    assert line["error"] == "Dockerfile:1: it returned a non-zero code: 3"
    assert "code" not in json.loads(error_line(BadRequest("no")))["errorDetail"]


def cached(identity: str, **more: object) -> CacheUsage:
    facts = {
        "kind": "regular",
        "description": f"RUN {identity}",
        "size_bytes": 5,
        "created_ns": 0,
        "used_ns": 0,
        "uses": 1,
    }
    return CacheUsage(id=identity, **{**facts, **more})  # type: ignore[arg-type]  # the fields are mixed


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("all=1", []),
        ("", ["shared"]),
        ('all=1&filters={"type":["exec.cachemount"]}', ["a", "shared"]),
        ('all=1&filters={"until":["24h"]}', []),
        ('all=1&filters={"unused-for":["1000000h"]}', ["a", "mount", "shared"]),
        ('all=1&filters={"id":["a"]}', ["mount", "shared"]),
        ('all=1&filters={"shared":["true"]}', ["a", "mount"]),
        ('all=1&filters={"description":["RUN mount"]}', ["a", "shared"]),
    ],
)
async def test_pruning_takes_what_the_filters_say(query: str, left: list[str]) -> None:
    engine = fake_engine()
    engine.builder.cached = [cached("a"), cached("mount", kind="exec.cachemount"), cached("shared", is_shared=True)]
    await prune(engine.services, request(query, path="/build/prune"))
    assert sorted(item.id for item in engine.builder.cached) == left


@pytest.mark.parametrize(
    ("query", "bounds"),
    [
        ("", Bounds()),
        ("keep-storage=7", Bounds(reserved=7)),
        ("reserved-space=8&keep-storage=8", Bounds(reserved=8)),
        ("reserved-space=3&max-used-space=9&min-free-space=5", Bounds(most=9, reserved=3, least_free=5)),
    ],
)
async def test_what_may_stay_has_had_several_names(query: str, bounds: Bounds) -> None:
    engine = fake_engine()
    await prune(engine.services, request(query, path="/build/prune"))
    assert engine.builder.bounds == bounds


async def test_a_time_that_is_none_is_refused_though_nothing_is_cached() -> None:
    with pytest.raises(BadRequest, match="x"):
        await prune(fake_engine().services, request('filters={"until":["x"]}', path="/build/prune"))


async def test_cancelling_names_the_build() -> None:
    engine = fake_engine()
    with pytest.raises(BadRequest, match="build ID not provided"):
        await cancel(engine.services, request(path="/build/cancel"))
    await cancel(engine.services, request("id=b1", path="/build/cancel"))
    assert engine.builder.cancelled == ["b1"]


def test_an_entry_of_the_cache_has_dockers_fields() -> None:
    record = cache_record(cached("a", used_ns=1_000_000_000))
    assert record["ID"] == "a"
    assert record["Size"] == 5
    assert record["LastUsedAt"] == "1970-01-01T00:00:01.000000000Z"
