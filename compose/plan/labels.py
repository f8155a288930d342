"""The labels by which a project's resources are known: docker compose's own, so that both tools see the same stacks."""

from __future__ import annotations

from compose.model.project import Network, Project, Volume
from compose.model.service import Service

PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
NUMBER = "com.docker.compose.container-number"
ONE_OFF = "com.docker.compose.oneoff"
CONFIG_HASH = "com.docker.compose.config-hash"
CONFIG_FILES = "com.docker.compose.project.config_files"
WORKING_DIR = "com.docker.compose.project.working_dir"
ENVIRONMENT_FILE = "com.docker.compose.project.environment_file"
DEPENDS_ON = "com.docker.compose.depends_on"
IMAGE = "com.docker.compose.image"
REPLACE = "com.docker.compose.replace"
SLUG = "com.docker.compose.slug"
VERSION = "com.docker.compose.version"
NETWORK = "com.docker.compose.network"
VOLUME = "com.docker.compose.volume"

# Ours alone: the inline configs and secrets that were copied in. docker compose does not look at their contents.
CONTENT_HASH = "pycompose.content-hash"
# Ours alone: the configuration that the container was made from, and why it took the place of another one.
CONFIG = "pycompose.config"
BECAUSE = "pycompose.because"

# docker compose reads this label as the version of the program that made the resource.
COMPATIBLE_VERSION = "2.40.3"


def container_labels(
    project: Project, service: Service, number: int, config_hash: str, content_hash: str
) -> dict[str, str]:
    """The labels of one container of `service`: the user's, and ours over them. `number` counts from 1."""
    labels = dict(service.labels)
    labels |= {
        PROJECT: project.name,
        SERVICE: service.name,
        VERSION: COMPATIBLE_VERSION,
        ONE_OFF: "False",
        CONFIG_HASH: config_hash,
        NUMBER: str(number),
        DEPENDS_ON: ",".join(
            f"{name}:{wish.condition}:{str(wish.restart).lower()}" for name, wish in service.depends_on.items()
        ),
        WORKING_DIR: project.working_dir,
        CONFIG_FILES: ",".join(project.compose_files),
    }
    if project.environment_files:
        labels[ENVIRONMENT_FILE] = ",".join(project.environment_files)
    if content_hash:
        labels[CONTENT_HASH] = content_hash
    return labels


def one_off_labels(project: Project, service: Service, config_hash: str, slug: str) -> dict[str, str]:
    """The labels of a container that `run` makes; `slug` tells it from others, it has no number."""
    labels = container_labels(project, service, 0, config_hash, "")
    del labels[NUMBER]
    return {**labels, ONE_OFF: "True", SLUG: slug}


def network_labels(project: Project, network: Network, config_hash: str) -> dict[str, str]:
    """The labels of one of the project's networks."""
    return {**network.labels, **_owned(project, config_hash), NETWORK: network.key}


def volume_labels(project: Project, volume: Volume, config_hash: str) -> dict[str, str]:
    """The labels of one of the project's volumes."""
    return {**volume.labels, **_owned(project, config_hash), VOLUME: volume.key}


def dependencies(label: str) -> tuple[str, ...]:
    """The service names in a `depends_on` label (`db:service_healthy:false,…`)."""
    return tuple(part.partition(":")[0] for part in label.split(",") if part)


def container_name(project: Project, service: Service, number: int) -> str:
    """`project-service-1`, or the name that the user gave."""
    return service.container_name or project.separator.join((project.name, service.name, str(number)))


def is_internal(label: str) -> bool:
    """Whether a label is nobody's but docker compose's and ours."""
    return label.startswith(("com.docker.compose.", "pycompose."))


def _owned(project: Project, config_hash: str) -> dict[str, str]:
    return {PROJECT: project.name, VERSION: COMPATIBLE_VERSION, CONFIG_HASH: config_hash}
