"""How long building three stages takes: everything anew, everything cached, one file of the context changed. And a
context of 216 MB in 4,000 files, with one of them changed and with none.

Both engines are driven by the same docker command line with its classic builder; where buildx is installed, Docker's
BuildKit takes part as well.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
from pathlib import Path

from scripts.bench.images import own_engine
from scripts.bench.tools import Home, Timings, works

_FILES = 200
_MANY_FILES = 4_000
_BIG_FILE_BYTES = 54_000
_DOCKERFILE = """\
FROM busybox AS data
RUN mkdir /data && for i in $(seq 300); do echo $i > /data/$i; done
FROM busybox AS program
WORKDIR /src
COPY . .
RUN cat src/* > /program && sha256sum /program
FROM busybox
RUN echo prepared > /prepared
COPY --from=program /program /app/program
COPY --from=data /data /app/data
LABEL made=up
RUN ls /app/data | wc -l
CMD ["sha256sum", "/app/program"]
"""


def build_images(home: Home, rounds: int, timings: Timings) -> None:
    """Let ours and Docker, where it works, take turns."""
    if not rounds or not shutil.which("docker"):
        return
    tools = [("pycompose", own_engine(home), "0")]
    if works("docker", "info"):
        address = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
        tools.append(("docker", address, "0"))
        if works("docker", "buildx", "version"):
            tools.append(("docker, buildkit", address, "1"))
    context = _context(home.place / "build", _FILES, 7_000, _DOCKERFILE)
    big = _context(home.place / "context", _MANY_FILES, _BIG_FILE_BYTES, "FROM busybox\nCOPY . /app\n")
    for _, address, kit in tools:
        _build(context, address, kit)
    for number in range(rounds):
        for tool, address, kit in tools:
            timings[tool, _FILES, "build, cold"].append(_build(context, address, kit, "--no-cache"))
            timings[tool, _FILES, "build, cached"].append(_build(context, address, kit))
            (context / "src" / "0").write_text(f"{tool} {number}")
            timings[tool, _FILES, "build, changed"].append(_build(context, address, kit))
            (big / "src" / "0").write_text(f"{tool} {number}")
            timings[tool, _MANY_FILES, "context, changed"].append(_build(big, address, kit))
            timings[tool, _MANY_FILES, "context, cached"].append(_build(big, address, kit))


def _context(place: Path, files: int, length: int, dockerfile: str) -> Path:
    (place / "src").mkdir(parents=True)
    chance = random.Random(1)
    for number in range(files):
        (place / "src" / str(number)).write_bytes(chance.randbytes(length))
    (place / "Dockerfile").write_text(dockerfile)
    return place


def _build(context: Path, address: str, kit: str, *options: str) -> float:
    began = time.perf_counter()
    done = subprocess.run(
        ["docker", "-H", address, "build", "-q", *options, str(context)],
        env={**os.environ, "DOCKER_BUILDKIT": kit},
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"docker build failed:\n{done.stdout}{done.stderr}")
    return seconds
