"""Writes what is made from the commands: `python -m scripts.reference`."""

from __future__ import annotations

from pathlib import Path

from scripts.reference.files import made_files

ROOT = Path(__file__).resolve().parents[2]

for name, text in made_files().items():
    path = ROOT / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8")
