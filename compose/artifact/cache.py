"""Applications that were pulled, in the user's cache: a directory per digest, and what names last stood for."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from compose.artifact.files import MAIN_FILE
from compose.errors import ComposeError

_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")


class Cache:
    """A directory such as `~/.cache/pycompose/oci`. What has its name there is complete."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def find(self, digest: str) -> Path | None:
        """The Compose file of an application, None if it is not there."""
        file = self._home(digest) / MAIN_FILE
        return file if file.is_file() else None

    def keep(self, digest: str, files: Mapping[str, bytes]) -> Path:
        """Write an application's files; return its Compose file. Raises `ComposeError`."""
        home = self._home(digest)
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self._directory, prefix=".new-") as temporary:
                made = Path(temporary) / home.name
                made.mkdir(mode=0o700)
                for name, content in files.items():
                    (made / name).write_bytes(content)
                if not home.is_dir():  # somebody else may have been faster
                    made.rename(home)
        except OSError as exc:
            raise ComposeError(f"cannot write to {self._directory}: {exc.strerror}") from exc
        return home / MAIN_FILE

    def remember(self, reference: str, digest: str) -> None:
        """Note what a name stands for now. That it cannot be noted is no reason to fail: it is for worse days."""
        names = self._directory / "names"
        try:
            names.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=names, prefix=".new-", delete=False) as file:
                file.write(digest)
            Path(file.name).replace(self._note(reference))
        except OSError:
            return

    def remembered(self, reference: str) -> str:
        """The digest that a name stood for when it was last asked for, "" if it never was."""
        try:
            digest = self._note(reference).read_text("ascii").strip()
        except (OSError, UnicodeDecodeError):
            return ""
        return digest if _DIGEST.fullmatch(digest) else ""

    def _home(self, digest: str) -> Path:
        match = _DIGEST.fullmatch(digest)
        if match is None:
            raise ComposeError(f"{digest!r} is not a digest")
        return self._directory / match[1]

    def _note(self, reference: str) -> Path:
        return self._directory / "names" / hashlib.sha256(reference.encode()).hexdigest()
