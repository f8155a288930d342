"""`run`, `exec`: a command in a new container, or in one that runs."""

from __future__ import annotations

import sys
from typing import Any

import anyio
import click
from msgspec import UNSET

from compose.cli.engine.asking import ask, show_lines
from compose.cli.parsing.completing import container_names, image_names
from compose.cli.running.attached import Attachment, remove_passing, run_attached
from compose.cli.session import Session
from compose.errors import EngineRefused, UsageError
from engine.client import ApiError, EngineClient
from engine.wire.containers import (
    ContainerCreateRequest,
    ExecCreateRequest,
    HostConfig,
    PortBinding,
    RestartPolicy,
)

_PASS_ON = {"allow_interspersed_args": False}


@click.command("run", help="Run a command in a new container", context_settings=_PASS_ON)
@click.argument("image", shell_complete=image_names)
@click.argument("words", nargs=-1, metavar="[COMMAND] [ARG...]", type=click.UNPROCESSED)
@click.option("-d", "--detach", is_flag=True, help="Do not wait for it; print its id")
@click.option("--rm", "is_passing", is_flag=True, help="Remove it when it ends")
@click.option("-i", "--interactive", is_flag=True, help="With our input")
@click.option("-t", "--tty", is_flag=True, help="With a terminal")
@click.option("--name", default="", help="Its name")
@click.option("-e", "--env", "environment", multiple=True, metavar="NAME[=VALUE]", help="Set a variable")
@click.option("-l", "--label", "labels", multiple=True, metavar="NAME=VALUE", help="Label it")
@click.option("-p", "--publish", "ports", multiple=True, metavar="[[IP:]HOST:]PORT[/udp]", help="Publish a port")
@click.option("-v", "--volume", "volumes", multiple=True, metavar="SOURCE:TARGET[:ro]", help="Mount something")
@click.option("--network", default="default", help="On this network")
@click.option("--restart", default="", metavar="POLICY[:N]", help="no, on-failure, always or unless-stopped")
@click.option("-u", "--user", default="", help="Run as this user")
@click.option("-w", "--workdir", default="", help="Run in this directory")
@click.option("--entrypoint", default=None, help="Instead of the image's")
@click.option("--privileged", is_flag=True, help="With all privileges")
@click.option("--init", is_flag=True, default=None, help="With a small init in front")
@click.pass_obj
def run_command(session: Session, /, **options: Any) -> int:
    """Create, start and join it; end with its exit code, or with Docker's for what cannot be run."""
    request = creation(session, options)

    async def act(engine: EngineClient) -> int:
        made = await _created(engine, options["name"], request)
        if options["detach"]:
            await engine.start_container(made)
            show_lines([made])
            return 0
        is_over = False
        try:
            wish = Attachment(
                made, request.tty, request.open_stdin, starts=True, is_passing=request.host_config.auto_remove
            )
            code = await run_attached(engine, wish)
            is_over = True
            return code or 0
        finally:
            if options["is_passing"] and not is_over:
                with anyio.move_on_after(30, shield=True):
                    await remove_passing(engine, made)

    try:
        return ask(session, f"running {options['image']}", act)
    except EngineRefused as exc:
        exc.exit_code = failure_code(exc.message)
        raise


@click.command("exec", help="Run a command in a running container", context_settings=_PASS_ON)
@click.argument("container", shell_complete=container_names)
@click.argument("words", nargs=-1, required=True, metavar="COMMAND [ARG...]", type=click.UNPROCESSED)
@click.option("-d", "--detach", is_flag=True, help="Do not wait for it")
@click.option("-i", "--interactive", is_flag=True, help="With our input")
@click.option("-t", "--tty", is_flag=True, help="With a terminal")
@click.option("-e", "--env", "environment", multiple=True, metavar="NAME[=VALUE]", help="Set a variable")
@click.option("-u", "--user", default="", help="Run as this user")
@click.option("-w", "--workdir", default="", help="Run in this directory")
@click.option("--privileged", is_flag=True, help="With all privileges")
@click.pass_obj
def exec_command(session: Session, /, **options: Any) -> int:
    """Run it and end with its exit code."""
    from compose.cli.running.stdio import run_exec

    _check_terminal(options)
    request = ExecCreateRequest(
        attach_stdin=options["interactive"] and not options["detach"],
        attach_stdout=not options["detach"],
        attach_stderr=not options["detach"],
        tty=options["tty"],
        env=_variables(session, options["environment"]),
        cmd=list(options["words"]),
        privileged=options["privileged"],
        user=options["user"],
        working_dir=options["workdir"],
    )
    name: str = options["container"]
    return ask(
        session,
        f"running a command in {name}",
        lambda engine: run_exec(engine, name, request, detach=options["detach"]),
    )


def failure_code(refusal: str) -> int:
    """What `run` ends with when the engine refuses: as with Docker's, 127 for a command that is not there, 126 for one
    that cannot be executed, else 125, which is no command's.
    """
    if any(words in refusal for words in ("executable file not found", "no such file or directory")):
        return 127
    return 126 if any(words in refusal for words in ("permission denied", "not a directory")) else 125


def creation(session: Session, options: dict[str, Any]) -> ContainerCreateRequest:
    """The options of `run` as the API takes them. Raises `UsageError`."""
    _check_terminal(options)
    is_joined = not options["detach"]
    ports = [_port(text) for text in options["ports"]]
    policy, _, count = options["restart"].partition(":")
    bindings: dict[str, list[PortBinding]] = {}
    for inside, binding in ports:
        bindings.setdefault(inside, []).append(binding)
    return ContainerCreateRequest(
        image=options["image"],
        cmd=list(options["words"]),
        entrypoint=[options["entrypoint"]] if options["entrypoint"] else None,
        env=_variables(session, options["environment"]),
        labels=dict(_pair(text) for text in options["labels"]),
        user=options["user"],
        working_dir=options["workdir"],
        tty=options["tty"],
        open_stdin=options["interactive"],
        stdin_once=options["interactive"] and is_joined,
        attach_stdin=options["interactive"] and is_joined,
        attach_stdout=is_joined,
        attach_stderr=is_joined,
        exposed_ports={inside: {} for inside in bindings},
        host_config=HostConfig(
            binds=[_bind(session, text) for text in options["volumes"]],
            port_bindings=bindings,
            network_mode=options["network"],
            restart_policy=RestartPolicy(name=policy, maximum_retry_count=int(count) if count.isdecimal() else 0),
            auto_remove=options["is_passing"],
            privileged=options["privileged"],
            init=options["init"],
        ),
    )


async def _created(engine: EngineClient, name: str, request: ContainerCreateRequest) -> str:
    """Create it; an image that is not here is pulled first."""
    try:
        return (await engine.create_container(name, request)).id
    except ApiError as exc:
        if exc.status != 404 or "No such image" not in exc.message:
            raise
    sys.stderr.write(f"pulling {request.image}\n")
    async for line in engine.pull_image(request.image):
        if line.status is not UNSET and line.id is UNSET:
            sys.stderr.write(f"{line.status}\n")
    return (await engine.create_container(name, request)).id


def _check_terminal(options: dict[str, Any]) -> None:
    if options["tty"] and not options["detach"] and not sys.stdin.isatty():
        raise UsageError("the input is not a terminal", hint="leave out -t")


def _variables(session: Session, texts: tuple[str, ...]) -> list[str]:
    """`NAME` alone takes the value it has here, if it has one."""
    known = session.environment
    return [text if "=" in text else f"{text}={known[text]}" for text in texts if "=" in text or text in known]


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value


def _bind(session: Session, text: str) -> str:
    """A source that begins with a dot is a path from here."""
    source, colon, rest = text.partition(":")
    return f"{(session.cwd / source).resolve()}{colon}{rest}" if source.startswith(".") else text


def _port(text: str) -> tuple[str, PortBinding]:
    place, _, protocol = text.partition("/")
    outside, _, inside = place.rpartition(":")
    address, _, port = outside.rpartition(":")
    if not inside.isdecimal() or (port and not port.isdecimal()):
        raise UsageError(f"`{text}` is not a port to publish", hint="write it as 8080:80 or 127.0.0.1:8080:80/udp")
    return f"{inside}/{protocol or 'tcp'}", PortBinding(host_ip=address.strip("[]"), host_port=port)
