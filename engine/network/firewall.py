"""nftables in process: libnftables by ctypes (`nft` as a program costs 8 ms a call, this 0.4).

Commands that arrive while a transaction runs go together into the next one. Only tables of this engine are touched,
and in Docker's chain DOCKER-USER only rules that carry this engine's comment.
"""

from __future__ import annotations

import ctypes
import json
import threading
from typing import Any

import anyio
import anyio.to_thread

from engine.errors import EngineError, Unavailable
from engine.network.rules import docker_user_rule, table_name

_LIBRARY = "libnftables.so.1"
_OUTPUT_JSON = 1 << 4


class _Nftables:
    """One libnftables context; blocking, one caller at a time."""

    def __init__(self) -> None:
        try:
            library = ctypes.CDLL(_LIBRARY)
        except OSError as exc:
            raise Unavailable(f"{_LIBRARY} was not found", hint="apt-get install nftables") from exc
        library.nft_ctx_new.restype = ctypes.c_void_p
        for name in ("nft_ctx_get_output_buffer", "nft_ctx_get_error_buffer"):
            getattr(library, name).restype = ctypes.c_char_p
        self._library = library
        self._context = ctypes.c_void_p(library.nft_ctx_new(0))
        library.nft_ctx_buffer_output(self._context)
        library.nft_ctx_buffer_error(self._context)

    def run(self, commands: str, *, as_json: bool = False) -> str:
        """Run commands as one transaction and return the output. Raises `EngineError` with nftables' words."""
        self._library.nft_ctx_output_set_flags(self._context, _OUTPUT_JSON if as_json else 0)
        failed = self._library.nft_run_cmd_from_buffer(self._context, commands.encode())
        output: bytes = self._library.nft_ctx_get_output_buffer(self._context)
        error: bytes = self._library.nft_ctx_get_error_buffer(self._context)
        if failed:
            raise EngineError(f"nftables: {error.decode(errors='replace').strip()}")
        return output.decode()


class _Waiting:
    """Commands of one caller that wait for their transaction."""

    def __init__(self, commands: str) -> None:
        self.commands = commands
        self.done = False
        self.error: EngineError | None = None


class Firewall:
    """Runs nftables commands for one engine."""

    def __init__(self, tag: str) -> None:
        self._tag = tag
        self._nftables: _Nftables | None = None
        self._guard = threading.Lock()
        self._turn = anyio.Lock()
        self._queue: list[_Waiting] = []

    async def apply(self, commands: str) -> None:
        """Run commands, all or nothing; cancellation waits for the kernel. Raises `EngineError`."""
        if not commands:
            return
        mine = _Waiting(commands)
        self._queue.append(mine)
        # Shielded: commands that were queued may already be on their way with somebody else's.
        with anyio.CancelScope(shield=True):
            async with self._turn:
                if not mine.done:
                    batch, self._queue = self._queue, []
                    await anyio.to_thread.run_sync(self._run_batch, batch)
        if mine.error is not None:
            raise mine.error

    async def table_exists(self) -> bool:
        """Whether this engine's table is in the kernel."""
        return await anyio.to_thread.run_sync(self._table_exists)

    async def pass_docker(self) -> None:
        """Let our traffic pass Docker's filter, where Docker is; once is enough."""
        await anyio.to_thread.run_sync(self._pass_docker)

    async def unpass_docker(self) -> None:
        """Remove what `pass_docker` put there."""
        await anyio.to_thread.run_sync(self._unpass_docker)

    def _run_batch(self, batch: list[_Waiting]) -> None:
        try:
            self._run("".join(item.commands for item in batch))
        except EngineError as error:
            if len(batch) == 1:
                batch[0].error = error
            else:  # one bad command fails them all: find out whose it was
                for item in batch:
                    self._run_batch([item])
        for item in batch:
            item.done = True

    def _run(self, commands: str, *, as_json: bool = False) -> str:
        with self._guard:
            if self._nftables is None:
                self._nftables = _Nftables()
            return self._nftables.run(commands, as_json=as_json)

    def _list(self, commands: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = json.loads(self._run(commands, as_json=True))["nftables"]
        return items

    def _table_exists(self) -> bool:
        name = table_name(self._tag)
        return any(
            item.get("table", {}).get("name") == name and item["table"].get("family") == "inet"
            for item in self._list("list tables")
        )

    def _docker_rules(self, family: str) -> list[int] | None:
        """Handles of our rules in Docker's chain; None where there is no such chain."""
        try:
            items = self._list(f"list chain {family} filter DOCKER-USER")
        except EngineError:  # no such table or chain: no Docker here
            return None
        comment = table_name(self._tag)
        return [item["rule"]["handle"] for item in items if item.get("rule", {}).get("comment") == comment]

    def _pass_docker(self) -> None:
        for family in ("ip", "ip6"):
            if self._docker_rules(family) == []:
                self._run(
                    docker_user_rule(self._tag, family, "iifname") + docker_user_rule(self._tag, family, "oifname")
                )

    def _unpass_docker(self) -> None:
        for family in ("ip", "ip6"):
            for handle in self._docker_rules(family) or ():
                self._run(f"delete rule {family} filter DOCKER-USER handle {handle}\n")
