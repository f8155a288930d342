"""The real `docker-registry` (distribution) on loopback: plain, with TLS and passwords, or as a pull-through mirror."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.fakes.ports import free_port

# It does not tell when it listens, so we knock.
_START_SECONDS = 60.0
_KNOCK_SECONDS = 0.02

USER, PASSWORD = "me", "pa:ss wörd"
_HTPASSWD = f"{USER}:$2b$05$abcdefghijklmnopqrstuuHYAqSTZaD2G3ZsfHYCUGgOo5vA33Sre\n"


@dataclass(frozen=True, slots=True)
class DockerRegistry:
    """A registry that runs; `home` has its content."""

    url: str
    home: Path

    @property
    def host(self) -> str:
        return self.url.partition("://")[2]

    def has_upload_leftovers(self) -> bool:
        """Whether an upload was begun and neither finished nor called off."""
        return any(path.is_dir() for path in self.home.glob("content/**/_uploads/*"))


@contextmanager
def serve_docker_registry(
    home: Path, *, certificate: Path | None = None, client_ca: Path | None = None, passwords: bool = False,
    mirror_of: str = "",
) -> Iterator[DockerRegistry]:  # fmt: skip
    """Run one while the block lasts. `certificate` has its key in the same file, `client_ca` vouches for clients."""
    home.mkdir(parents=True, exist_ok=True)
    port = free_port()
    settings: dict[str, object] = {
        "version": "0.1",
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(home / "content")}},
    }
    http: dict[str, object] = {"addr": f"127.0.0.1:{port}"}
    if certificate:
        tls: dict[str, object] = {"certificate": str(certificate), "key": str(certificate)}
        http["tls"] = {**tls, "clientcas": [str(client_ca)]} if client_ca else tls
    if passwords:
        (home / "htpasswd").write_text(_HTPASSWD)
        settings["auth"] = {"htpasswd": {"realm": "test", "path": str(home / "htpasswd")}}
    if mirror_of:
        settings["proxy"] = {"remoteurl": mirror_of}
    (home / "config.yml").write_text(json.dumps({**settings, "http": http}))
    with (home / "log").open("ab") as log:
        process = subprocess.Popen(["docker-registry", "serve", home / "config.yml"], stdout=log, stderr=log)
    try:
        _wait_until_up(process, port, home)
        yield DockerRegistry(f"{'https' if certificate else 'http'}://127.0.0.1:{port}", home)
    finally:
        process.kill()
        process.wait()


def make_certificate(directory: Path, name: str = "server") -> Path:
    """A self-signed certificate for 127.0.0.1, with its key in the same file."""
    file = directory / f"{name}.pem"
    key = file.with_suffix(".key")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-keyout", key, "-out", file, "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    file.write_text(file.read_text() + key.read_text())
    return file


def _wait_until_up(process: subprocess.Popen[bytes], port: int, home: Path) -> None:
    give_up = time.monotonic() + _START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > give_up:
                raise AssertionError(f"docker-registry did not start: {(home / 'log').read_text()}") from None
            time.sleep(_KNOCK_SECONDS)
        else:
            return
