"""`oci://REFERENCE`: the application that it stands for, brought into the cache."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from compose.artifact.cache import Cache
from compose.artifact.files import files_of
from compose.artifact.registry import Registries, RegistryUnreachable, reference_of
from compose.model.remotes import ARTIFACT
from engine.registry.interrupt import Interrupt
from engine.registry.reference import Reference


def pulled(address: str, registries: Registries, cache: Cache, warn: Callable[[str], None]) -> Path:
    """The Compose file of an application.

    A digest never changes, so nobody is asked for what is there. What a tag stands for is asked each time; while its
    registry cannot be reached, it is what it was the last time, and `warn` hears of it. Raises `ComposeError`.
    """
    reference = reference_of(address.removeprefix(ARTIFACT))
    if reference.digest and (found := cache.find(reference.digest)):
        return found
    try:
        return _fetched(reference, registries, cache)
    except RegistryUnreachable as exc:
        found = cache.find(digest) if (digest := cache.remembered(reference.canonical)) else None
        if found is None:
            raise
        warn(f"{exc.message}; going on with {reference.familiar_name}@{digest}, which it was the last time")
        return found


def _fetched(reference: Reference, registries: Registries, cache: Cache) -> Path:
    interrupt = Interrupt()  # never triggered: who loads a project waits for its files in the main thread
    digest, manifest = registries.resolve(reference, interrupt)
    if (file := cache.find(digest)) is None:
        file = cache.keep(digest, files_of(reference.familiar, registries.layers(reference, manifest, interrupt)))
    cache.remember(reference.canonical, digest)
    return file
