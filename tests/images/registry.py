"""A real `docker-registry` on a port of 127.0.0.1, and pushing to it."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import platform
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fakes.ports import free_port
from tests.images.layers import Layer

_INDEX = "application/vnd.oci.image.index.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_CREATED = "2023-11-14T22:13:20Z"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}

# docker-registry does not tell when it listens, so we knock; it takes 0.1 s on an idle machine.
_START_SECONDS = 60.0
_KNOCK_SECONDS = 0.02


class RegistryError(Exception):
    """The registry did not start, or refused something."""


@dataclass(frozen=True, slots=True)
class Registry:
    """A registry that runs; `pid` is the process to end."""

    port: int
    pid: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def is_up(self) -> bool:
        """Whether it answers."""
        try:
            return _request(self.port, "GET", "/v2/")[0] == http.HTTPStatus.OK
        except OSError:
            return False

    def has(self, repository: str, tag: str) -> bool:
        """Whether a tag is there."""
        path = f"/v2/library/{repository}/manifests/{tag}"
        return _request(self.port, "HEAD", path, headers={"Accept": _INDEX})[0] == http.HTTPStatus.OK

    def push(self, repository: str, tags: Sequence[str], layers: Sequence[Layer], config: Mapping[str, Any]) -> None:
        """Push one image as an index of one platform, which is what official images look like, under all `tags`."""
        for layer in layers:
            self._push_blob(repository, layer.digest, layer.blob)
        machine = {"architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()), "os": "linux"}
        image = _encode({
            **machine, "created": _CREATED, "config": config,
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
            "history": [{"created": _CREATED, "created_by": "tests/images"} for _ in layers],
        })  # fmt: skip
        self._push_blob(repository, _digest(image), image)
        blobs = [{"mediaType": each.media_type, "digest": each.digest, "size": each.size_bytes} for each in layers]
        manifest = _encode({
            "schemaVersion": 2, "mediaType": _MANIFEST, "config": _descriptor(_CONFIG, image),
            "layers": blobs,
        })  # fmt: skip
        self._push_manifest(repository, _digest(manifest), _MANIFEST, manifest)
        entries = [{**_descriptor(_MANIFEST, manifest), "platform": machine}]
        index = _encode({"schemaVersion": 2, "mediaType": _INDEX, "manifests": entries})
        for tag in tags:
            self._push_manifest(repository, tag, _INDEX, index)

    def stop(self) -> None:
        """End the process, if it still is a registry."""
        try:
            if b"docker-registry" in Path(f"/proc/{self.pid}/cmdline").read_bytes():
                os.kill(self.pid, signal.SIGTERM)
        except (FileNotFoundError, ProcessLookupError):
            return

    def _push_blob(self, repository: str, digest: str, content: bytes | Path) -> None:
        base = f"/v2/library/{repository}/blobs"
        if _request(self.port, "HEAD", f"{base}/{digest}")[0] == http.HTTPStatus.OK:
            return
        location = self._expect(201, 202, method="POST", path=f"{base}/uploads/")
        path = location[location.index("/v2/") :]
        joint = "&" if "?" in path else "?"
        self._expect(201, method="PUT", path=f"{path}{joint}digest={digest}", body=content)

    def _push_manifest(self, repository: str, reference: str, media_type: str, content: bytes) -> None:
        path = f"/v2/library/{repository}/manifests/{reference}"
        self._expect(201, method="PUT", path=path, body=content, media_type=media_type)

    def _expect(
        self,
        *statuses: int,
        method: str,
        path: str,
        body: bytes | Path = b"",
        media_type: str = "application/octet-stream",
    ) -> str:
        status, location = _request(self.port, method, path, body=body, headers={"Content-Type": media_type})
        if status not in statuses:
            raise RegistryError(f"{method} {path} gave {status}")
        return location


def start(home: Path, port: int = 0) -> Registry:
    """Start a registry that keeps its content in `home`; port 0 takes a free one. It outlives this process."""
    port = port or free_port()
    settings = home / f"registry-{port}.yml"
    storage = {
        "filesystem": {"rootdirectory": str(home / "content")},
        "maintenance": {"uploadpurging": {"enabled": False}},
    }
    log_level = {"level": "error", "accesslog": {"disabled": True}}
    document = {"version": "0.1", "log": log_level, "storage": storage, "http": {"addr": f"127.0.0.1:{port}"}}
    settings.write_text(json.dumps(document))
    with (home / "registry.log").open("ab") as log:
        process = subprocess.Popen(
            ["docker-registry", "serve", settings],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    registry = Registry(port, process.pid)
    give_up = time.monotonic() + _START_SECONDS
    while not registry.is_up():
        if process.poll() is not None or time.monotonic() > give_up:
            registry.stop()
            raise RegistryError(f"docker-registry did not start on port {port}; see {home}/registry.log")
        time.sleep(_KNOCK_SECONDS)
    return registry


def _request(
    port: int, method: str, path: str, *, body: bytes | Path = b"", headers: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Make one request and return its status and `Location`. A `Path` body is streamed from the file."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        if isinstance(body, Path):
            with body.open("rb") as content:
                length = {"Content-Length": str(body.stat().st_size)}
                connection.request(method, path, content, {**(headers or {}), **length})
        else:
            connection.request(method, path, body, dict(headers or {}))
        response = connection.getresponse()
        response.read()
        return response.status, response.headers.get("Location", "")
    finally:
        connection.close()


def _encode(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _descriptor(media_type: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": _digest(content), "size": len(content)}
