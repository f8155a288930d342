"""One worker: takes a job, does it, takes the next. SIGUSR1 makes it leave after the job in hand.

A job is moved from the list `waiting` to a list of the worker's own in one step, and is in one of them until it is
done. So a worker that crashes finds its job again when the restart policy has brought it back: the host name of a
container is the same for all of its life.
"""

from __future__ import annotations

import signal
import socket

from jobs.redis import Redis

ATTEMPTS = 2
ME = socket.gethostname()
MINE = f"working:{ME}"


class Leaving(Exception):
    """Raised by the signal while there is nothing to finish."""


class Worker:
    """Works until it is told to leave."""

    def __init__(self) -> None:
        self._is_busy = False
        self._is_leaving = False
        signal.signal(signal.SIGUSR1, self._on_signal)
        self._redis = Redis()

    def work(self) -> None:
        """Finish what an earlier life has left, then take what comes."""
        try:
            while identity := self._redis("LINDEX", MINE, 0):
                self._do(str(identity))
            while not self._is_leaving:
                self._do(str(self._redis("BLMOVE", "waiting", MINE, "RIGHT", "LEFT", 0)))
        except Leaving:
            # Between two jobs. Should one have arrived this very moment, it goes back to the head of the queue.
            self._redis.close()
            Redis()("LMOVE", MINE, "waiting", "LEFT", "RIGHT")
        print("leaving")

    def _do(self, identity: str) -> None:
        self._is_busy = True
        key = f"job:{identity}"
        number = int(self._redis.mapping(key)["number"])
        attempt = int(str(self._redis("HINCRBY", key, "attempts", 1)))
        if attempt > ATTEMPTS:
            self._end(identity, "failed", f"given up after {ATTEMPTS} attempts")
        else:
            self._redis("HSET", key, "state", "working", "worker", ME)
            print(f"job {identity}: factorise {number}, attempt {attempt}")
            self._end(identity, "done", " * ".join(map(str, factors(number))))
        self._is_busy = False

    def _end(self, identity: str, state: str, result: str) -> None:
        self._redis("HSET", f"job:{identity}", "state", state, "result", result)
        self._redis("LREM", MINE, 1, identity)
        self._redis("INCR", "done")
        self._redis("RPUSH", f"ended:{identity}", state)
        print(f"job {identity}: {state}, {result}")

    def _on_signal(self, *_: object) -> None:
        self._is_leaving = True
        if not self._is_busy:
            raise Leaving


def factors(number: int) -> list[int]:
    """The prime factors of a number, from the smallest. Slow on purpose: a quick job would not show a queue."""
    if number < 1:
        raise ValueError(f"{number} has no prime factors")  # nobody catches it: this is how a worker crashes
    found, candidate = [], 2
    while candidate * candidate <= number:
        if number % candidate:
            candidate += 1
        else:
            found.append(candidate)
            number //= candidate
    return [*found, number] if number > 1 or not found else found


Worker().work()
