"""Fingerprints of what was asked for: a container, network or volume with another one is out of date.

They are docker compose's own, so that a stack which one tool started is up to date for the other: the SHA-256 of the
JSON that Go makes of an entry. Its attributes stand in the reference's order, as the loader writes them, and the keys
of mappings in alphabetical order.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping

import msgspec

from compose.lazy import lazy_pattern
from compose.model.project import FileObject, Network, Project, Volume
from compose.model.service import Service

# What may change without a new container.
_NOT_HASHED = frozenset({"build", "depends_on", "profiles", "pull_policy", "scale"})

# The attributes whose keys are the user's: everything else is a structure with an order of its own.
_MAPPINGS = frozenset(
    {
        "annotations",
        "aux_addresses",
        "driver_opts",
        "environment",
        "labels",
        "models",
        "networks",
        "options",
        "storage_opt",
        "sysctls",
        "ulimits",
    }
)
# Go writes these so that its JSON can stand in HTML and JavaScript; the last stands for bytes that are no UTF-8.
_NO_CHARACTER = "\ufffe"
_NO_TEXT = lazy_pattern("[\udc80-\udcff]")
_ESCAPES = {
    character.encode(): escape
    for character, escape in (
        ("<", b"\\u003c"),
        (">", b"\\u003e"),
        ("&", b"\\u0026"),
        ("\u2028", b"\\u2028"),
        ("\u2029", b"\\u2029"),
        (_NO_CHARACTER, b"\\ufffd"),
    )
}
_SMALLEST_PLAIN, _SMALLEST_EXPONENTIAL = 1e-6, 1e21


def service_hash(
    project: Project, service: Service, providers: Mapping[str, str] = {}, *, without: Collection[str] = ()
) -> str:
    """The fingerprint of a service's containers, 64 hex digits.

    `providers`: service name -> id of the container that stands for it where its namespaces or volumes are shared.
    `without` are attributes that do not count this time.
    """
    return hashlib.sha256(service_document(project, service, providers, without=without)).hexdigest()


def service_document(
    project: Project, service: Service, providers: Mapping[str, str] = {}, *, without: Collection[str] = ()
) -> bytes:
    """What `service_hash` is the fingerprint of: the JSON of all that makes a new container necessary."""
    entry = project.canonical["services"][service.name]
    tree: dict[str, object] = {
        key: _REWRITTEN[key](value, providers) if key in _REWRITTEN else value
        for key, value in entry.items()
        if key not in _NOT_HASHED and key not in without
    }
    deploy = tree.get("deploy")
    if isinstance(deploy, dict) and "replicas" in deploy:
        tree["deploy"] = {key: value for key, value in deploy.items() if key != "replicas"}
    return encoded(tree)


def network_hash(project: Project, network: Network) -> str:
    """The fingerprint of a network, 64 hex digits."""
    return _digest(project.canonical["networks"][network.key])


def volume_hash(project: Project, volume: Volume) -> str:
    """The fingerprint of a volume, 64 hex digits; no driver is the same as `local`."""
    entry = project.canonical["volumes"][volume.key]
    return _digest({"name": volume.name, "driver": "local", **entry})


def content_hash(project: Project, service: Service) -> str:
    """The fingerprint of the inline configs and secrets, which are copied in when a container is made.

    Empty where there are none. Not part of the service's: docker compose does not look at them.
    """
    contents = [
        (kind, mount.source, content)
        for kind, mounts, objects in (
            ("config", service.configs, project.configs),
            ("secret", service.secrets, project.secrets),
        )
        for mount in mounts
        if (content := inline_content(project, objects.get(mount.source))) is not None
    ]
    return hashlib.sha256(json.dumps(contents).encode()).hexdigest() if contents else ""


def inline_content(project: Project, source: FileObject | None) -> str | None:
    """The text of a config or secret that is not a file; None for files, external and unknown ones."""
    if source is None or source.file or source.external:
        return None
    if source.content is not None:
        return source.content
    return project.environment.get(source.environment, "") if source.environment else None


def _namespace(mode: object, providers: Mapping[str, str]) -> object:
    if not isinstance(mode, str) or not mode.startswith("service:"):
        return mode
    name = mode.removeprefix("service:")
    return f"container:{providers[name]}" if name in providers else mode


def _volumes_from(sources: object, providers: Mapping[str, str]) -> object:
    if not providers or not isinstance(sources, list):
        return sources
    # The reference leaves out the access mode here.
    names = [str(source).removeprefix("container:").partition(":")[0] for source in sources]
    return [providers.get(name, name) for name in names]


def _env_files(files: object, _: Mapping[str, str]) -> object:
    """Required files are written as their names."""
    if not isinstance(files, list):
        return files
    return [file["path"] if file["required"] else file for file in files]


_REWRITTEN = {
    "env_file": _env_files,
    "ipc": _namespace,
    "network_mode": _namespace,
    "pid": _namespace,
    "volumes_from": _volumes_from,
}


def _digest(tree: Mapping[str, object]) -> str:
    return hashlib.sha256(encoded(tree)).hexdigest()


def encoded(tree: Mapping[str, object]) -> bytes:
    """The compact JSON of a structure, as Go writes it."""
    text = msgspec.json.encode({key: _prepared(key, value) for key, value in tree.items()})
    for character, escape in _ESCAPES.items():
        text = text.replace(character, escape)
    return text


def _prepared(key: str, value: object) -> object:
    """The value with its mappings sorted and its numbers written."""
    match value:
        case str():
            return value if value.isascii() else _NO_TEXT.sub(_NO_CHARACTER, value)
        case list() | tuple():
            return [_prepared("", item) for item in value]
        case dict() if key in _MAPPINGS:
            return {name: _prepared("", value[name]) for name in sorted(value)}
        case dict():
            return {name: _prepared(name, item) for name, item in value.items()}
        case float():
            return msgspec.Raw(_number(value).encode())
        case _:
            return value


def _number(value: float) -> str:
    """A number without trailing zeros, exponents only where Go has them."""
    if value.is_integer() and abs(value) < _SMALLEST_EXPONENTIAL:
        return str(int(value))
    if abs(value) < _SMALLEST_PLAIN or abs(value) >= _SMALLEST_EXPONENTIAL:
        mantissa, _, exponent = repr(value).partition("e")
        return f"{mantissa.removesuffix('.0')}e{exponent[0]}{exponent[1:].lstrip('0')}"
    return f"{value:.17f}".rstrip("0") if "e" in repr(value) else repr(value)
