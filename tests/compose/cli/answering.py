"""An engine that answers a few questions, for programs that are started in earnest."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

ANSWERS: dict[str, object] = {
    "/containers/json": [
        {"Names": ["/app-web-1"], "Labels": {"com.docker.compose.project": "app"}},
        {"Names": ["/other-1"], "Labels": {}},
    ],
    "/images/json": [{"RepoTags": ["tiny:1", "big:1"]}, {"RepoTags": []}],
    "/networks": [{"Name": "bridge"}],
    "/volumes": {"Volumes": None},
}


class Answering:
    """Listens on a unix socket while its `with` block runs."""

    def __init__(self, path: Path) -> None:
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:  # the block is over
                return
            with connection:
                target = connection.recv(65536).decode().split()[1].partition("?")[0]
                body = json.dumps(ANSWERS[target]).encode()
                connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
