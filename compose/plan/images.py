"""Which images a project uses, by which names."""

from __future__ import annotations

from compose.model.project import Project
from compose.model.service import Service
from compose.plan.observed import Observed


def familiar(reference: str) -> str:
    """An image reference in Docker's short form: `docker.io/library/redis` becomes `redis:latest`."""
    name, _, digest = reference.partition("@")
    for prefix in ("docker.io/", "index.docker.io/"):
        name = name.removeprefix(prefix)
    name = name.removeprefix("library/")
    if digest:
        # A tag beside a digest says nothing: the digest decides.
        return f"{_without_tag(name)}@{digest}"
    return name if _without_tag(name) != name else f"{name}:latest"


def canonical(reference: str) -> str:
    """An image reference with nothing left out: `redis` becomes `docker.io/library/redis:latest`."""
    short = familiar(reference)
    first, slash, _ = short.partition("/")
    names_registry = slash and ("." in first or ":" in first or first == "localhost" or first != first.lower())
    if names_registry:
        return short
    return f"docker.io/{short}" if slash else f"docker.io/library/{short}"


def image_of(project: Project, service: Service) -> str:
    """The image a service runs: its own, or the name that its build gets."""
    return service.image or f"{project.name}{project.separator}{service.name}"


def image_id(observed: Observed, reference: str) -> str:
    """The id of the local image, "" when there is none."""
    return observed.images.get(familiar(reference)) or observed.images.get(reference, "")


def _without_tag(name: str) -> str:
    head, colon, tail = name.rpartition(":")
    return head if colon and "/" not in tail else name
