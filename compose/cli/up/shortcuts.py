"""The shortcuts of `up` on a terminal, from the first start on: whether there are any, and the line that tells them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import anyio

from compose.cli.parsing.switches import Switch
from compose.cli.session import Session, is_true
from compose.cli.up.keys import is_ours, on_keys
from compose.render.menu import Menu


def are_wanted(session: Session, menu: bool | None) -> bool:
    """As the option says, else the variable; by default where progress is drawn as well. Never without a terminal."""
    wanted = is_true(session.settings.get("COMPOSE_MENU", "1")) if menu is None else menu
    is_drawable = session.progress in ("auto", "tty") and session.environment.get("TERM", "") not in ("", "dumb")
    return wanted and is_drawable and is_ours()


@asynccontextmanager
async def shortcuts(menu: Menu, watch: Switch, actions: Mapping[bytes, Callable[[], None]]) -> AsyncIterator[None]:
    """Heed the keys of `actions` while the block runs, and show those that everybody should know."""

    def draw() -> None:
        menu.show({"w": "Disable Watch" if watch.is_on else "Enable Watch", "d": "Detach"})

    async with anyio.create_task_group() as keys:
        await keys.start(on_keys, actions)
        watch.on_change = draw
        draw()
        try:
            yield
        finally:
            put_away(menu, watch)
            keys.cancel_scope.cancel()


def put_away(menu: Menu, watch: Switch) -> None:
    """Show the shortcuts no more; the terminal is given back at the end of the block."""
    watch.on_change = _nothing
    menu.close()


def _nothing() -> None:
    """Nobody looks any more."""
