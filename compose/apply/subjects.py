"""Which part of the project's files an error of the engine is about, so that the error can point at it."""

from __future__ import annotations

import re

from compose.model.project import Project
from compose.model.service import Service
from compose.plan.actions import (
    Action,
    BuildImage,
    CreateContainer,
    CreateNetwork,
    CreateVolume,
    PullImage,
    StartContainer,
)
from compose.plan.images import image_of

Steps = tuple[str | int, ...]

# Ours, then Docker's.
_PORT = re.compile(r"port \S*:(?P<ours>\d+)/\w+ is already in use|Bind for \S*:(?P<docker>\d+) failed")
_PROGRAM = re.compile(r'exec: "(?P<program>[^"]+)"')


def subject_of(project: Project, action: Action, message: str) -> Steps:
    """The path of the part of the document that makes `action` fail with `message`; () where it is in no file."""
    match action:
        case PullImage(image):
            users = [name for name, service in project.services.items() if image_of(project, service) == image]
            return ("services", users[0], "image") if users else ()
        case BuildImage(service):
            return ("services", service.name, "build")
        case CreateNetwork(network):
            return ("networks", network.key)
        case CreateVolume(volume):
            return ("volumes", volume.key)
        case CreateContainer(service):
            return _mount(project, service, message) or ("services", service.name)
        case StartContainer(_, name) if name in project.services:
            service = project.services[name]
            # Only what the message names: a start may well fail for what is in no file.
            return _port(service, message) or _address(service, message) or _program(service, message)
        case _:
            return ()


def _mount(project: Project, service: Service, message: str) -> Steps:
    for index, mount in enumerate(service.volumes):
        if mount.source and message.endswith(mount.source):
            return ("services", service.name, "volumes", index)
    for section, resources in (("configs", project.configs), ("secrets", project.secrets)):
        for key, resource in resources.items():
            if resource.file and message.endswith(resource.file):
                return (section, key, "file")
    return ()


def _port(service: Service, message: str) -> Steps:
    match = _PORT.search(message)
    number = int(match["ours"] or match["docker"]) if match else 0
    for index, port in enumerate(service.ports):
        first, _, last = port.published.partition("-")
        if first.isdecimal() and int(first) <= number <= int(last or first):
            return ("services", service.name, "ports", index)
    return ()


def _address(service: Service, message: str) -> Steps:
    for key, network in service.networks.items():
        for kind, address in (("ipv4_address", network.ipv4_address), ("ipv6_address", network.ipv6_address)):
            if address and re.search(rf"address {re.escape(address)}\b", message):
                return ("services", service.name, "networks", key, kind)
    return ()


def _program(service: Service, message: str) -> Steps:
    match = _PROGRAM.search(message)
    if match:
        for key, words in (("entrypoint", service.entrypoint), ("command", service.command)):
            if words and words[0] == match["program"]:
                return ("services", service.name, key)
    return ()
