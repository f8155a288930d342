"""Where the result of a build goes: an image of the engine, a directory or an archive of the client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Final

from msgspec import Struct

from engine.builder.bench import Bench
from engine.builder.delivery import keep_image
from engine.builder.product import Product
from engine.buildkit.session.outputs import send_archive, send_tree
from engine.buildkit.solving.board import Board
from engine.buildkit.transport.calls import Client
from engine.errors import NotImplementedHere
from engine.images.inventory import tag_of
from engine.registry.reference import Reference
from engine.storage.pack import pack
from engine.storage.streaming import streamed

_IMAGES: Final = ("moby", "image")
_FILES: Final = ("local", "tar")


class Output(Struct, frozen=True, kw_only=True):
    """One wanted output; `number` is the client's for it."""

    number: int
    kind: str
    options: Mapping[str, str]

    @property
    def is_for_client(self) -> bool:
        """Whether the client gets files."""
        return self.kind in _FILES

    @property
    def names(self) -> list[str]:
        """The names of an image."""
        return [name for name in self.options.get("name", "").split(",") if name]


def check_outputs(outputs: Sequence[Output]) -> None:
    """Look at what would fail only after the build. Raises `BadRequest`, `NotImplementedHere`."""
    for output in outputs:
        if output.kind not in (*_IMAGES, *_FILES):
            raise NotImplementedHere(
                f"exporter {output.kind!r} could not be found",
                hint="use type=local, type=tar, or build an image and `docker save` it",
            )
        for name in output.names:
            tag_of(name)


async def put_out(
    output: Output, bench: Bench, product: Product, board: Board, client: Client | None
) -> dict[str, str]:
    """Make one output and return what the client is told of it."""
    if output.kind in _IMAGES:
        return await _image(output, bench, product, board)
    assert client is not None  # whoever wants files has a session
    root = await bench.workspace.mounted(product.chain_ids) if product.chain_ids else bench.workspace.place("empty")
    if output.kind == "tar":
        async with board.doing("exporting to client tarball") as vertex:
            await vertex.step("sending tarball")
            await _tarball(client, output.number, root)
    else:
        async with board.doing("exporting to client directory") as vertex:
            await vertex.step("copying files")
            await send_tree(client, output.number, root)
    return {}


async def _image(output: Output, bench: Bench, product: Product, board: Board) -> dict[str, str]:
    async with board.doing("exporting to image") as vertex:
        await vertex.step("exporting layers")
        image = await keep_image(bench, product, output.names)
        await vertex.step(f"writing image {image.id}")
        names = [tag_of(name).canonical for name in output.names]
        for name in names:
            await vertex.step(f"naming to {name}")
    told = {"containerimage.config.digest": image.id, "containerimage.digest": image.id}
    if not names:
        return told
    # Whole, but without a `latest` that nobody asked for, as with Docker.
    return {**told, "image.name": ",".join(Reference.parse(name).canonical for name in output.names)}


async def _tarball(client: Client, number: int, root: Path) -> None:
    async with aclosing(streamed(partial(pack, root, is_upper=False))) as chunks:
        await send_archive(client, number, chunks)
