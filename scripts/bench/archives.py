"""How long images take to come in and go out as a whole, and how long a machine with many images takes to list them.

The archives are made up, the same each time, and not by our own writer. Every round loads, saves and pushes one (to a
registry that has nothing of it) and removes it again, on each engine.
"""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import tarfile
import time
from collections.abc import Sequence
from pathlib import Path

from scripts.bench.images import digest_of, engines_of, layer_archive, registry
from scripts.bench.tools import Home, Timings

_BIG = ((1_667, 18_600),) * 12
_MANY = 500
_NAME = "bench/loaded:1"
_LISTINGS = (
    ("images", ("images",)),
    ("images, by label", ("images", "--filter", "label=group=3")),
    ("system df", ("system", "df")),
    ("image prune", ("image", "prune", "--force")),
)


def move_archives(home: Home, rounds: int, timings: Timings) -> None:
    """Let ours and Docker, where it works, take turns at `load`, `save` and `push`."""
    if not rounds or not shutil.which("docker"):
        return
    layers = [layer_archive(index, *layer) for index, layer in enumerate(_BIG)]
    size = sum(map(len, layers)) // 1_000_000
    archive = home.place / "big.tar"
    _write(archive, layers, [{}], [_NAME])
    for number in range(rounds):
        for tool, address in engines_of(home):
            timings[tool, size, "load"].append(_docker(address, "load", "--quiet", "--input", str(archive)))
            timings[tool, size, "save"].append(_docker(address, "save", _NAME))
            if shutil.which("docker-registry"):
                seconds = _push(home.place / f"to-{tool}-{number}", address)
                timings[tool, size, "push"] += seconds
            _docker(address, "rmi", "--force", _NAME)


def list_images(home: Home, rounds: int, timings: Timings) -> None:
    """Let both list hundreds of images."""
    if not rounds or not shutil.which("docker"):
        return
    archive = home.place / "many.tar"
    names = [f"bench/many{number}:1" for number in range(_MANY)]
    _write(
        archive,
        [layer_archive(0, 1, 100)],
        [{"number": str(number), "group": str(number % 10)} for number in range(_MANY)],
        names,
    )
    engines = engines_of(home)
    for _, address in engines:
        _docker(address, "load", "--quiet", "--input", str(archive))
    try:
        for _ in range(rounds):
            for tool, address in engines:
                for command, arguments in _LISTINGS:
                    timings[tool, _MANY, command].append(_docker(address, *arguments))
    finally:
        for _, address in engines:
            _docker(address, "rmi", "--force", *names)


def _push(place: Path, address: str) -> list[float]:
    """One measure, or none if the engine is in another network, where this machine's registry is not."""
    with registry(place) as port:
        name = f"127.0.0.1:{port}/{_NAME}"
        _docker(address, "tag", _NAME, name)
        try:
            return [_docker(address, "push", "--quiet", name)]
        except SystemExit as exc:
            if "connection refused" in str(exc):
                return []
            raise
        finally:
            _docker(address, "rmi", name)
            shutil.rmtree(place, ignore_errors=True)


def _docker(address: str, *arguments: str) -> float:
    began = time.perf_counter()
    done = subprocess.run(
        ["docker", "-H", address, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False
    )
    seconds = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"docker {' '.join(arguments[:3])} failed:\n{done.stderr}")
    return seconds


def _write(path: Path, layers: Sequence[bytes], labels: Sequence[dict[str, str]], names: Sequence[str]) -> None:
    """An archive as old versions of `docker save` wrote them: images of the same layers with different labels."""
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
        for number, layer in enumerate(layers):
            _add(tar, f"{number}/layer.tar", layer)
        items = []
        for label, name in zip(labels, names, strict=True):
            body = json.dumps(
                {
                    "architecture": "amd64",
                    "os": "linux",
                    "created": "2024-01-01T00:00:00Z",
                    "config": {"Cmd": ["true"], "Labels": label},
                    "rootfs": {"type": "layers", "diff_ids": [digest_of(layer) for layer in layers]},
                }
            ).encode()
            config = f"{digest_of(body).removeprefix('sha256:')}.json"
            _add(tar, config, body)
            files = [f"{number}/layer.tar" for number in range(len(layers))]
            items.append({"Config": config, "RepoTags": [name], "Layers": files})
        _add(tar, "manifest.json", json.dumps(items).encode())


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))
