"""Keeps nginx's routes true to what runs: `gateway.path` and `gateway.port` of a container's labels are a route to it.

Speaks the Docker Engine API (https://docs.docker.com/reference/api/engine/): lists the containers of this project, and
again whenever the engine tells that one has started or ended.
"""

from __future__ import annotations

import http.client
import json
import socket
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

ROUTES = Path("/routes")
NETWORK = "back"

Backends = dict[str, list[str]]  # addresses by path


class Engine(http.client.HTTPConnection):
    """A connection to the engine's socket."""

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect("/var/run/docker.sock")

    def ask(self, method: str, path: str, **filters: list[str]) -> http.client.HTTPResponse:
        """Make a request that succeeds; what `filters` leaves out is not answered."""
        separator = "&" if "?" in path else "?"
        self.request(method, f"{path}{separator}filters={quote(json.dumps(filters))}" if filters else path)
        answer = self.getresponse()
        if answer.status >= 400:
            raise OSError(f"{method} {path}: {answer.read().decode()}")
        return answer


def main() -> None:
    """Follow the engine for ever. Events are subscribed to before the first look, so none is missed."""
    project = f"com.docker.compose.project={own_project()}"
    changes = events(project)
    next(changes)
    shown: Backends | None = None
    while True:
        found = backends(project)
        if found != shown:
            write(found)
            reload_nginx(project)
            print(f"routes: {', '.join(f'{path} to {len(found[path])}' for path in sorted(found)) or 'none'}")
            shown = found
        next(changes)


def own_project() -> str:
    """The project that this container belongs to."""
    labels = json.load(Engine("engine").ask("GET", f"/containers/{socket.gethostname()}/json"))["Config"]["Labels"]
    return str(labels["com.docker.compose.project"])


def events(project: str) -> Iterator[None]:
    """Yield once when listening has begun, then whenever one of the project's containers has started or ended."""
    answer = Engine("engine").ask(
        "GET", "/events", type=["container"], label=[project], event=["start", "die", "pause", "unpause"]
    )
    yield
    for _ in answer:
        yield
    raise OSError("the engine has ended")  # the restart policy brings us back


def backends(project: str) -> Backends:
    """Where each path leads now."""
    found = defaultdict(list)
    for container in running(label=[project, "gateway.path"]):
        labels = container["Labels"]
        for name, network in container["NetworkSettings"]["Networks"].items():
            if name.endswith(f"_{NETWORK}"):
                found[labels["gateway.path"]].append(f"{network['IPAddress']}:{labels['gateway.port']}")
    return {path: sorted(addresses) for path, addresses in found.items()}


def write(found: Backends) -> None:
    """Write what nginx includes: a group of servers for each path, the paths, and a page that lists them."""
    groups, paths = [], []
    for number, (path, addresses) in enumerate(sorted(found.items())):
        servers = " ".join(f"server {address};" for address in addresses)
        groups.append(f"upstream route{number} {{ {servers} }}\n")
        paths.append(f"location {path} {{ proxy_pass http://route{number}/; }}\n")
    listing = "".join(f"{path} {len(addresses)}\\n" for path, addresses in sorted(found.items()))
    paths.append(f'location = / {{ return 200 "{listing}"; }}\n')
    replace(ROUTES / "routes.upstreams", "".join(groups))
    replace(ROUTES / "routes.conf", "".join(paths))


def replace(path: Path, text: str) -> None:
    """Put a file in the place of another one, so that nobody reads half of it."""
    draft = path.with_suffix(".draft")
    draft.write_text(text)
    draft.replace(path)


def reload_nginx(project: str) -> None:
    """Send SIGHUP to the gateway, if it runs already."""
    for container in running(label=[project, "gateway.role=front"]):
        Engine("engine").ask("POST", f"/containers/{container['Id']}/kill?signal=HUP")


def running(**filters: list[str]) -> list[dict[str, Any]]:
    """The containers that run, which paused ones do not, and have these labels."""
    answer = Engine("engine").ask("GET", "/containers/json", status=["running"], **filters)
    listed: list[dict[str, Any]] = json.load(answer)
    return listed


main()
