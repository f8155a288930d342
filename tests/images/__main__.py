"""Serve stand-ins for Docker Hub's images from a real registry on 127.0.0.1.

python -m tests.images run COMMAND…      serve on a free port while COMMAND runs, told in $PYCOMPOSE_TEST_REGISTRY
python -m tests.images start [--port N]  serve until `stop`; prints the address
python -m tests.images stop              end what `start` started

Images are made when they are first needed and kept in $PYCOMPOSE_IMAGES_CACHE (default ~/.cache/pycompose-images),
which can be deleted at any time. Needs root and Debian's docker-registry and mmdebstrap.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.images.build import Builder, BuildError, Built, content_key
from tests.images.layers import as_zstd
from tests.images.recipes import RECIPES, Recipe
from tests.images.registry import Registry, RegistryError, start

DEFAULT_PORT = 5099


def main(arguments: Sequence[str]) -> int:
    """Run the command line and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.images", description=__doc__, formatter_class=_Formatter)
    parser.add_argument("action", choices=["run", "start", "stop"])
    parser.add_argument(
        "--port", type=int, default=0, help=f"port on 127.0.0.1 (run: a free one, start: {DEFAULT_PORT})"
    )
    parser.add_argument("command", nargs=argparse.REMAINDER, help="what to run")
    chosen = parser.parse_args(arguments)
    home = Path(os.environ.get("PYCOMPOSE_IMAGES_CACHE") or Path.home() / ".cache" / "pycompose-images")
    home.mkdir(parents=True, exist_ok=True)
    try:
        if chosen.action == "run":
            return _run(home, chosen.port, chosen.command)
        _stop(home) if chosen.action == "stop" else print(_start(home, chosen.port or DEFAULT_PORT).url)
    except (BuildError, RegistryError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Shows the module's text as it is written."""


def _run(home: Path, port: int, command: Sequence[str]) -> int:
    registry = start(home, port)
    try:
        fill(home, registry)
        return subprocess.run(
            command, env={**os.environ, "PYCOMPOSE_TEST_REGISTRY": registry.url}, check=False
        ).returncode
    finally:
        registry.stop()


def _start(home: Path, port: int) -> Registry:
    registry = _remembered(home)
    if registry is None or not registry.is_up():
        registry = start(home, port)
        _memory(home).write_text(json.dumps({"port": registry.port, "pid": registry.pid}))
    fill(home, registry)
    return registry


def _stop(home: Path) -> None:
    if registry := _remembered(home):
        registry.stop()
        _memory(home).unlink()


def _memory(home: Path) -> Path:
    return home / "running.json"


def _remembered(home: Path) -> Registry | None:
    try:
        return Registry(**json.loads(_memory(home).read_text()))
    except FileNotFoundError:
        return None


def fill(home: Path, registry: Registry) -> None:
    """Build and push the images that the registry does not have yet in their present form."""
    recipes = {recipe.name: recipe for recipe in RECIPES}
    stamps = {name: f"stamp-{content_key(recipe, recipes)}" for name, recipe in recipes.items()}
    if all(registry.has(name, stamp) for name, stamp in stamps.items()):
        return
    with _only_one(home), tempfile.TemporaryDirectory(dir=home, prefix="build-") as scratch:
        stale = [recipe for name, recipe in recipes.items() if not registry.has(name, stamps[name])]
        if not stale:
            return
        _say(f"making {', '.join(recipe.name for recipe in stale)} from Debian packages")
        for built in _build(Builder(Path(scratch)), recipes["debian"], stale):
            name = built.recipe.name
            registry.push(name, [*built.recipe.tags, stamps[name]], built.layers, built.recipe.full_config)
            if built.recipe.zstd_tags:
                repacked = [as_zstd(layer) for layer in built.layers]
                registry.push(name, built.recipe.zstd_tags, repacked, built.recipe.full_config)
            megabytes = sum(layer.size_bytes for layer in built.layers) / 1e6
            _say(f"made {name} ({megabytes:.0f} MB)")


def _build(builder: Builder, debian: Recipe, stale: Sequence[Recipe]) -> Iterator[Built]:
    """Build in threads (the work is done by child processes and zlib) and yield each image as it is ready."""
    base = builder.debian(debian)
    if debian in stale:
        yield base
    if any(recipe.static for recipe in stale):
        builder.fetch_busybox(base)
    with ThreadPoolExecutor(os.cpu_count() or 2) as threads:
        jobs = [
            threads.submit(builder.static, recipe) if recipe.static else threads.submit(builder.on_base, recipe, base)
            for recipe in stale
            if recipe != debian
        ]
        for job in jobs:
            yield job.result()


@contextmanager
def _only_one(home: Path) -> Iterator[None]:
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


_began = time.monotonic()


def _say(text: str) -> None:
    print(f"stand-in images [{time.monotonic() - _began:5.1f}s]: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
