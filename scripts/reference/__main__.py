"""Writes what is made from the commands: `python -m scripts.reference`."""

from __future__ import annotations

from pathlib import Path

from scripts.reference.files import made_files

ROOT = Path(__file__).resolve().parents[2]

made = made_files()
for page in (ROOT / "docs" / "man").glob("man?/*"):
    if str(page.relative_to(ROOT)) not in made:
        page.unlink()  # of a command that is no more
for name, text in made.items():
    path = ROOT / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
