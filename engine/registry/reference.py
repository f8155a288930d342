"""Image references as Docker reads and writes them (distribution/reference grammar).

`postgres:16` is short for `docker.io/library/postgres:16`; the short form is the one people see.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from engine.errors import BadRequest

DEFAULT_REGISTRY: Final = "docker.io"
DEFAULT_TAG: Final = "latest"
_OFFICIAL: Final = "library/"
_LEGACY_REGISTRY: Final = "index.docker.io"
_LONGEST_REPOSITORY: Final = 255
_TAG_HINT: Final = "a tag has at most 128 letters, digits, `_`, `.` and `-`"

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_REGISTRY = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?")
_TAG = re.compile(r"[\w][\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"sha256:[a-f0-9]{64}")
_IDENTITY = re.compile(r"[a-f0-9]{64}")


def is_digest(text: str) -> bool:
    """Whether a text is a digest of the one algorithm that registries use, sha256."""
    return _DIGEST.fullmatch(text) is not None


class Reference(Struct, frozen=True):
    """A repository on a registry, and perhaps a tag, a digest, or both."""

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read a reference, short or whole. Raises `BadRequest` with Docker's words."""
        if _IDENTITY.fullmatch(text):
            raise BadRequest(
                f"invalid repository name ({text}), cannot specify 64-byte hexadecimal strings",
                hint="an image id names a local image only; pull by name, tag or digest",
            )
        rest, at, digest = text.partition("@")
        if at and not is_digest(digest):
            raise _invalid(text, "a digest is `sha256:` and 64 hexadecimal digits")
        tag = ""
        colon = rest.rfind(":")
        if colon > rest.rfind("/"):
            rest, tag = rest[:colon], rest[colon + 1 :]
            if not _TAG.fullmatch(tag):
                raise _invalid(text, _TAG_HINT)
        registry, repository = _split_registry(rest)
        if repository != repository.lower():
            raise BadRequest(f"invalid reference format: repository name ({repository}) must be lowercase")
        if not _REPOSITORY.fullmatch(repository) or not _REGISTRY.fullmatch(registry):
            raise _invalid(text, "write it as [registry/]name[:tag] or [registry/]name@sha256:…")
        if len(repository) > _LONGEST_REPOSITORY:
            raise BadRequest("repository name must not be more than 255 characters")
        return cls(registry, repository, tag, digest)

    @property
    def canonical_name(self) -> str:
        """The repository with its registry: `docker.io/library/postgres`."""
        return f"{self.registry}/{self.repository}"

    @property
    def familiar_name(self) -> str:
        """The repository as people write it: `postgres`, `user/app`, `ghcr.io/user/app`."""
        if self.registry != DEFAULT_REGISTRY:
            return self.canonical_name
        short = self.repository.removeprefix(_OFFICIAL)
        return self.repository if "/" in short else short

    @property
    def suffix(self) -> str:
        """`:tag` and `@digest`, as far as they are there."""
        return (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")

    @property
    def familiar(self) -> str:
        """The whole reference as people write it: `postgres:16`."""
        return self.familiar_name + self.suffix

    @property
    def canonical(self) -> str:
        """The whole reference with nothing left out: `docker.io/library/postgres:16`."""
        return self.canonical_name + self.suffix

    def named(self, tag_or_digest: str) -> Reference:
        """The same repository by that tag or digest, whatever it was called by before. Raises `BadRequest`."""
        if is_digest(tag_or_digest):
            return replace(self, tag="", digest=tag_or_digest)
        if not _TAG.fullmatch(tag_or_digest):
            raise BadRequest("invalid tag format", hint=_TAG_HINT)
        return replace(self, tag=tag_or_digest)

    def tagged(self) -> Reference:
        """The same reference with the tag `latest` when it has neither tag nor digest."""
        return self if self.tag or self.digest else replace(self, tag=DEFAULT_TAG)


def _split_registry(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    names_registry = slash and ("." in first or ":" in first or first == "localhost" or first != first.lower())
    registry, repository = (first, rest) if names_registry else (DEFAULT_REGISTRY, name)
    if registry == _LEGACY_REGISTRY:
        registry = DEFAULT_REGISTRY
    if registry == DEFAULT_REGISTRY and "/" not in repository:
        repository = _OFFICIAL + repository
    return registry, repository


def _invalid(text: str, hint: str) -> BadRequest:
    return BadRequest(f"invalid reference format: {text!r}", hint=hint)
