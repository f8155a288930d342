"""Images as each version of the API shows them: older ones have fields that newer ones have dropped. Pure."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from engine.wire.http import Version
from engine.wire.images import ImageInspect, ImageSummary

# What an image's config says in any case, with what Go writes for "nothing".
_ALWAYS: Final = {
    "User": "", "Env": None, "Cmd": None, "Volumes": None, "WorkingDir": "", "Entrypoint": None, "OnBuild": None,
    "Labels": None,
}  # fmt: skip
_WHEN_SET: Final = ("ArgsEscaped", "ExposedPorts", "Healthcheck", "Shell", "StopSignal")
# What is a container's alone, which images showed empty for long.
_CONTAINERS: Final = {
    "Hostname": "", "Domainname": "", "AttachStdin": False, "AttachStdout": False, "AttachStderr": False,
    "Tty": False, "OpenStdin": False, "StdinOnce": False, "Image": "",
}  # fmt: skip

_VIRTUAL_SIZE_ENDED: Final = (1, 44)
_CONTAINER_CONFIG_ENDED: Final = (1, 45)
_CONTAINER_FIELDS_ENDED: Final = (1, 50)


def inspected(image: ImageInspect, version: Version) -> dict[str, Any]:
    """The answer of `GET /images/{name}/json`."""
    shown: dict[str, Any] = msgspec.to_builtins(image)
    config = shown["Config"]
    shown["Config"] = {
        **(_CONTAINERS if version < _CONTAINER_FIELDS_ENDED else {}),
        **{name: config[name] or nothing for name, nothing in _ALWAYS.items()},
        **{name: _filled(config[name]) for name in _WHEN_SET if config[name]},
    }
    if version < _CONTAINER_CONFIG_ENDED:
        shown["ContainerConfig"] = {**_CONTAINERS, **_ALWAYS}
    if version < _VIRTUAL_SIZE_ENDED:
        shown["VirtualSize"] = image.size
    return shown


def listed(image: ImageSummary, version: Version) -> ImageSummary | dict[str, Any]:
    """An entry of `GET /images/json`."""
    if version < _VIRTUAL_SIZE_ENDED:
        return {**msgspec.to_builtins(image), "VirtualSize": image.size}
    return image


def _filled(value: object) -> object:
    """A health check without what it leaves to the engine."""
    if isinstance(value, dict) and "Test" in value:
        return {name: item for name, item in value.items() if item}
    return value
