"""How long reading and printing big Compose files takes, and how much memory: `config`, which needs no engine."""

from __future__ import annotations

from pathlib import Path

from scripts.bench.tools import PYCOMPOSE, Home, Timings, Tool, works

_HEAD = """\
x-common: &common
  restart: unless-stopped
  logging: {driver: json-file, options: {max-size: 10m, max-file: "3"}}
  networks: [front, back]
networks: {front: {}, back: {driver: bridge}}
volumes:
"""
# A service with what real ones have: variables, a merge key, short and long forms, a dependency.
_SERVICE = """\
  service%(number)d:
    <<: *common
    image: registry.example.com/team/app%(number)d:${TAG:-latest}
    command: ["serve", "--port", "8080"]
    environment:
      LOG_LEVEL: ${LOG_LEVEL:-info}
      NUMBER: %(number)d
      DATABASE_URL: postgres://user:password@db/app%(number)d
    ports: ["%(port)d:8080"]
    volumes: ["data%(group)d:/var/lib/data", "./settings/%(number)d:/etc/app:ro"]
    healthcheck: {test: [CMD, "true"], interval: 5s, retries: 3}
    labels: {team: core, number: "%(number)d"}
    deploy: {resources: {limits: {cpus: "0.5", memory: 256M}}}
    depends_on: {service%(before)d: {condition: service_started}}
"""


def read_files(home: Home, sizes: list[int], rounds: int, timings: Timings) -> dict[tuple[str, int], int]:
    """Let all tools take turns at reading files of `sizes` services; return the most memory of each, in KiB."""
    found = [Tool("pycompose", PYCOMPOSE, home.environment)]
    if works("docker", "compose", "version"):
        found.append(Tool("docker compose", ["docker", "compose"]))
    memory: dict[tuple[str, int], int] = {}
    for size in sizes:
        directory = _project(home.place, size)
        for _ in range(rounds):
            for tool in found:
                seconds, peak = tool.measure(directory, "config")
                timings[tool.name, size, "config"].append(seconds)
                memory[tool.name, size] = max(peak, memory.get((tool.name, size), 0))
    return memory


def _project(place: Path, size: int) -> Path:
    directory = place / f"files{size}"
    directory.mkdir()
    volumes = "".join(f"  data{group}: {{}}\n" for group in range(size // 4 + 1))
    services = "".join(
        _SERVICE % {"number": number, "port": 10000 + number, "group": number // 4, "before": (number - 1) // 2}
        for number in range(1, size)
    )
    first = "  service0: {image: busybox}\n"
    (directory / "compose.yaml").write_text(f"{_HEAD}{volumes}services:\n{first}{services}", "utf-8")
    return directory
