"""What a Compose application is in a registry: an OCI manifest whose layers are Compose files and env files.

The form is docker compose's, so that either reads what the other has published. It is that of the image-spec 1.1, whose
manifests name the type of their artifact; registries that know only 1.0 tell it by the type of an empty config.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypeVar

import msgspec
from msgspec import Struct

from compose.errors import ComposeError
from engine.wire.typed import from_json

PROJECT_TYPE: Final = "application/vnd.docker.compose.project"
FILE_TYPE: Final = "application/vnd.docker.compose.file+yaml"
ENV_FILE_TYPE: Final = "application/vnd.docker.compose.envfile"
MANIFEST_TYPE: Final = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE: Final = "application/vnd.oci.image.index.v1+json"

FILE_NAME: Final = "com.docker.compose.file"
IS_EXTENDED: Final = "com.docker.compose.extends"
ENV_FILE_NAME: Final = "com.docker.compose.envfile"
VERSION: Final = "com.docker.compose.version"
_CREATED: Final = "org.opencontainers.image.created"

_EMPTY: Final = b"{}"
_EMPTY_TYPE: Final = "application/vnd.oci.empty.v1+json"
_EMPTY_TYPE_1_0: Final = "application/vnd.docker.compose.config.empty.v1+json"
_INDEX_TYPES: Final = frozenset({INDEX_TYPE, "application/vnd.docker.distribution.manifest.list.v2+json"})
_IMAGE_CONFIGS: Final = frozenset(
    {"application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"}
)

T = TypeVar("T")
Version = Literal["1.0", "1.1"]
VERSIONS: Final[tuple[Version, ...]] = ("1.0", "1.1")


class Descriptor(Struct, frozen=True, rename="camel", omit_defaults=True):
    """A blob or manifest by digest; what is small may come along as `data`."""

    media_type: str
    digest: str
    size: int
    annotations: Mapping[str, str] = {}
    data: bytes = b""
    artifact_type: str = ""


class _Manifest(Struct, frozen=True, rename="camel", omit_defaults=True):
    schema_version: int
    media_type: str = ""
    artifact_type: str = ""
    config: Descriptor | None = None
    layers: Sequence[Descriptor] = ()
    annotations: Mapping[str, str] = {}


class _Index(Struct, frozen=True, rename="camel", omit_defaults=True):
    schema_version: int
    media_type: str = ""
    manifests: Sequence[Descriptor] = ()
    subject: Descriptor | None = None
    annotations: Mapping[str, str] = {}


def digest_of(content: bytes) -> str:
    """The digest of some bytes."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def file_layer(name: str, content: bytes, version: str, *, is_extended: bool = False) -> Descriptor:
    """A Compose file; one that services only extend is kept apart from the others. `version` is of docker compose."""
    more = {IS_EXTENDED: "true"} if is_extended else {}
    return _layer(FILE_TYPE, content, {**more, FILE_NAME: name, VERSION: version})


def env_file_layer(name: str, content: bytes, version: str) -> Descriptor:
    """A file of variables."""
    return _layer(ENV_FILE_TYPE, content, {ENV_FILE_NAME: name, VERSION: version})


def empty_config(version: Version) -> Descriptor:
    """The config of an artifact: there is nothing to configure."""
    return _layer(_EMPTY_TYPE if version == "1.1" else _EMPTY_TYPE_1_0, _EMPTY, {})


def manifest(layers: Sequence[Descriptor], version: Version, created: str) -> bytes:
    """The manifest of an application, by the image-spec of that version; `created` is a time in RFC 3339."""
    return msgspec.json.encode(
        _Manifest(
            schema_version=2,
            media_type=MANIFEST_TYPE,
            artifact_type=PROJECT_TYPE if version == "1.1" else "",
            config=empty_config(version),
            layers=layers,
            annotations={_CREATED: created},
        )
    )


def application_index(images: Sequence[Descriptor], subject: bytes, artifact_type: str, version: str) -> bytes:
    """The index of an application's images, which refers to the application's manifest."""
    about = {VERSION: version}
    return msgspec.json.encode(
        _Index(
            schema_version=2,
            media_type=INDEX_TYPE,
            manifests=images,
            subject=Descriptor(
                MANIFEST_TYPE, digest_of(subject), len(subject), annotations=about, artifact_type=artifact_type
            ),
            annotations=about,
        )
    )


def chosen_manifest(name: str, media_type: str, body: bytes) -> str | None:
    """The digest of the application in an index, None if the document is a manifest itself. Raises `ComposeError`."""
    index = _decoded(name, body, _Index)
    if (index.media_type or media_type.partition(";")[0].strip()) not in _INDEX_TYPES:
        return None
    found = [entry.digest for entry in index.manifests if entry.artifact_type == PROJECT_TYPE]
    if not found:
        raise ComposeError(f"{name} is an index without a Compose application in it", hint=_HINT)
    return found[-1]


def layers_in(name: str, body: bytes) -> Sequence[Descriptor]:
    """The layers of an application's manifest. Raises `ComposeError` for a manifest of something else."""
    found = _decoded(name, body, _Manifest)
    config = found.config.media_type if found.config else ""
    if found.artifact_type == PROJECT_TYPE or (not found.artifact_type and config == _EMPTY_TYPE_1_0):
        return found.layers
    what = "a container image" if config in _IMAGE_CONFIGS else found.artifact_type or config or "something else"
    raise ComposeError(f"{name} is not a Compose application, but {what}", hint=_HINT)


_HINT = "`pycompose publish` and `docker compose publish` make such artifacts"


def _layer(media_type: str, content: bytes, annotations: Mapping[str, str]) -> Descriptor:
    return Descriptor(media_type, digest_of(content), len(content), annotations=annotations, data=content)


def _decoded(name: str, body: bytes, kind: type[T]) -> T:
    try:
        return from_json(body, kind)
    except (msgspec.DecodeError, msgspec.ValidationError) as exc:
        raise ComposeError(f"the manifest of {name} cannot be read: {exc}") from exc
