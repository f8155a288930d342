"""Compose files in git repositories: `-f https://github.com/me/stack.git#main:deploy`, and the same in `include`.

A commit never changes, so it is fetched once and kept in the user's cache; what a branch points at is asked each time.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from compose.errors import ComposeError, UsageError
from compose.lazy import lazy_pattern
from compose.load.sources import FALSE_TEXTS
from compose.load.text.files import clean_join
from compose.model.remotes import is_remote

_COMMIT = lazy_pattern(r"[0-9a-f]{40}")
_SWITCH = "COMPOSE_EXPERIMENTAL_GIT_REMOTE"
_GIT_SECONDS = 600
_NO_SUCH_REF = 2  # what `git ls-remote --exit-code` ends with


class GitAddress(Struct, frozen=True):
    """A repository, what of it (a branch, tag or commit; "" is the default branch) and where in it."""

    remote: str
    ref: str = ""
    subdirectory: str = ""


def git_address(text: str) -> GitAddress | None:
    """Read `REMOTE[#REF[:DIRECTORY]]`; None for what is no address of a repository."""
    remote, _, fragment = text.partition("#")
    ref, _, subdirectory = fragment.partition(":")
    if remote.startswith("github.com/"):
        remote = f"https://{remote}"
    elif remote.startswith(("http://", "https://")) and not remote.endswith(".git"):
        return None
    return GitAddress(remote, ref, subdirectory) if is_remote(remote) else None


def fetched(text: str, names: tuple[str, ...], environment: Mapping[str, str]) -> str:
    """The local path of a Compose file that is elsewhere; of a directory the first of `names` in it.

    Raises `ComposeError` for what cannot be had and `UsageError` for what is no repository.
    """
    address = git_address(text)
    if address is None:
        raise UsageError(f"`{text}` is remote, and neither a git repository nor `oci://…`", hint="download the file")
    if environment.get(_SWITCH) in FALSE_TEXTS:
        raise UsageError(f"`{text}` is remote, which {_SWITCH} forbids")
    commit = address.ref if _COMMIT.fullmatch(address.ref) else _commit(address, environment)
    checkout = _cache(environment) / commit
    if not checkout.is_dir():
        _check_out(address.remote, commit, checkout, environment)
    path = Path(clean_join(str(checkout), address.subdirectory))
    if not path.is_relative_to(checkout) or not path.resolve().is_relative_to(checkout.resolve()):
        raise UsageError(f"`{text}` leads out of its repository")
    if path.is_dir():
        path = next((path / name for name in names if (path / name).is_file()), path)
    if not path.is_file():
        raise ComposeError(f"`{text}` has no Compose file", hint="name its directory or the file behind #REF:")
    return str(path)


def _cache(environment: Mapping[str, str]) -> Path:
    home = environment.get("XDG_CACHE_HOME") or f"{environment.get('HOME') or '/'}/.cache"
    return Path(home) / "pycompose" / "git"


def _commit(address: GitAddress, environment: Mapping[str, str]) -> str:
    """What a branch or tag is now."""
    ref = address.ref or "HEAD"
    found = _git(["ls-remote", "--exit-code", "--", address.remote, ref], environment, address.remote)
    commit = found.split(maxsplit=1)[0] if found.strip() else ""
    if not _COMMIT.fullmatch(commit):
        raise ComposeError(f"the repository {address.remote} has no {ref}")
    return commit


def _check_out(remote: str, commit: str, target: Path, environment: Mapping[str, str]) -> None:
    """Fetch one commit without its history; the directory has its name only when it is complete."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".new-") as directory:
        made = Path(directory) / commit
        _git(["init", "--quiet", str(made)], environment, remote)
        inside = ["-C", str(made)]
        _git([*inside, "fetch", "--quiet", "--depth=1", "--", remote, commit], environment, remote)
        _git([*inside, "checkout", "--quiet", "--detach", commit], environment, remote)
        if not target.is_dir():  # somebody else may have been faster
            made.rename(target)


def _git(arguments: list[str], environment: Mapping[str, str], remote: str) -> str:
    import subprocess

    # Nobody is asked for passwords: keys and helpers know them, or it fails.
    quiet = {"GIT_TERMINAL_PROMPT": "0", "GIT_SSH_COMMAND": "ssh -o BatchMode=yes"}
    try:
        done = subprocess.run(
            ["git", *arguments],
            env={**quiet, **environment},
            capture_output=True,
            text=True,
            timeout=_GIT_SECONDS,
            check=False,
        )
    except FileNotFoundError as exc:
        raise ComposeError(f"git is needed for {remote}", hint="install git") from exc
    except subprocess.TimeoutExpired as exc:
        raise ComposeError(f"the repository {remote} does not answer") from exc
    if done.returncode == _NO_SUCH_REF and "ls-remote" in arguments:
        return ""
    if done.returncode:
        raise ComposeError(f"cannot read the repository {remote}: {done.stderr.strip() or 'git failed'}")
    return done.stdout
