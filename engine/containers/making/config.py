"""A container's configuration: the request over the image's, Docker's rules and Docker's refusals. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence
from typing import Final

from engine.containers.life import health
from engine.containers.signals import parse_signal
from engine.containers.streams.logs import check_log
from engine.errors import BadRequest
from engine.wire.containers import ContainerConfig, ContainerCreateRequest, HealthConfig

DEFAULT_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def merged(wish: ContainerConfig, image: ContainerConfig) -> ContainerConfig:
    """The wish completed by the image. Raises `BadRequest` when there is no command at all."""
    entrypoint, command = _command(wish, image)
    if not entrypoint and not command:
        raise BadRequest("no command specified")
    return ContainerConfig(
        hostname=wish.hostname,
        domainname=wish.domainname,
        user=wish.user or image.user,
        attach_stdin=wish.attach_stdin,
        attach_stdout=wish.attach_stdout,
        attach_stderr=wish.attach_stderr,
        exposed_ports={**image.exposed_ports, **wish.exposed_ports},
        tty=wish.tty,
        open_stdin=wish.open_stdin,
        stdin_once=wish.stdin_once,
        env=merged_environment(wish.env, image.env),
        cmd=command,
        healthcheck=_healthcheck(wish.healthcheck, image.healthcheck),
        image=wish.image,
        volumes={**image.volumes, **wish.volumes},
        working_dir=_clean(wish.working_dir) or image.working_dir,
        entrypoint=entrypoint,
        network_disabled=wish.network_disabled,
        args_escaped=wish.args_escaped,
        on_build=wish.on_build,
        labels={**image.labels, **wish.labels},
        stop_signal=wish.stop_signal or image.stop_signal,
        stop_timeout=wish.stop_timeout,
        shell=wish.shell or image.shell,
        mac_address=wish.mac_address,
    )


def merged_environment(stronger: Sequence[str], weaker: Sequence[str]) -> list[str]:
    """The stronger variables in their order, then those of the weaker that they do not name."""
    named = {variable.partition("=")[0] for variable in stronger}
    return [*stronger, *(variable for variable in weaker if variable.partition("=")[0] not in named)]


def process_arguments(config: ContainerConfig) -> tuple[str, ...]:
    """The whole command line."""
    return (*words(config.entrypoint), *words(config.cmd))


def process_environment(config: ContainerConfig, hostname: str, more: Iterable[str] = ()) -> tuple[str, ...]:
    """The variables of the first process: the defaults, overridden by the configuration.

    A variable without `=` asks for its removal.
    """
    defaults = [f"PATH={DEFAULT_PATH}", f"HOSTNAME={hostname}", *(["TERM=xterm"] if config.tty else [])]
    return effective_environment((*defaults, *more, *config.env))


def effective_environment(variables: Iterable[str]) -> tuple[str, ...]:
    """Each variable once, by its last value, in the order of first mention; `NAME` without `=` takes it away."""
    found: dict[str, str] = {}
    for variable in variables:
        name, has_value, value = variable.partition("=")
        if has_value:
            found[name] = value
        else:
            found.pop(name, None)
    return tuple(f"{name}={value}" for name, value in found.items())


def words(value: list[str] | str | None) -> list[str]:
    """A command as a list; the API also takes one string, which is one word."""
    if value is None:
        return []
    return [value] if isinstance(value, str) else value


def check_request(request: ContainerCreateRequest) -> None:
    """Raise `BadRequest` for what no container can be. `checks` has the rules for the host's side."""
    _check_config(request)
    check_log(request.host_config.log_config)


def _command(wish: ContainerConfig, image: ContainerConfig) -> tuple[list[str] | None, list[str] | None]:
    entrypoint, command = wish.entrypoint, words(wish.cmd)
    if not words(entrypoint):
        if not command:
            command = words(image.cmd)
        if entrypoint is None:
            entrypoint = image.entrypoint
    entrypoint = words(entrypoint)
    # `--entrypoint ""` means: none, not even the image's.
    if entrypoint == [""]:
        entrypoint = []
    return entrypoint or None, command or None


def _clean(path: str) -> str:
    # POSIX gives two leading slashes a meaning that Linux does not have.
    return "/" + posixpath.normpath(path).lstrip("/") if path else ""


def _healthcheck(wish: HealthConfig | None, image: HealthConfig | None) -> HealthConfig | None:
    if wish is None or image is None:
        return wish or image
    return HealthConfig(
        test=wish.test or image.test,
        interval=wish.interval or image.interval,
        timeout=wish.timeout or image.timeout,
        retries=wish.retries or image.retries,
        start_period=wish.start_period or image.start_period,
        start_interval=wish.start_interval or image.start_interval,
    )


def _check_config(config: ContainerConfig) -> None:
    for variable in config.env:
        if not variable.partition("=")[0]:
            raise BadRequest(f"invalid environment variable: {variable}")
    if config.working_dir and not config.working_dir.startswith("/"):
        raise BadRequest(f"the working directory '{config.working_dir}' is invalid, it needs to be an absolute path")
    if config.stop_signal:
        parse_signal(config.stop_signal)
    if config.healthcheck is not None:
        health.validate(config.healthcheck)
