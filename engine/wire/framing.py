"""Where the server and its tests get their `h11.Connection`, so that all hold to the same bounds.

Apart from `engine.wire.http`, because h11 takes longer to import than a short command has.
"""

from __future__ import annotations

import h11

from engine.wire.http import MAX_HEAD_BYTES


def server_connection() -> h11.Connection:
    """The server's end of one connection."""
    return h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)
