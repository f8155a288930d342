"""Every failure of the engine, with the HTTP status it is answered with.

`api/server.py` is the only translator: it turns an `EngineError` into `{"message": …}`. An error says what is
wrong and, where one is known, what to do (`hint`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class EngineError(Exception):
    """A failure that a client is told about. `status` is the HTTP status of the answer."""

    status = 500

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} (hint: {self.hint})" if self.hint else self.message


@contextmanager
def saying(what: str) -> Iterator[None]:
    """Have an `EngineError` that leaves the block begin with what could not be done; it stays what it is."""
    try:
        yield
    except EngineError as exc:
        exc.message = f"{what}: {exc.message}"
        raise


@contextmanager
def as_failure() -> Iterator[None]:
    """Have a `BadRequest` or a `Conflict` that leaves the block answered with 500.

    Docker takes some mistakes of its clients for failures of its own, and there are clients that compare codes.
    """
    try:
        yield
    except (BadRequest, Conflict) as exc:
        exc.status = EngineError.status
        raise


class NotModified(EngineError):
    """The thing already is as asked for."""

    status = 304


class BadRequest(EngineError):
    """The request itself is wrong; nothing was done."""

    status = 400


class Unauthorized(EngineError):
    """Credentials are missing or were refused (by us or by a registry)."""

    status = 401


class Forbidden(EngineError):
    """Understood, but not allowed."""

    status = 403


class NotFound(EngineError):
    """No such container, image, network, volume, exec or path."""

    status = 404


class NoSuchContainer(NotFound):
    """No container has that name or id prefix."""

    def __init__(self, name: str) -> None:
        super().__init__(f"No such container: {name}")


class NoSuchImage(NotFound):
    """No local image has that name, id prefix or digest."""

    def __init__(self, name: str) -> None:
        super().__init__(f"No such image: {name}")


class NoSuchNetwork(NotFound):
    """No network has that name or id prefix."""

    def __init__(self, name: str) -> None:
        super().__init__(f"network {name} not found")


class NoSuchVolume(NotFound):
    """No volume has that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"get {name}: no such volume")


class NoSuchExec(NotFound):
    """No exec instance has that id."""

    def __init__(self, name: str) -> None:
        super().__init__(f"No such exec instance: {name}")


class Conflict(EngineError):
    """The thing's state does not allow it, or the name is taken."""

    status = 409


class PortInUse(EngineError):
    """A published port is taken on the host; `owner` says by whom where that is known."""

    def __init__(self, address: str, protocol: str, owner: str | None) -> None:
        super().__init__(
            f"Bind for {address} failed: port is already allocated" + (f" by {owner}" if owner else ""),
            hint=f"stop what uses {address}/{protocol}, or publish another host port",
        )
        self.owner = owner


class ExpectationFailed(EngineError):
    """The request's `Expect` names something else than `100-continue`."""

    status = 417


class NotImplementedHere(EngineError):
    """A part of the Engine API that this engine does not have."""

    status = 501


class Unavailable(EngineError):
    """Something the engine needs (a tool, a registry, the kernel's help) is not there now."""

    status = 503


class RuntimeFailure(EngineError):
    """The OCI runtime refused; the message carries its words. `exit_code` is what `docker run` exits with."""

    def __init__(self, message: str, *, exit_code: int = 128, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.exit_code = exit_code
        self.status = 400 if exit_code in (126, 127) else 500


class RegistryError(EngineError):
    """A registry could not be reached or answered something that cannot be used."""


class InvalidLayer(EngineError):
    """A layer's archive is corrupt, hostile or not what its digest promised."""
