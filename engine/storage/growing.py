"""A file that one thread writes while others read what is already there."""

from __future__ import annotations

import hashlib
import os
import threading


class GrowingFile:
    """Written once, front to back, and hashed on the way. Readers wait for what is not there yet.

    It ends by `finish` or `fail`; readers that wait then get the end, or the error.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._hash = hashlib.sha256()
        self._changed = threading.Condition()
        self._is_finished = False
        self._error: BaseException | None = None
        self._users = 1
        self.size_bytes = 0

    @property
    def is_finished(self) -> bool:
        """Whether everything is there, so that `size_bytes` and `digest` are those of the whole."""
        return self._is_finished

    @property
    def error(self) -> BaseException | None:
        """Why the rest will never come, if that is so."""
        return self._error

    @property
    def digest(self) -> str:
        """The digest of what has been written so far."""
        return "sha256:" + self._hash.hexdigest()

    def write(self, data: bytes) -> None:
        """Append."""
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]
        self._hash.update(data)
        with self._changed:
            self.size_bytes += len(data)
            self._changed.notify_all()

    def finish(self) -> None:
        """Tell readers that no more comes."""
        with self._changed:
            self._is_finished = True
            self._changed.notify_all()

    def fail(self, error: BaseException) -> None:
        """Tell readers that the rest will never come."""
        with self._changed:
            self._error = error
            self._changed.notify_all()

    def close(self) -> None:
        """Let go of the file; the last of the writer and the readers closes it."""
        with self._changed:
            self._users -= 1
            if self._users == 0:
                os.close(self._descriptor)

    def reader(self) -> Reader:
        """A reader from the start. Close it."""
        with self._changed:
            self._users += 1
        return Reader(self)

    def read_at(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes; waits for the first of them. None at the end. Raises the error that ended the file."""
        with self._changed:
            self._changed.wait_for(lambda: self.size_bytes > offset or self._is_finished or self._error)
            if self._error:
                raise self._error
        return os.pread(self._descriptor, size, offset)


class Reader:
    """A position in a growing file."""

    def __init__(self, file: GrowingFile) -> None:
        self._file = file
        self.offset = 0

    def read(self, size: int) -> bytes:
        """Up to `size` bytes, none at the end. Blocks; raises the error that ended the file."""
        data = self._file.read_at(self.offset, size)
        self.offset += len(data)
        return data

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
