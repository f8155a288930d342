"""The front desk.

POST /jobs      {"number": 91}   takes a job and tells its id
GET  /jobs/1                     how it stands; ?wait=10 waits up to ten seconds for its end
GET  /                           how many are waiting, and how many were done
"""

from __future__ import annotations

import contextlib
import json
import signal
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from jobs.redis import Redis


class FrontDesk(BaseHTTPRequestHandler):
    """Answers in JSON. Each request has a connection to Redis of its own, so they may wait for different jobs."""

    def do_GET(self) -> None:
        self.answer_with(self.tell)

    def do_POST(self) -> None:
        self.answer_with(self.take)

    def answer_with(self, act: Callable[[], None]) -> None:
        """Answer, also while Redis is away: it is restarted now and then."""
        try:
            act()
        except OSError as exc:
            self.answer(503, {"error": f"no word from Redis: {exc}"})

    def tell(self) -> None:
        """How many jobs there are, or how one stands."""
        address = urlsplit(self.path)
        wait_seconds = int(parse_qs(address.query).get("wait", ["0"])[0])
        with contextlib.closing(Redis()) as redis:
            match address.path.split("/")[1:]:
                case [""]:
                    self.answer(200, {"waiting": redis("LLEN", "waiting"), "done": int(str(redis("GET", "done") or 0))})
                case ["jobs", identity]:
                    found = job(redis, identity, wait_seconds)
                    self.answer(200 if found else 404, found or {"error": f"there is no job {identity}"})
                case _:
                    self.answer(404, {"error": "nothing here"})

    def take(self) -> None:
        """Put a job into the queue."""
        try:
            number = int(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["number"])
        except (KeyError, TypeError, ValueError):
            self.answer(400, {"error": 'send {"number": …}'})
            return
        with contextlib.closing(Redis()) as redis:
            identity = redis("INCR", "last")
            redis("HSET", f"job:{identity}", "number", number, "state", "waiting")
            redis("LPUSH", "waiting", str(identity))
        self.answer(202, {"id": identity})

    def answer(self, status: int, body: dict[str, Any]) -> None:
        """Send `body` and a newline, for people who use curl."""
        encoded = json.dumps(body).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)


def job(redis: Redis, identity: str, wait_seconds: int) -> dict[str, str]:
    """What is known of a job, if need be after its end."""
    found = redis.mapping(f"job:{identity}")
    if wait_seconds and found.get("state") in ("waiting", "working"):
        # The worker leaves a note in this list. Turning it around leaves it there for others who wait.
        redis("BLMOVE", f"ended:{identity}", f"ended:{identity}", "LEFT", "LEFT", wait_seconds)
        found = redis.mapping(f"job:{identity}")
    return found


# The kernel gives the first process of a container no default handlers: without this one, SIGTERM does nothing.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
ThreadingHTTPServer(("", 8000), FrontDesk).serve_forever()
