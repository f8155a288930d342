"""Container names: which are allowed, and friendly ones for those who gave none. Pure but for the dice."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from typing import Final

from engine.errors import BadRequest

_ALLOWED: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")

_ADJECTIVES: Final = (
    "able agile amber ample azure bold brave breezy bright brisk calm candid cheery civil clear clever cosy crisp "
    "curious daring deft eager early easy fair fleet fond frank fresh gentle glad golden grand hardy hearty honest "
    "jolly keen kind light lively loyal lucid lucky mellow merry mild modest neat nimble noble patient plucky polite "
    "proud quick quiet rapid ready rosy serene sharp silver simple smooth snug solid spry steady sunny swift tidy "
    "true vivid warm wise witty zesty"
)
_NOUNS: Final = (
    "acorn alder anchor aspen badger barge beacon birch bison brook canoe cedar clover comet condor cove crane "
    "cricket curlew delta dune falcon fern finch fjord fox gannet garnet glade grove gull harbor hazel heron ibis "
    "island jetty juniper kestrel kite lagoon lantern lark linden lynx maple marten meadow mesa moss oak otter pebble "
    "pelican pine plover poplar prairie puffin quarry quartz raven reef ridge robin rowan sable shore sparrow spruce "
    "stork summit swallow tern thistle tide tulip valley willow wren"
)


def check_name(name: str) -> None:
    """Raise `BadRequest` for a name, without its slash, that Docker would not take."""
    if not _ALLOWED.fullmatch(name):
        raise BadRequest(f"Invalid container name (/{name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")


def generate_name(is_taken: Callable[[str], bool]) -> str:
    """An `adjective_noun` that is free; a digit is added once the simple ones run out."""
    adjectives, nouns = _ADJECTIVES.split(), _NOUNS.split()
    for attempt in range(100):
        name = f"{secrets.choice(adjectives)}_{secrets.choice(nouns)}"
        if attempt >= 6:
            name += str(secrets.randbelow(10 ** (1 + attempt // 20)))
        if not is_taken(name):
            return name
    return f"{secrets.choice(adjectives)}_{secrets.token_hex(6)}"
