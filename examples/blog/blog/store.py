"""The posts."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def database() -> Iterator[sqlite3.Connection]:
    """A connection whose changes are kept if the block succeeds."""
    connection = sqlite3.connect(os.environ["BLOG_DATABASE"])
    connection.row_factory = sqlite3.Row
    try:
        with connection:
            yield connection
    finally:
        connection.close()


def newest() -> list[sqlite3.Row]:
    """All posts, the newest first."""
    with database() as connection:
        return connection.execute("SELECT * FROM posts ORDER BY written DESC, rowid DESC").fetchall()


def post(slug: str) -> list[sqlite3.Row]:
    """The post of that name, or nothing."""
    with database() as connection:
        return connection.execute("SELECT * FROM posts WHERE slug = ?", (slug,)).fetchall()


def write(slug: str, headline: str, body: str) -> None:
    """Add a post; one that is there already is written anew."""
    with database() as connection:
        connection.execute(
            "INSERT INTO posts (slug, headline, body) VALUES (?, ?, ?)"
            " ON CONFLICT (slug) DO UPDATE SET headline = excluded.headline, body = excluded.body",
            (slug, headline, body),
        )
