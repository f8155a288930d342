"""All calls with one whole response, of every kind of resource: what both clients have."""

from __future__ import annotations

from engine.client.containers import ContainerCalls
from engine.client.images import ImageCalls
from engine.client.resources import NetworkCalls, VolumeCalls
from engine.client.system import SystemCalls


class EngineCalls(ContainerCalls, ImageCalls, NetworkCalls, VolumeCalls, SystemCalls):
    """What either client does; see `engine.client.calls`."""
