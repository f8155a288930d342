"""Coroutines that wait for sockets and for each other."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator

import pytest

from engine.client.reactor import Cancelled, Group, Reactor, readable


@pytest.fixture
def reactor() -> Iterator[Reactor]:
    made = Reactor()
    yield made
    made.close()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ends = socket.socketpair()
    yield ends
    for end in ends:
        end.close()


async def heard(end: socket.socket) -> bytes:
    await readable(end)
    return end.recv(100)


def test_who_waits_for_a_socket_leaves_the_others_alone(
    reactor: Reactor, pair: tuple[socket.socket, socket.socket]
) -> None:
    found: list[bytes] = []

    async def listen() -> None:
        found.append(await heard(pair[0]))

    async def speak() -> None:
        found.append(b"spoken")
        pair[1].send(b"heard")

    async def main() -> None:
        async with Group(reactor) as tasks:
            tasks.start_soon(listen)
            tasks.start_soon(speak)

    reactor.run(main())
    assert found == [b"spoken", b"heard"]


def test_a_block_ends_after_what_its_coroutines_have_begun(reactor: Reactor) -> None:
    order: list[int] = []

    async def main() -> None:
        async with Group(reactor) as tasks:

            async def count(number: int) -> None:
                order.append(number)
                if number:
                    tasks.start_soon(count, number - 1)

            tasks.start_soon(count, 2)
        order.append(-1)

    reactor.run(main())
    assert order == [2, 1, 0, -1]


def test_a_failure_ends_the_others_where_they_wait_and_is_raised_by_itself(
    reactor: Reactor, pair: tuple[socket.socket, socket.socket]
) -> None:
    ends: list[str] = []

    async def wait() -> None:
        try:
            await heard(pair[0])
        except Cancelled:
            ends.append("cancelled")
            raise

    async def fail() -> None:
        raise ValueError("wrong")

    async def main() -> str:
        with pytest.raises(ValueError, match="wrong"):
            async with Group(reactor) as tasks:
                tasks.start_soon(wait)
                tasks.start_soon(fail)
        return "over"

    assert reactor.run(main()) == "over"
    assert ends == ["cancelled"]


def test_what_is_shielded_is_finished_before_it_is_cancelled(
    reactor: Reactor, pair: tuple[socket.socket, socket.socket]
) -> None:
    done: list[bytes] = []

    async def create() -> None:
        with reactor.shielded():
            done.append(await heard(pair[0]))
        done.append(await heard(pair[0]))

    async def end(tasks: Group) -> None:
        tasks.cancel_scope.cancel()
        pair[1].send(b"made")

    async def main() -> None:
        async with Group(reactor) as tasks:
            tasks.start_soon(create)
            tasks.start_soon(end, tasks)

    reactor.run(main())
    assert done == [b"made"]


def test_an_error_of_the_block_ends_its_coroutines(reactor: Reactor, pair: tuple[socket.socket, socket.socket]) -> None:
    async def main() -> None:
        async with Group(reactor) as tasks:
            tasks.start_soon(heard, pair[0])
            raise LookupError("nothing there")

    with pytest.raises(LookupError):
        reactor.run(main())


def test_an_interrupt_closes_everybody_where_they_wait(
    reactor: Reactor, pair: tuple[socket.socket, socket.socket]
) -> None:
    closed: list[str] = []

    async def wait() -> None:
        try:
            await heard(pair[0])
        finally:
            closed.append("closed")

    async def interrupt() -> None:
        raise KeyboardInterrupt

    async def main() -> None:
        async with Group(reactor) as tasks:
            tasks.start_soon(wait)
            tasks.start_soon(interrupt)

    with pytest.raises(KeyboardInterrupt):
        reactor.run(main())
    assert closed == ["closed"]
    assert reactor.run(constant()) == 1, "it can be used again"


def test_ctrl_c_is_answered_where_somebody_waits(reactor: Reactor, pair: tuple[socket.socket, socket.socket]) -> None:
    went_on: list[str] = []

    async def main() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        went_on.append("to the next wait")
        await readable(pair[0])
        went_on.append("behind it")

    with pytest.raises(KeyboardInterrupt):
        reactor.run(main())
    assert went_on == ["to the next wait"]
    assert reactor.run(constant()) == 1, "it can be used again"


def test_ctrl_c_wakes_who_waits(reactor: Reactor, pair: tuple[socket.socket, socket.socket]) -> None:
    def press() -> None:
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        reactor.run(heard(pair[0]), press)


def test_ctrl_c_is_answered_though_nobody_waits_any_more(reactor: Reactor) -> None:
    async def main() -> None:
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        reactor.run(main())
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


async def constant() -> int:
    return 1


def test_the_pulse_beats_while_everybody_waits(reactor: Reactor, pair: tuple[socket.socket, socket.socket]) -> None:
    beats: list[int] = []

    def beat() -> None:
        beats.append(1)
        if len(beats) == 2:
            pair[1].send(b"enough")

    assert reactor.run(heard(pair[0]), beat) == b"enough"
    assert len(beats) >= 2


def test_waiting_for_nobody_is_a_mistake(reactor: Reactor) -> None:
    async def stuck() -> None:
        group = Group(reactor)
        group.start_soon(constant)
        reactor._ready.clear()  # a job that nobody runs any more
        async with group:
            pass

    with pytest.raises(RuntimeError, match="waits for another"):
        reactor.run(stuck())
