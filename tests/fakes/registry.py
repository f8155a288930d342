"""A registry in this process, over real HTTP, that can be told to misbehave. It also counts what it is asked."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import ssl
import tarfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.fakes.http import serving

OCI = "application/vnd.oci.image."
MANIFEST = f"{OCI}manifest.v1+json"
INDEX = f"{OCI}index.v1+json"


def digest_of(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def tar_of(files: dict[str, bytes]) -> bytes:
    """An archive of ordinary files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


@dataclass
class Fault:
    """What goes wrong with the next answers for a path that matches; `times` answers are spoilt."""

    pattern: str
    times: int = 1
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    cut_after: int = -1
    replace: Callable[[bytes], bytes] | None = None
    hold: threading.Event | None = None


class FakeRegistry:
    """Content by path; `faults` first. `asked` counts requests, `ranges` are the Range headers in order, `authorised`
    the Authorization headers.
    """

    def __init__(self) -> None:
        self.answers: dict[str, tuple[str, bytes]] = {}
        self.faults: list[Fault] = []
        self.asked: Counter[str] = Counter()
        self.ranges: list[str] = []
        self.authorised: list[str] = []
        self.links: dict[str, str] = {}
        self.token = ""
        self.credentials = ""
        self.ignores_ranges = False
        self.url = ""
        self.lock = threading.Lock()

    @property
    def host(self) -> str:
        return self.url.partition("://")[2]

    def redirect(self, path: str, target: str) -> None:
        """Answer requests for a path by sending them elsewhere."""
        self.faults.append(Fault(path, times=99, status=307, headers={"Location": target}))

    def put_blob(self, repository: str, content: bytes) -> dict[str, Any]:
        digest = digest_of(content)
        self.answers[f"/v2/{repository}/blobs/{digest}"] = ("application/octet-stream", content)
        return {"digest": digest, "size": len(content)}

    def put_manifest(self, repository: str, tag: str, document: dict[str, Any], kind: str = MANIFEST) -> dict[str, Any]:
        body = json.dumps({"schemaVersion": 2, "mediaType": kind, **document}).encode()
        for name in (tag, digest_of(body)):
            if name:
                self.answers[f"/v2/{repository}/manifests/{name}"] = (kind, body)
        return {"mediaType": kind, "digest": digest_of(body), "size": len(body)}

    def put_image(
        self,
        repository: str,
        tag: str,
        layers: Sequence[bytes],
        config: dict[str, Any] | None = None,
        *,
        architecture: str = "amd64",
        compress: Callable[[bytes], bytes] = lambda data: gzip.compress(data, 1, mtime=0),
        diff_ids: Sequence[str] = (),
    ) -> dict[str, Any]:
        """Serve an image made of these (uncompressed) archives; return its manifest's descriptor."""
        described = {
            "architecture": architecture,
            "os": "linux",
            "created": "2024-01-02T03:04:05Z",
            "config": config or {},
            "rootfs": {"type": "layers", "diff_ids": list(diff_ids) or [digest_of(layer) for layer in layers]},
            "history": [{"created_by": f"step {number}"} for number, _ in enumerate(layers)],
        }
        blobs = [self.put_blob(repository, compress(layer)) for layer in layers]
        media = f"{OCI}layer.v1.tar+gzip"
        document = {
            "config": {
                "mediaType": f"{OCI}config.v1+json",
                **self.put_blob(repository, json.dumps(described).encode()),
            },
            "layers": [{"mediaType": media, **blob} for blob in blobs],
        }
        return self.put_manifest(repository, tag, document)

    def blob_requests(self) -> int:
        """How many requests for blobs there were."""
        return sum(count for path, count in self.asked.items() if "/blobs/" in path)

    def fault_for(self, path: str) -> Fault | None:
        with self.lock:
            self.asked[path] += 1
            for fault in self.faults:
                if fault.times and re.search(fault.pattern, path):
                    fault.times -= 1
                    return fault
        return None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    registry: FakeRegistry

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        registry, path = self.registry, self.path.partition("?")[0]
        fault = registry.fault_for(path)
        if shown := self.headers.get("Authorization"):
            registry.authorised.append(shown)
        if fault and fault.hold:
            fault.hold.wait(60)
        if path == "/token":
            self._token()
        elif fault and fault.status:
            self._send(fault.status, b"{}", fault.headers)
        elif registry.token and self.headers.get("Authorization") != f"Bearer {registry.token}":
            challenge = f'Bearer realm="{registry.url}/token",service="fake",scope="repository:x:pull"'
            self._send(401, _error("UNAUTHORIZED", "authentication required"), {"WWW-Authenticate": challenge})
        elif path not in registry.answers:
            code = "MANIFEST_UNKNOWN" if "/manifests/" in path else "BLOB_UNKNOWN"
            self._send(404, _error(code, code.replace("_", " ").lower()))
        else:
            self._serve(path, fault)

    def _token(self) -> None:
        registry = self.registry
        if registry.credentials and self.headers.get("Authorization") != registry.credentials:
            self._send(401, b"{}")
            return
        self._send(200, json.dumps({"token": registry.token}).encode())

    def _serve(self, path: str, fault: Fault | None) -> None:
        kind, body = self.registry.answers[path]
        if fault and fault.replace:
            body = fault.replace(body)
        headers, status = {"Content-Type": kind}, 200
        if link := self.registry.links.get(path):
            headers["Link"] = link
        if wanted := self.headers.get("Range"):
            self.registry.ranges.append(wanted)
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if not self.registry.ignores_ranges:
                headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
                body, status = body[start:], 206
        self._send(status, body, headers, cut_after=fault.cut_after if fault else -1)

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None, *, cut_after: int = -1) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if cut_after < 0 else body[:cut_after])
        if cut_after >= 0:
            self.close_connection = True


def _error(code: str, message: str) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": message}]}).encode()


@contextmanager
def serve_registry(tls: ssl.SSLContext | None = None) -> Iterator[FakeRegistry]:
    """Serve a fake registry on loopback while the block lasts."""
    registry = FakeRegistry()
    handler = type("Handler", (_Handler,), {"registry": registry})
    with serving(handler, tls) as host:
        registry.url = f"{'https' if tls else 'http'}://{host}"
        yield registry
