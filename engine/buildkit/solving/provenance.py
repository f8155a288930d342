"""Where the result of a build comes from: SLSA's provenance 0.2, in the form that BuildKit gives it (docs/attestations/
slsa-provenance.md of moby/buildkit). Pure.

It says what this engine knows: images are the only materials, so these are not told to be complete, and there is no
graph of low-level steps (`buildConfig`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from urllib.parse import quote, urlsplit

import msgspec
from msgspec import Struct

from engine.errors import EngineError
from engine.registry.reference import Reference

PREDICATE: Final = "https://slsa.dev/provenance/v0.2"
_BUILD_TYPE: Final = "https://mobyproject.org/buildkit@v1"
# What depends on the client's or the engine's machine, or stands elsewhere in the document.
_LEFT_OUT: Final = frozenset(
    {"cache-from", "cache-imports", "cgroup-parent", "context", "contextkey", "dockerfilekey", "filename",
     "image-resolve-mode", "platform", "requestid"}
)  # fmt: skip
_LEFT_OUT_BELOW: Final = ("attest:", "input-metadata:", "local-sessionid:", "vcs:")


class Facts(Struct, frozen=True, kw_only=True):
    """What is known of a build: its client's `attributes`, its contexts that are directories of the client's, the
    digests of `images` by reference and platform, and the names of what was asked for besides, with those `required`.
    """

    attributes: Mapping[str, str]
    dockerfile: str
    platform: str
    remote: str = ""
    locals: Iterable[str] = ()
    images: Mapping[tuple[str, str], str] = {}
    secrets: Iterable[str] = ()
    agents: Iterable[str] = ()
    required: Iterable[str] = ()


def predicate(facts: Facts, *, ref: str, started: str, finished: str) -> bytes:
    """The document, as JSON. Times as RFC 3339."""
    source = {"uri": without_credentials(facts.remote)} if facts.remote else {}
    parameters: dict[str, object] = {"frontend": "dockerfile.v0"}
    if args := dict(_args(facts.attributes)):
        parameters["args"] = args
    for key, names in (("secrets", facts.secrets), ("ssh", facts.agents)):
        if asked := [_asked(name, facts.required) for name in sorted(names)]:
            parameters[key] = asked
    if facts.locals:
        parameters["locals"] = [{"name": name} for name in sorted(facts.locals)]
    document = {
        "builder": {"id": ""},
        "buildType": _BUILD_TYPE,
        "materials": list(_materials(facts.images)),
        "invocation": {
            "configSource": {**source, "entryPoint": facts.dockerfile},
            "parameters": parameters,
            "environment": {"platform": facts.platform},
        },
        "metadata": {
            "buildInvocationID": ref,
            "buildStartedOn": started,
            "buildFinishedOn": finished,
            "completeness": {"parameters": True, "environment": True, "materials": False},
            "reproducible": False,
        },
    }
    return msgspec.json.encode(document)


def without_credentials(address: str) -> str:
    """An address without the name and the password that may stand in it."""
    parts = urlsplit(address)
    if parts.password is None or "@" not in parts.netloc:
        return address
    return parts._replace(netloc=f"xxxxx:xxxxx@{parts.netloc.rpartition('@')[2]}").geturl()


def _args(attributes: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, value in sorted(attributes.items()):
        if name not in _LEFT_OUT and not name.startswith(_LEFT_OUT_BELOW):
            yield name, without_credentials(value) if name.startswith("context:") else value


def _asked(name: str, required: Iterable[str]) -> dict[str, object]:
    return {"id": name} if name in required else {"id": name, "optional": True}


def _materials(images: Mapping[tuple[str, str], str]) -> Iterator[dict[str, object]]:
    for (name, platform), digest in sorted(images.items()):
        algorithm, _, value = digest.partition(":")
        if address := _package(name, platform):
            yield {"uri": address, "digest": {algorithm: value}}


def _package(name: str, platform: str) -> str:
    """An image as a package URL; "" for an id, which is the name of no package."""
    try:
        reference = Reference.parse(name).tagged()
    except EngineError:
        return ""
    wanted = {"digest": reference.digest, "platform": platform}
    asked = "&".join(f"{key}={quote(value, safe=':')}" for key, value in wanted.items() if value)
    version = f"@{reference.tag}" if reference.tag else ""
    return f"pkg:docker/{quote(reference.familiar_name, safe='/:')}{version}?{asked}"
