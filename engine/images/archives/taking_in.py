"""`docker import`: an image of one layer, out of an archive of a file system."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct, field

from engine.errors import BadRequest, EngineError
from engine.images.configuration import Configuration, HistoryEntry, RootFilesystem, encode_configuration
from engine.images.inventory import Inventory, tag_of
from engine.images.record import Image
from engine.registry.platforms import Platform
from engine.storage.layers import CapturedLayer
from engine.storage.streaming import Write, consumed, streamed
from engine.wire.containers import ContainerConfig
from engine.wire.times import rfc3339

_SILENCE_SECONDS: Final = 60.0
_CHUNK_BYTES: Final = 1 << 18


class ImportOptions(Struct, frozen=True):
    """What `docker import` may say; `platform` is `os[/architecture[/variant]]`."""

    tag: str = ""
    comment: str = ""
    platform: str = ""
    config: ContainerConfig = field(default_factory=ContainerConfig)


async def take_in(inventory: Inventory, archive: AsyncIterator[bytes], options: ImportOptions) -> Image:
    """Make an image of a tar archive (plain, gzip, bzip2, xz or zstd). After a failure nothing stays.

    Raises `InvalidLayer`, `BadRequest` for a name or a platform that is none, and what `archive` raises.
    """
    platform = Platform.parse(options.platform)
    tags = [tag_of(options.tag).familiar] if options.tag else []
    made: list[str] = []
    try:
        with inventory.making():
            layer = await consumed(archive, inventory.layers.take_in)
            made.append(layer.chain_id)
            return await inventory.add(_config(options, platform, layer), tags=tags, tells=("tag",))
    except BaseException as exc:
        await inventory.discard(made)
        if isinstance(exc, OSError):
            raise EngineError(f"image cannot be stored: {exc.strerror or exc}", hint="is the disk full?") from exc
        raise


def _config(options: ImportOptions, platform: Platform, layer: CapturedLayer) -> bytes:
    created = rfc3339(time.time_ns())
    configuration = Configuration(
        architecture=platform.architecture,
        variant=platform.variant,
        os=platform.os,
        created=created,
        comment=options.comment,
        config=options.config,
        rootfs=RootFilesystem(diff_ids=[layer.diff_id]),
        history=[HistoryEntry(created=created, comment=options.comment)],
    )
    return encode_configuration(configuration)


def source_url(source: str) -> str:
    """The address from which an archive is to be fetched, http by default. Raises `BadRequest`."""
    url = source if "://" in source else f"http://{source}"
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadRequest(f"cannot import from {source!r}", hint="give an http or https address, or - for the body")
    return url


def download(url: str) -> AsyncGenerator[bytes, None]:
    """What is at an http or https address, as it comes. Raises `EngineError` when it cannot be had."""

    def produce(write: Write) -> None:
        # Rarely wanted, and slow to import.
        import http.client
        import urllib.error
        import urllib.request

        try:
            with urllib.request.urlopen(url, timeout=_SILENCE_SECONDS) as answer:
                while chunk := answer.read(_CHUNK_BYTES):
                    write(chunk)
        except BrokenPipeError:
            raise  # nobody wants the rest
        except urllib.error.HTTPError as exc:
            raise EngineError(f"{url} cannot be fetched: {exc.code} {exc.reason}") from exc
        except (urllib.error.URLError, http.client.HTTPException, OSError, UnicodeError) as exc:
            reason = getattr(exc, "reason", None) or exc
            raise EngineError(f"{url} cannot be fetched: {reason}") from exc

    return streamed(produce)
