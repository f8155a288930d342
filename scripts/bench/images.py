"""How long pulling takes, cold and with everything there, and how much memory the engine needs for it.

The images are made up, the same each time, and come from a real `docker-registry` that is started for the purpose.
Both engines are driven by the same docker command line, so what differs are the engines.
"""

from __future__ import annotations

import gzip
import hashlib
import http.client
import io
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tarfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.bench.tools import PYCOMPOSE, Home, Timings, Tool, works

_OCI = "application/vnd.oci.image."
_WORDS = 20_000
_START_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Case:
    """Images that are pulled one after the other; `layers` are (files, bytes per file) of each image's layers.

    The layers of a later image begin with those of the one before.
    """

    name: str
    images: tuple[tuple[tuple[int, int], ...], ...]


_MANY = ((1_667, 18_600),) * 12
CASES = (
    Case("12 layers", (_MANY,)),
    Case("1 big layer", (((2, 130_000_000),),)),
    Case("10 images", tuple(((800, 30_000),) * (number + 2) for number in range(10))),
)


def pull_images(home: Home, rounds: int, timings: Timings) -> dict[str, int]:
    """Let ours and Docker, where it works, take turns; return our engine's peak memory by case, in KiB."""
    if not rounds or not shutil.which("docker-registry") or not shutil.which("docker"):
        return {}
    engines = engines_of(home)
    peaks: dict[str, int] = {}
    with registry(home.place / "registry") as port:
        for case in CASES:
            names = _publish(port, case)
            size = sum(files * length for files, length in case.images[-1]) // 1_000_000
            for _ in range(rounds):
                for tool, address in engines:
                    if tool == "pycompose":
                        _forget_peak(home)
                    timings[tool, size, f"pull, {case.name}"].append(_pull(address, names))
                    if tool == "pycompose":
                        peaks[case.name] = max(peaks.get(case.name, 0), _peak(home))
                    timings[tool, size, "pull, all there"].append(_pull(address, names[-1:]))
                    subprocess.run(["docker", "-H", address, "rmi", "-f", *names], capture_output=True, check=True)
    return peaks


def _pull(address: str, names: Sequence[str]) -> float:
    began = time.perf_counter()
    for name in names:
        subprocess.run(["docker", "-H", address, "pull", "-q", name], capture_output=True, check=True)
    return time.perf_counter() - began


def engines_of(home: Home) -> list[tuple[str, str]]:
    """The name and address of our engine, which is started, and of Docker if it works."""
    engines = [("pycompose", own_engine(home))]
    if works("docker", "info"):
        engines.append(("docker", os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")))
    return engines


def own_engine(home: Home) -> str:
    """Have our engine running; returns its address."""
    directory = home.place / "none"
    directory.mkdir(exist_ok=True)
    (directory / "compose.yaml").write_text("services: {none: {image: busybox}}\n")
    Tool("pycompose", PYCOMPOSE, home.environment).run(directory, "ps")
    return f"unix://{home.place / 'run' / 'engine.sock'}"


def _forget_peak(home: Home) -> None:
    # Begins to count anew (proc(5), clear_refs).
    for pid in home.engine_pids():
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def _peak(home: Home) -> int:
    lines = [Path(f"/proc/{pid}/status").read_text() for pid in home.engine_pids()]
    return max(int(line.split()[1]) for text in lines for line in text.splitlines() if line.startswith("VmHWM"))


# -- making images


def _publish(port: int, case: Case) -> list[str]:
    """Put a case's images into the registry and return their names."""
    repository = f"bench/{case.name.replace(' ', '-')}"
    made: list[tuple[str, int, str]] = []
    names = []
    for number, layers in enumerate(case.images):
        for index in range(len(made), len(layers)):
            diff_id, blob = _layer(index, *layers[index])
            made.append((_push_blob(port, repository, blob), len(blob), diff_id))
        config = json.dumps(
            {
                "architecture": "amd64" if os.uname().machine == "x86_64" else "arm64",
                "os": "linux",
                "config": {"Cmd": ["true"], "Labels": {"number": str(number)}},
                "rootfs": {"type": "layers", "diff_ids": [diff_id for _, _, diff_id in made]},
            }
        ).encode()
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{_OCI}manifest.v1+json",
            "config": _entry("config.v1+json", _push_blob(port, repository, config), len(config)),
            "layers": [_entry("layer.v1.tar+gzip", digest, size) for digest, size, _ in made],
        }
        kind = {"Content-Type": f"{_OCI}manifest.v1+json"}
        _ask(port, "PUT", f"/v2/{repository}/manifests/{number}", json.dumps(manifest).encode(), kind)
        names.append(f"127.0.0.1:{port}/{repository}:{number}")
    return names


def _layer(seed: int, files: int, length: int) -> tuple[str, bytes]:
    """The digest of an archive, and the archive compressed."""
    content = layer_archive(seed, files, length)
    return digest_of(content), gzip.compress(content, 1, mtime=0)


def layer_archive(seed: int, files: int, length: int) -> bytes:
    """An archive that can be compressed to about a third, as programs and texts can."""
    chance = random.Random(seed)
    words = [chance.randbytes(chance.randint(3, 9)) for _ in range(_WORDS)]
    pool = b" ".join(chance.choices(words, k=400_000))
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for number in range(files):
            entry = tarfile.TarInfo(f"opt/layer{seed}/d{number // 50}/file{number}")
            entry.size, entry.mode, entry.mtime = length, 0o644, 1_700_000_000
            at = chance.randrange(len(pool))
            tar.addfile(entry, io.BytesIO((pool[at:] + pool * (length // len(pool) + 1))[:length]))
    return archive.getvalue()


def _entry(kind: str, digest: str, size: int) -> dict[str, object]:
    return {"mediaType": f"{_OCI}{kind}", "digest": digest, "size": size}


def digest_of(content: bytes) -> str:
    """As registries and images name it."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _push_blob(port: int, repository: str, content: bytes) -> str:
    location = _ask(port, "POST", f"/v2/{repository}/blobs/uploads/")
    digest = digest_of(content)
    kind = {"Content-Type": "application/octet-stream"}
    _ask(port, "PUT", f"{location[location.index('/v2/') :]}&digest={digest}", content, kind)
    return digest


def _ask(port: int, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        answer = response.read()
        if response.status >= 300:
            raise SystemExit(f"{method} {path}: {response.status} {answer.decode()}")
        return response.headers.get("Location", "")
    finally:
        connection.close()


@contextmanager
def registry(place: Path) -> Iterator[int]:
    place.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    storage = {"filesystem": {"rootdirectory": str(place / "content")}}
    log = {"level": "error", "accesslog": {"disabled": True}}
    settings = {"version": "0.1", "log": log, "storage": storage, "http": {"addr": f"127.0.0.1:{port}"}}
    (place / "config.yml").write_text(json.dumps(settings))
    with (place / "log").open("wb") as output:
        process = subprocess.Popen(["docker-registry", "serve", place / "config.yml"], stdout=output, stderr=output)
    try:
        _knock(port)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _knock(port: int) -> None:
    give_up = time.monotonic() + _START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if time.monotonic() > give_up:
                raise SystemExit("docker-registry does not start") from None
            time.sleep(0.02)
        else:
            return
