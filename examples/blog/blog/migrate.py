"""Apply, in order, the migrations that have not been applied yet. SQLite counts them in `user_version`."""

from __future__ import annotations

from pathlib import Path

from blog.store import database

with database() as connection:
    (applied,) = connection.execute("PRAGMA user_version").fetchone()
    for number, path in enumerate(sorted(Path("migrations").glob("*.sql")), start=1):
        if number > applied:
            print(f"apply {path.stem}")
            connection.executescript(f"BEGIN;\n{path.read_text()}\nPRAGMA user_version = {number};\nCOMMIT;")
