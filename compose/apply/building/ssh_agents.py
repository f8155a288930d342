"""The ssh agents of a build: the user's own, or one made for the time of the build that holds some keys.

The engine and the build's containers only ever see an agent's socket. A key stays with an `ssh-agent` of ours, which
reads it from a pipe, keeps it in memory and ends with the build.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from subprocess import DEVNULL, PIPE

import anyio
import anyio.to_thread
from anyio.abc import Process

from compose.errors import ComposeError


@asynccontextmanager
async def agents(
    wishes: Sequence[str], environment: Mapping[str, str], subject: tuple[str | int, ...]
) -> AsyncIterator[dict[str, str]]:
    """The sockets of agents by id, for the block.

    A wish is `ID` for the agent of the environment, `ID=SOCKET`, or `ID=KEY,KEY…` for files with private keys.
    Raises `ComposeError` for an agent or key that is not there or cannot be used.
    """
    async with AsyncExitStack() as stack:
        found: dict[str, str] = {}
        for wish in wishes:
            name, _, place = wish.partition("=")
            paths = await anyio.to_thread.run_sync(_paths, place)
            try:
                if not paths:
                    found[name] = _own_agent(environment)
                elif len(paths) == 1 and not await anyio.Path(paths[0]).is_file():
                    found[name] = str(paths[0])  # a socket: the engine says so when it is none
                else:
                    found[name] = await stack.enter_async_context(_agent_with(paths, environment))
            except ComposeError as exc:
                exc.subject = subject
                raise
        yield found


def _paths(text: str) -> list[Path]:
    return [Path(item).expanduser().absolute() for item in text.split(",") if item]


def _own_agent(environment: Mapping[str, str]) -> str:
    path = environment.get("SSH_AUTH_SOCK", "")
    if not path:
        raise ComposeError(
            "the build wants your ssh agent, and SSH_AUTH_SOCK is not set",
            hint="start one (`eval $(ssh-agent)`, then `ssh-add`), or name a key: `default=PATH`",
        )
    return str(Path(path).absolute())


@asynccontextmanager
async def _agent_with(keys: Sequence[Path], environment: Mapping[str, str]) -> AsyncIterator[str]:
    """An agent that holds these keys, for the block; returns its socket."""
    with tempfile.TemporaryDirectory(prefix="pycompose-ssh-") as directory:
        socket = f"{directory}/agent"
        # Not our terminal: nobody can be asked for a passphrase while the progress of a build is drawn on it.
        process = await _start(["ssh-agent", "-D", "-a", socket], environment)
        try:
            assert process.stdout is not None  # a pipe
            try:
                await process.stdout.receive()  # it says where its socket is once that is there
            except anyio.EndOfStream:
                raise ComposeError("ssh-agent did not start") from None
            for key in keys:
                await _add(key, {**environment, "SSH_AUTH_SOCK": socket, "SSH_ASKPASS_REQUIRE": "never"})
            yield socket
        finally:
            with anyio.CancelScope(shield=True):
                process.terminate()
                await process.wait()
                await process.aclose()


async def _start(command: Sequence[str], environment: Mapping[str, str]) -> Process:
    try:
        return await anyio.open_process(
            command, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL, env=environment, start_new_session=True
        )
    except OSError as exc:
        raise _absent(command[0], exc) from exc


async def _add(key: Path, environment: Mapping[str, str]) -> None:
    """Give an agent a key, by a pipe: ssh-add reads files only if nobody else may."""
    try:
        content = await anyio.Path(key).read_bytes()
    except OSError as exc:
        raise ComposeError(f"the ssh key {key} cannot be read: {exc.strerror}") from exc
    try:
        done = await anyio.run_process(
            ["ssh-add", "-q", "-"], input=content, check=False, env=environment, start_new_session=True
        )
    except OSError as exc:
        raise _absent("ssh-add", exc) from exc
    if done.returncode:
        raise ComposeError(
            f"the ssh key {key} cannot be used: it is not a private key, or it has a passphrase",
            hint="add it to your own agent (`ssh-add`), and give the build that: `ssh: [default]`",
        )


def _absent(program: str, error: OSError) -> ComposeError:
    return ComposeError(
        f"{program} cannot be run: {error.strerror}",
        hint="install OpenSSH's client, or give the build the socket of an agent",
    )
