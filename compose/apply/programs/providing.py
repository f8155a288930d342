"""Services that a program provides instead of a container (docker compose's extension protocol).

`PROGRAM compose --project-name=NAME up|down --option=value… SERVICE` says what it does in lines of JSON: `info` and
`error` for the user, `setenv` for the services that depend on this one, `debug` for the log. It may tell with
`compose metadata` which options it knows.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

import anyio
import msgspec
from msgspec import Struct

from compose.apply.programs.plugins import find_program, keep_the_end, lines, output_of, running, surroundings
from compose.errors import ComposeError
from compose.model.project import Project
from compose.model.tooling import Provider
from compose.plan.actions import RunProvider
from compose.plan.deciding.supplies import arguments

log = logging.getLogger(__name__)

Tell = Callable[[str], None]


class _Message(Struct, frozen=True):
    type: str
    message: str


class _Parameter(Struct, frozen=True):
    name: str
    required: bool = False


class _Command(Struct, frozen=True):
    parameters: list[_Parameter] | None = None


class _Metadata(Struct, frozen=True):
    description: str = ""
    up: _Command = _Command()
    down: _Command = _Command()


async def run_provider(action: RunProvider, project: Project, engine_address: str, tell: Tell) -> Mapping[str, str]:
    """Run the program of a service; returns the variables that it told. `tell` gets what it says meanwhile.

    Raises `ComposeError` for a program that is not there, fails or says what cannot be understood.
    """
    service, provider = action.service.name, action.service.provider
    assert provider is not None, "the plan runs providers of services that have one"
    try:
        program = _program(provider, project.environment)
        environment = surroundings(project.environment, engine_address)
        known = await _known_options(program, provider, action.command, environment)
        command = [program, *arguments(project.name, service, provider, action.command, known)]
        return await _run(command, environment, service, tell, doing="create" if action.command == "up" else "remove")
    except ComposeError as exc:
        exc.subject = exc.subject or ("services", service, "provider")
        raise


def _program(provider: Provider, environment: Mapping[str, str]) -> str:
    if provider.type == "compose":
        raise ComposeError("`compose` is not a valid provider type", hint="it would call itself for ever")
    program = find_program(provider.type, environment)
    if program is None:
        raise ComposeError(
            f"the provider `{provider.type}` is neither a plugin of Docker's command line nor a program in the PATH",
            hint=f"install `docker-{provider.type}` below ~/.docker/cli-plugins, or `{provider.type}`",
        )
    return program


async def _known_options(
    program: str, provider: Provider, verb: str, environment: Mapping[str, str]
) -> frozenset[str] | None:
    """The options that the program has for a command, None if it does not say. Raises `ComposeError` for a lack."""
    code, output, _ = await output_of([program, "compose", "metadata"], environment)
    try:
        found = msgspec.json.decode(output, type=_Metadata) if not code else _Metadata()
    except (msgspec.DecodeError, msgspec.ValidationError):
        found = _Metadata()  # telling is voluntary
    if found == _Metadata():
        return None
    parameters = (found.up if verb == "up" else found.down).parameters or []
    for parameter in parameters:
        if parameter.required and parameter.name not in provider.options:
            raise ComposeError(
                f"the provider `{provider.type}` needs the option `{parameter.name}`", hint="add it to `options`"
            )
    return frozenset(parameter.name for parameter in parameters)


async def _run(
    command: list[str], environment: Mapping[str, str], service: str, tell: Tell, *, doing: str
) -> Mapping[str, str]:
    variables: dict[str, str] = {}
    complaints = bytearray()
    async with running(command, environment) as process, anyio.create_task_group() as tasks:
        assert process.stdout is not None, "it has pipes"
        assert process.stderr is not None, "it has pipes"
        tasks.start_soon(keep_the_end, process.stderr, complaints)
        failure = ""
        async for line in lines(process.stdout):
            failure = _take(line, variables, service, tell)
            if failure:
                break
        if failure:
            tasks.cancel_scope.cancel()
        else:
            await process.wait()
    if failure:
        raise ComposeError(f"provider of service `{service}`: {failure}")
    if process.returncode:
        words = complaints.decode(errors="replace").strip()
        raise ComposeError(
            f"failed to {doing} service `{service}`: its provider ended with exit code {process.returncode}",
            hint=f"it says: {words}" if words else None,
        )
    return variables


def _take(line: bytes, variables: dict[str, str], service: str, tell: Tell) -> str:
    """Do what one message asks for; returns what is wrong, "" if nothing is."""
    try:
        said = msgspec.json.decode(line, type=_Message)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return f"it says what is no message: {line.decode(errors='replace')[:200]}"
    match said.type:
        case "error":
            return said.message
        case "info":
            tell(said.message)
        case "debug":
            log.debug("%s: %s", service, said.message)
        case "setenv":
            name, equals, value = said.message.partition("=")
            if not equals:
                return f"it sets a variable without `=`: {said.message}"
            variables[name] = value
        case _:
            return f"it sends a message of the unknown type `{said.type}`"
    return ""
