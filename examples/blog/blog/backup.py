"""Write a copy of the database to standard output: a whole one, whatever is being written meanwhile."""

from __future__ import annotations

import sqlite3
import sys

from blog.store import database

with database() as connection:
    copy = sqlite3.connect(":memory:")
    connection.backup(copy)
    sys.stdout.buffer.write(copy.serialize())
