"""A fingerprint of a plan and of all that it was made from: when it differs, something has changed since. Pure."""

from __future__ import annotations

import hashlib

import msgspec

from compose.model.project import Project
from compose.plan.deciding.foresight import Foresight
from compose.plan.images import image_id, image_of
from compose.plan.observed import Observed


def fingerprint(project: Project, observed: Observed, foresight: Foresight) -> str:
    """Every step with the configuration that it brings, which containers and images there are, and what was read."""
    images = {image_of(project, service) for service in project.services.values()}
    parts = (
        foresight.plans,
        sorted((item.name, item.id) for item in observed.containers),
        sorted((image, image_id(observed, image)) for image in images),
        # What is copied into containers is not part of their configuration.
        [(key, source.content) for key, source in sorted({**project.configs, **project.secrets}.items())],
    )
    return hashlib.sha256(msgspec.json.encode(parts, order="deterministic")).hexdigest()
