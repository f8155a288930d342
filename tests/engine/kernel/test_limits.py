"""The engine may open more files than what it starts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_SCRIPT = """
import resource
from engine.kernel.limits import given_open_files, raise_open_files

resource.setrlimit(resource.RLIMIT_NOFILE, (256, 512))
assert given_open_files() is None
raise_open_files()
print(*resource.getrlimit(resource.RLIMIT_NOFILE), *given_open_files())
"""


def test_the_soft_limit_is_raised_and_what_was_given_is_remembered() -> None:
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", _SCRIPT], check=True, capture_output=True, text=True, cwd=root)
    assert done.stdout.split() == ["512", "512", "256", "512"]
