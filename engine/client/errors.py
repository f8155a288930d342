"""How talking to an engine fails: it answers no (`ApiError`), or it does not answer (`EngineUnreachable`)."""

from __future__ import annotations


class ApiError(Exception):
    """The engine's answer is an error. `status` is HTTP's; 500 also for an error inside a progress stream."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class EngineUnreachable(Exception):
    """Nobody answers at the address, or the connection broke off in the middle of an answer."""

    def __init__(self, address: str, why: str) -> None:
        super().__init__(f"cannot talk to the engine at {address}: {why}")
        self.address = address
        self.why = why


class LaunchError(Exception):
    """The embedded engine could not be started. `hint` says what to do."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class OnlyReads(Exception):
    """A call that would change something, by a client that was made to read only."""

    def __init__(self, method: str, path: str) -> None:
        super().__init__(f"{method} {path} is not sent: this client only reads")
