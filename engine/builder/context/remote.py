"""Sources that are elsewhere: files by URL, and git repositories."""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
import shutil
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import anyio.to_thread
from msgspec import Struct

from engine.errors import BadRequest, EngineError
from engine.process import find_tool, run
from engine.storage.rooted import resolve_in_root

_GIT: Final = re.compile(r"(?:git://|ssh://|git@[^:/]+:|github\.com/|https?://[^#?]+\.git(?:[#?]|$))")
_CHECKSUM: Final = re.compile(r"sha256:[0-9a-f]{64}|sha(?:384|512):[0-9a-f]+")
_CHUNK: Final = 1 << 18
_SILENCE_SECONDS: Final = 60.0


class Repository(Struct, frozen=True):
    """A git address taken apart: `https://host/x.git#ref:directory`."""

    url: str
    ref: str
    directory: str


def is_git(source: str) -> bool:
    """Whether a source is a git repository."""
    return _GIT.match(source) is not None


def is_url(source: str) -> bool:
    """Whether a source is a file by HTTP."""
    return source.startswith(("http://", "https://")) and not is_git(source)


def parse_git(source: str) -> Repository:
    """Take a git address apart; the fragment names a branch, tag or commit, and a directory inside."""
    url, _, fragment = source.partition("#")
    ref, _, directory = fragment.partition(":")
    if url.startswith("github.com/"):
        url = f"https://{url}"
    if ref.startswith("-") or url.startswith("-"):
        raise BadRequest(f"invalid git address: {source}")
    return Repository(url, ref, directory)


async def clone(source: str, target: Path, *, keeps_git: bool = False) -> Path:
    """Fetch one commit of a repository into `target`; returns the directory that the address names.

    Raises `EngineError` with git's words. Nothing is asked for: a repository that needs a password fails.
    """
    repository = parse_git(source)
    git = find_tool("git")
    environment = {**_environment(), "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1"}

    async def act(*words: str) -> bool:
        done = await run([git, "-C", target, *words], env=environment)
        if done.returncode and words[0] != "fetch":
            raise EngineError(
                f"git {words[0]} of {repository.url} failed: {done.stderr.decode(errors='replace').strip()}"
            )
        failures[:] = [done.stderr.decode(errors="replace").strip()] if done.returncode else []
        return not done.returncode

    failures: list[str] = []
    await act("init", "-q")
    commit = repository.ref or "HEAD"
    # Not every server can send a part of the history, or a commit by its name: then everything is fetched.
    if await act("fetch", "-q", "--depth=1", repository.url, commit) or await act(
        "fetch", "-q", repository.url, commit
    ):
        commit = "FETCH_HEAD"
    elif not repository.ref or not await act("fetch", "-q", "--tags", repository.url, "+refs/heads/*:refs/heads/*"):
        raise EngineError(f"git fetch of {source} failed: {failures[0]}", hint="check the address and the ref")
    await act("checkout", "-q", "--detach", commit)
    await act("submodule", "-q", "update", "--init", "--recursive", "--depth=1")
    if not keeps_git:
        await anyio.to_thread.run_sync(shutil.rmtree, target / ".git")
    found = await anyio.to_thread.run_sync(resolve_in_root, target, repository.directory)
    if not await anyio.Path(found).is_dir():
        raise BadRequest(f"{source}: there is no directory {repository.directory!r} in the repository")
    return found


async def download(url: str, directory: Path, *, checksum: str = "") -> Path:
    """Fetch a file into `directory`, named as the URL says. Raises `BadRequest` for a wrong checksum, `EngineError`."""
    if checksum and not _CHECKSUM.fullmatch(checksum):
        raise BadRequest(f"invalid checksum {checksum!r}", hint="write it as sha256:<64 hexadecimal digits>")
    return await anyio.to_thread.run_sync(partial(_download, url, directory, checksum), abandon_on_cancel=False)


def file_name(url: str, *, is_needed: bool = True) -> str:
    """The name that a URL gives its file. Raises `BadRequest` if there is none and it `is_needed`."""
    name = posixpath.basename(unquote(urlsplit(url).path))
    if name in ("", ".", ".."):
        if not is_needed:
            return "download"
        raise BadRequest(f"cannot determine filename for source {url}", hint="give the destination a file name")
    return name


def _download(url: str, directory: Path, checksum: str) -> Path:
    # What HTTP needs is a seventh of what an engine would have to import when it starts.
    import urllib.error
    import urllib.request
    from email.utils import parsedate_to_datetime

    path = directory / "download"
    algorithm, _, expected = (checksum or "sha256:").partition(":")
    total = hashlib.new(algorithm)
    request = urllib.request.Request(url, headers={"User-Agent": "pycompose"})
    try:
        with urllib.request.urlopen(request, timeout=_SILENCE_SECONDS) as answer, path.open("wb") as file:
            while chunk := answer.read(_CHUNK):
                total.update(chunk)
                file.write(chunk)
            modified = answer.headers.get("Last-Modified", "")
    except (urllib.error.URLError, OSError, ValueError) as exc:
        raise EngineError(f"failed to download {url}: {exc}") from exc
    if expected and total.hexdigest() != expected:
        raise BadRequest(f"digest mismatch of {url}: {algorithm}:{total.hexdigest()}, expected {checksum}")
    path.chmod(0o600)
    seconds = parsedate_to_datetime(modified).timestamp() if modified else 0.0
    os.utime(path, (seconds, seconds))
    return path


def _environment() -> dict[str, str]:
    names = ("PATH", "HOME", "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
    return {name: value for name in names if (value := os.getenv(name))}
