"""examples/queue: replicas, leaving in good order, crashes and restarts."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.e2e.example import Example, ask, example
from tests.e2e.machine import Machine, json_lines
from tests.fakes.ports import free_port

pytestmark = [pytest.mark.root, pytest.mark.net]

SLOW = 1000003 * 1000033  # a million divisions
SLOW_RESULT = "1000003 * 1000033"


@pytest.fixture(scope="module")
def queue(machine: Machine) -> Iterator[Example]:
    with example(machine, "queue", QUEUE_PORT=str(free_port())) as run:
        run("up", "-d", "--wait")
        yield run


def post(queue: Example, number: int) -> int:
    identity: int = json.loads(ask(address(queue) + "/jobs", {"number": number}))["id"]
    return identity


def result(queue: Example, identity: int) -> dict[str, str]:
    """How a job ended."""
    ended: dict[str, str] = json.loads(ask(f"{address(queue)}/jobs/{identity}?wait=30"))
    return ended


def address(queue: Example) -> str:
    return f"http://127.0.0.1:{queue.variables['QUEUE_PORT']}"


def running(queue: Example, service: str) -> set[str]:
    return {entry["ID"] for entry in json_lines(queue("ps", "--format", "json", service).stdout)}


def test_a_job_is_done(queue: Example) -> None:
    done = result(queue, post(queue, 8051))
    assert (done["state"], done["result"], done["attempts"]) == ("done", "83 * 97", "1")


def test_up_again_would_change_nothing(queue: Example) -> None:
    assert queue.to_do() == set()


def test_more_workers_take_jobs_and_those_who_have_to_leave_finish_theirs(queue: Example) -> None:
    before = running(queue, "worker")
    queue("up", "-d", "--scale", "worker=4", "--wait")
    assert len(running(queue, "worker")) == 4
    assert before < running(queue, "worker")
    slow = [post(queue, SLOW) for _ in range(6)]
    queue("up", "-d", "--scale", "worker=1")
    assert len(running(queue, "worker")) == 1
    ended = [result(queue, identity) for identity in slow]
    assert {(job["state"], job["result"], job["attempts"]) for job in ended} == {("done", SLOW_RESULT, "1")}
    queue("up", "-d", "--wait")


def test_a_worker_that_crashes_comes_back_and_gives_its_job_up_in_the_end(queue: Example) -> None:
    failed = result(queue, post(queue, 0))
    assert (failed["state"], failed["result"]) == ("failed", "given up after 2 attempts")
    assert queue("logs", "worker").stdout.count("ValueError: 0 has no prime factors") == 2
    assert result(queue, post(queue, 6))["result"] == "2 * 3"


def test_jobs_survive_a_stop_because_a_hook_saves_them(queue: Example) -> None:
    done = post(queue, 35)
    assert result(queue, done)["result"] == "5 * 7"
    queue("stop")
    queue("start", "--wait")
    assert result(queue, done)["result"] == "5 * 7"


def test_workers_that_lose_redis_come_back_to_it(queue: Example) -> None:
    queue("restart", "redis")
    queue("up", "-d", "--wait")  # a restart does not wait until it answers
    assert result(queue, post(queue, 15))["result"] == "3 * 5"
