"""What an instruction does to an image's configuration, and the variables that it sees. Pure.

A stage's state goes through its instructions in order. Those that change files (RUN, COPY, ADD, WORKDIR) are carried
out elsewhere; here they are only given their words.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from engine.builder.dockerfile.instructions import (
    Arg,
    Cmd,
    Command,
    Copy,
    Entrypoint,
    Env,
    Expose,
    HealthCheck,
    Instruction,
    Label,
    Maintainer,
    OnBuild,
    Run,
    Shell,
    StopSignal,
    User,
    Volume,
    Workdir,
)
from engine.builder.dockerfile.problem import Misspelt
from engine.builder.dockerfile.words import expand
from engine.containers.signals import parse_signal
from engine.errors import BadRequest
from engine.wire.containers import ContainerConfig, HealthConfig

# Build arguments that need no ARG, and that do not count for the cache unless there is one.
PROXY_ARGS: Final = tuple(
    name
    for word in ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")
    for name in (word, word.lower())
)
_DEFAULT_SHELL: Final = ["/bin/sh", "-c"]
_PORT: Final = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?(?:/(\w+))?")
_MOST_PORT: Final = 65535


class State(Struct, frozen=True, kw_only=True):
    """A stage between two instructions. `args` are the build arguments in scope; `has_cmd` says that this stage has
    a CMD of its own, which a later ENTRYPOINT leaves alone.
    """

    config: ContainerConfig
    author: str = ""
    args: Mapping[str, str] = {}
    has_cmd: bool = False

    @property
    def environment(self) -> dict[str, str]:
        """The variables of the image."""
        pairs = (variable.partition("=") for variable in self.config.env)
        return {name: value for name, _, value in pairs}

    @property
    def variables(self) -> dict[str, str]:
        """What `$name` means here: ENV wins over ARG."""
        return {**self.args, **self.environment}

    @property
    def shell(self) -> list[str]:
        """What runs a command in shell form."""
        return self.config.shell or _DEFAULT_SHELL


def apply(
    instruction: Instruction, state: State, given: Mapping[str, str], outer: Mapping[str, str], escape: str
) -> State:
    """The state after an instruction. `given` are the build's arguments, `outer` the variables from before FROM.

    Raises `Misspelt` for a word that cannot be expanded or means nothing.
    """
    variables = state.variables

    def known(word: str) -> str:
        return expand(word, variables.get, escape)

    config = state.config
    match instruction:
        case Arg():
            return msgspec.structs.replace(state, args=_with_args(instruction, state, given, outer, escape))
        case Cmd():
            config = _config(config, cmd=_words(instruction.command, state))
            return msgspec.structs.replace(state, config=config, has_cmd=True)
        case Entrypoint():
            cmd = config.cmd if state.has_cmd else None
            config = _config(config, entrypoint=_words(instruction.command, state), cmd=cmd)
        case Maintainer():
            return msgspec.structs.replace(state, author=instruction.name)
        case Run() | Copy():
            return state
        case Env() | Label() | Workdir() | User() | OnBuild():
            config = _set(instruction, config, known)
        case Expose() | Volume() | StopSignal() | HealthCheck() | Shell():
            config = _declared(instruction, config, known)
    return msgspec.structs.replace(state, config=config)


def workdir(current: str, path: str) -> str:
    """Where a WORKDIR leads. Raises `Misspelt`."""
    if not path:
        raise Misspelt("WORKDIR needs a path: it is empty once its variables are replaced")
    joined = posixpath.normpath(posixpath.join(current or "/", path))
    return "/" + joined.lstrip("/")


def run_arguments(run: Run, state: State) -> list[str]:
    """The whole command line of a RUN."""
    if run.command.is_exec:
        return list(run.command.words)
    if not run.command.words:
        return [*state.shell, run.heredocs[0].content]
    documents = [f"\n{doc.raw}{doc.name}" for doc in run.heredocs]
    return [*state.shell, "".join([*run.command.words, *documents])]


def _set(
    instruction: Env | Label | Workdir | User | OnBuild, config: ContainerConfig, known: Callable[[str], str]
) -> ContainerConfig:
    match instruction:
        case Env():
            pairs = [(known(name), known(value)) for name, value in instruction.pairs]
            return _config(config, env=_with_variables(config.env, pairs))
        case Label():
            labels = {known(name): known(value) for name, value in instruction.pairs}
            return _config(config, labels={**config.labels, **labels})
        case Workdir():
            return _config(config, working_dir=workdir(config.working_dir, known(instruction.path)))
        case User():
            return _config(config, user=known(instruction.user))
        case OnBuild():
            return _config(config, on_build=[*(config.on_build or []), instruction.trigger])


def _declared(
    instruction: Expose | Volume | StopSignal | HealthCheck | Shell,
    config: ContainerConfig,
    known: Callable[[str], str],
) -> ContainerConfig:
    match instruction:
        case Expose():
            words = [word for port in instruction.ports for word in known(port).split()]
            ports = [port for word in words for port in _ports(word)]
            return _config(config, exposed_ports={**config.exposed_ports, **{port: {} for port in ports}})
        case Volume():
            paths = [known(path) for path in instruction.paths]
            return _config(config, volumes={**config.volumes, **{path: {} for path in paths}})
        case StopSignal():
            return _config(config, stop_signal=_signal(known(instruction.signal)))
        case HealthCheck():
            return _config(config, healthcheck=_healthcheck(instruction))
        case Shell():
            return _config(config, shell=list(instruction.words))


def _config(config: ContainerConfig, **changes: object) -> ContainerConfig:
    return msgspec.structs.replace(config, **changes)


def _with_args(
    arg: Arg, state: State, given: Mapping[str, str], outer: Mapping[str, str], escape: str
) -> Mapping[str, str]:
    args = dict(state.args)
    environment = state.environment
    for name, default in arg.names:
        name = expand(name, {**args, **environment}.get, escape)
        if name in given:
            args[name] = given[name]
        elif default is not None:
            args[name] = expand(default, {**args, **environment}.get, escape)
        elif name in outer:
            args[name] = outer[name]
    return args


def _with_variables(env: Sequence[str], pairs: Sequence[tuple[str, str]]) -> list[str]:
    known = (variable.partition("=") for variable in env)
    found = {name: value for name, _, value in known}
    found.update(pairs)
    return [f"{name}={value}" for name, value in found.items()]


def _words(command: Command, state: State) -> list[str] | None:
    if command.is_exec:
        return list(command.words)
    return [*state.shell, *command.words] if command.words else None


def _healthcheck(instruction: HealthCheck) -> HealthConfig:
    command = instruction.command
    if command is None:
        return HealthConfig(test=["NONE"])
    return HealthConfig(
        test=["CMD" if command.is_exec else "CMD-SHELL", *command.words],
        interval=instruction.interval,
        timeout=instruction.timeout,
        start_period=instruction.start_period,
        start_interval=instruction.start_interval,
        retries=instruction.retries,
    )


def _ports(word: str) -> list[str]:
    match = _PORT.fullmatch(word)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
    if match is None or not first <= last <= _MOST_PORT:
        raise Misspelt(f"invalid containerPort: {word}", "write 80, 80/udp or 8000-8010")
    protocol = (match[3] or "tcp").lower()
    if protocol not in ("tcp", "udp", "sctp"):
        raise Misspelt(f"invalid proto: {match[3]}", "use tcp, udp or sctp")
    return [f"{port}/{protocol}" for port in range(first, last + 1)]


def _signal(text: str) -> str:
    try:
        parse_signal(text)
    except BadRequest as exc:
        raise Misspelt(exc.message, exc.hint) from exc
    return text
