"""An engine that is started on demand has somebody waiting: what only some requests need comes with the first."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_an_engine_starts_without_what_registries_downloads_and_buildx_need() -> None:
    program = "import engine.daemon.main, engine.daemon.serve, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"http.client", "urllib.request", "email", "h2", "networkx", "jsonschema"}
