"""What was half done is undone, last first, also when it was cancelled."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from engine.undo import undo_on_error


class Ledger:
    """Remembers in which order things were undone."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    async def note(self, line: str) -> None:
        await anyio.lowlevel.checkpoint()
        self.lines.append(line)


@pytest.mark.anyio
async def test_steps_are_undone_last_to_first_and_the_error_is_raised_again() -> None:
    ledger = Ledger()
    with pytest.raises(ValueError, match="third step"):
        async with undo_on_error() as undo:
            undo.append(lambda: ledger.note("first"))
            undo.append(lambda: ledger.note("second"))
            raise ValueError("third step")
    assert ledger.lines == ["second", "first"]


@pytest.mark.anyio
async def test_nothing_is_undone_after_success() -> None:
    ledger = Ledger()
    async with undo_on_error() as undo:
        undo.append(lambda: ledger.note("first"))
    assert ledger.lines == []


@pytest.mark.anyio
async def test_a_failing_undo_step_does_not_keep_the_others_from_running(caplog: pytest.LogCaptureFixture) -> None:
    ledger = Ledger()

    async def fail() -> None:
        raise OSError("busy")

    with pytest.raises(ValueError, match="reason"):
        async with undo_on_error() as undo:
            undo.append(lambda: ledger.note("first"))
            undo.append(fail)
            raise ValueError("reason")
    assert ledger.lines == ["first"]
    assert "undo step failed" in caplog.text


@pytest.mark.anyio
async def test_cancellation_undoes_too() -> None:
    ledger = Ledger()
    with anyio.CancelScope() as scope:
        async with undo_on_error() as undo:
            undo.append(lambda: ledger.note("first"))
            scope.cancel()
            await anyio.sleep_forever()
    assert ledger.lines == ["first"]
