"""Registry credentials as Docker's command line keeps them: `config.json` and the `docker-credential-…` programs.

They are read when a registry needs them and go to the engine with the one request that they are for. Secrets travel
through pipes, never in arguments, messages or logs. What the file has besides is kept as it is.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
import msgspec

from compose.apply.parallel import unwrapped
from compose.errors import ComposeError
from compose.plan.images import canonical
from engine.wire.images import AuthConfig

DOCKER_HUB: Final = "https://index.docker.io/v1/"
_VARIABLE: Final = "DOCKER_AUTH_CONFIG"
_HUB_NAMES: Final = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io", ""})
_TOKEN_USER: Final = "<token>"
_NOT_FOUND: Final = "credentials not found"
_HELPER_SECONDS: Final = 120.0  # a keychain may have to ask its owner


class CredentialStore:
    """The credentials of one user, in a directory such as `~/.docker`."""

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self.file = directory / "config.json"
        self._environment = environment
        self._found: dict[str, AuthConfig | None] = {}

    async def for_image(self, image: str) -> AuthConfig | None:
        """The credentials for the registry of an image, None if there are none.

        Raises `ComposeError` when they are there but cannot be had.
        """
        return await self.for_registry(canonical(image).partition("/")[0])

    async def for_registry(self, registry: str) -> AuthConfig | None:
        """The credentials for a registry, by its host. Asked for once."""
        key = key_of(registry)
        if key not in self._found:
            self._found[key] = await self._look_up(key)
        return self._found[key]

    async def everything(self) -> dict[str, AuthConfig]:
        """All credentials that the file names, by registry: a build does not know beforehand which it needs."""
        document = self._read()
        auths = {**_mapping(document, "auths"), **_mapping(self._from_environment(), "auths")}
        registries = {*map(key_of, auths), *map(key_of, _mapping(document, "credHelpers"))}
        found = {key: await self.for_registry(key) for key in sorted(registries)}
        return {key: auth for key, auth in found.items() if auth is not None}

    async def keep(self, registry: str, auth: AuthConfig) -> str:
        """Keep credentials; return where, for people to read: a helper's name, or the file's."""
        key, document = key_of(registry), self._read()
        helper = _helper_of(document, key)
        auths = _mapping(document, "auths")
        if helper:
            user, secret = (_TOKEN_USER, auth.identitytoken) if auth.identitytoken else (auth.username, auth.password)
            await self._ask(helper, "store", _json({"ServerURL": key, "Username": user, "Secret": secret}))
            auths[key] = {}
        else:
            password = "" if auth.identitytoken else auth.password
            joint = base64.b64encode(f"{auth.username}:{password}".encode()).decode()
            auths[key] = {"auth": joint, **({"identitytoken": auth.identitytoken} if auth.identitytoken else {})}
        await self._write({**document, "auths": auths})
        return f"docker-credential-{helper}" if helper else str(self.file)

    async def forget(self, registry: str) -> bool:
        """Forget a registry's credentials; return whether there were any."""
        key, document = key_of(registry), self._read()
        helper = _helper_of(document, key)
        was_there = await self._look_up(key) is not None
        if helper and was_there:
            await self._ask(helper, "erase", key)
        auths = _mapping(document, "auths")
        rest = {name: value for name, value in auths.items() if key_of(name) != key}
        if len(rest) < len(auths):
            await self._write({**document, "auths": rest})
        return was_there

    async def _look_up(self, key: str) -> AuthConfig | None:
        if entry := _entry_of(self._from_environment(), key):
            return self._from_entry(key, entry, _VARIABLE)
        document = self._read()
        if helper := _helper_of(document, key):
            return await self._from_helper(helper, key)
        entry = _entry_of(document, key)
        return self._from_entry(key, entry, str(self.file)) if entry else None

    def _from_environment(self) -> dict[str, Any]:
        """What a variable holds of the file's form: for machines that build, where nobody logs in."""
        try:
            document = msgspec.json.decode(self._environment.get(_VARIABLE) or "{}")
        except msgspec.DecodeError:
            document = None
        if not isinstance(document, dict):
            raise ComposeError(f"{_VARIABLE} is not a JSON object")
        return document

    def _from_entry(self, key: str, entry: Mapping[str, Any], where: str) -> AuthConfig | None:
        user, password = str(entry.get("username") or ""), str(entry.get("password") or "")
        if joint := entry.get("auth"):
            try:
                user, colon, password = base64.b64decode(str(joint), validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                colon = ""
            if not colon:
                raise ComposeError(
                    f"{where}: the credentials of {key} cannot be read",
                    hint=f"log in again: pycompose login {shown(key)}",
                ) from None
        auth = AuthConfig(
            username=user,
            password=password.rstrip("\0"),
            serveraddress=key,
            identitytoken=str(entry.get("identitytoken") or ""),
            registrytoken=str(entry.get("registrytoken") or ""),
        )
        return auth if auth != AuthConfig(serveraddress=key) else None

    async def _from_helper(self, helper: str, key: str) -> AuthConfig | None:
        answer = await self._ask(helper, "get", key, may_lack=True)
        if answer is None:
            return None
        try:
            found = msgspec.json.decode(answer)
            user, secret = str(found["Username"]), str(found["Secret"])
        except (msgspec.DecodeError, KeyError, TypeError):
            # Not the answer itself, which may have a secret in it.
            raise ComposeError(f"docker-credential-{helper} gave an answer that cannot be read") from None
        if user == _TOKEN_USER:
            return AuthConfig(serveraddress=key, identitytoken=secret)
        return AuthConfig(username=user, password=secret, serveraddress=key)

    async def _ask(self, helper: str, verb: str, text: str, *, may_lack: bool = False) -> bytes | None:
        """Run a helper (docker-credential-helpers, its protocol): None when it has no such credentials."""
        program = f"docker-credential-{helper}"
        try:
            with unwrapped(), anyio.fail_after(_HELPER_SECONDS):
                done = await anyio.run_process(
                    [program, verb], input=text.encode(), check=False, env=dict(self._environment)
                )
        except TimeoutError:
            raise ComposeError(f"{program} did not answer within {_HELPER_SECONDS:.0f} s") from None
        except anyio.BrokenResourceError:
            raise ComposeError(f"{program} {verb} ended without reading its input") from None
        except OSError as exc:
            raise ComposeError(
                f"{program} cannot be run: {exc.strerror}",
                hint=f"install it, or take it out of {self.file} (`credsStore`, `credHelpers`)",
            ) from exc
        if done.returncode == 0:
            return done.stdout
        # Helpers put their errors on standard output, and secrets only into answers of success.
        words = (done.stdout or done.stderr).decode(errors="replace").strip()
        if may_lack and _NOT_FOUND in words:
            return None
        raise ComposeError(f"{program} {verb} failed: {words[:500] or f'exit code {done.returncode}'}")

    def _read(self) -> dict[str, Any]:
        try:
            document = msgspec.json.decode(self.file.read_bytes() or b"{}")
        except FileNotFoundError:
            return {}
        except OSError as exc:
            raise ComposeError(f"{self.file} cannot be read: {exc.strerror}") from exc
        except msgspec.DecodeError as exc:
            raise ComposeError(f"{self.file} is not valid JSON: {exc}") from None
        if not isinstance(document, dict):
            raise ComposeError(f"{self.file} is not a JSON object")
        return document

    async def _write(self, document: Mapping[str, Any]) -> None:
        self._found.clear()
        try:
            await anyio.to_thread.run_sync(_replace, self.file, document)
        except OSError as exc:
            raise ComposeError(f"{self.file} cannot be written: {exc.strerror}") from exc


def key_of(registry: str) -> str:
    """The name under which credentials of a registry are kept: its host, but an address of old for Docker Hub."""
    host = urlsplit(registry if "://" in registry else f"https://{registry}").netloc
    return DOCKER_HUB if host in _HUB_NAMES else host


def shown(key: str) -> str:
    """A registry's key as an argument of `login`."""
    return "" if key == DOCKER_HUB else key


def _entry_of(document: Mapping[str, Any], key: str) -> dict[str, Any]:
    auths = _mapping(document, "auths")
    entry = auths.get(key) or next((entry for name, entry in auths.items() if key_of(name) == key), None)
    return entry if isinstance(entry, dict) else {}


def _helper_of(document: Mapping[str, Any], key: str) -> str:
    for name, helper in _mapping(document, "credHelpers").items():
        if key_of(name) == key and helper:
            return str(helper)
    return str(document.get("credsStore") or "")


def _mapping(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = document.get(name)
    return dict(found) if isinstance(found, dict) else {}


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _replace(file: Path, document: Mapping[str, Any]) -> None:
    """Write for the owner's eyes only, at once or not at all; a symlink stays one."""
    import json

    from compose.apply.whole import whole_file

    content = json.dumps(document, indent="\t").encode()  # as Docker writes it
    file.resolve().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with whole_file(file) as written:
        written.write(content + b"\n")
