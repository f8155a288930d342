"""RUN: its command, variables and mounts in a stage, the key of its result, and how it is carried out."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import anyio.to_thread
import msgspec
from msgspec import Struct

from engine.builder.bench import Bench, Origin, Stages
from engine.builder.cache import key_of
from engine.builder.context.tree import Tree, digest, find
from engine.builder.dockerfile.evaluate import PROXY_ARGS, State, run_arguments
from engine.builder.dockerfile.instructions import Run
from engine.builder.dockerfile.mounts import RunMount, understand_mount
from engine.builder.order import BuildOrder
from engine.builder.steps.agents import agent_mount
from engine.builder.steps.mounts import bind_mount, cache_mount, secret_mount, tmpfs_mount
from engine.builder.steps.running import Program
from engine.containers.making.config import merged_environment
from engine.errors import BadRequest, Forbidden
from engine.runtime.oci.launch import OciMount
from engine.wire.containers import HostConfig
from engine.wire.ignore import Ignore

_AGENT: Final = "/run/buildkit/ssh_agent.{}"
_SCRIPT: Final = "/dev/pipes/"


class RunPlan(Struct, frozen=True):
    """A RUN with its variables known. `origins` are where the bind and cache mounts with `from` come from."""

    arguments: tuple[str, ...]
    script: str
    environment: tuple[str, ...]
    state: State
    mounts: tuple[RunMount, ...]
    origins: Mapping[str, Origin]
    stage: int
    network: str
    is_insecure: bool
    key: str

    @property
    def command(self) -> str:
        """The command line as history shows it."""
        args = [f"{name}={value}" for name, value in self.state.args.items()]
        prefix = [f"|{len(args)}", *args] if args else []
        return " ".join([*prefix, *self.arguments])


async def plan_run(bench: Bench, instruction: Run, state: State, stage: int, stages: Stages, below: str) -> RunPlan:
    """Understand a RUN on top of the layer `below`. Raises `Misspelt`, `Forbidden`, and what an origin raises."""
    expand = bench.expander(state)
    mounts = tuple(understand_mount(item, expand, state.config.working_dir) for item in instruction.mounts)
    origins = {item.origin: await bench.origin(item.origin, stage, stages) for item in mounts if item.origin}
    arguments, script = run_arguments(instruction, state), ""
    if not instruction.command.words and instruction.heredocs and instruction.heredocs[0].content.startswith("#!"):
        script = instruction.heredocs[0].content
        arguments = [f"{_SCRIPT}{instruction.heredocs[0].name}"]
    if instruction.security == "insecure" and not bench.order.is_trusted:
        raise Forbidden(
            "security.insecure is not allowed", hint="allow it for this build (`privileged: true` in a compose file)"
        )
    network = instruction.network or bench.order.network or "default"
    environment = tuple(merged_environment(state.config.env, [f"{key}={value}" for key, value in state.args.items()]))
    facts = [below, arguments, script, environment, state.config.user, state.config.working_dir, network]
    contents = [await _contents(bench, item, origins, stage) for item in mounts]
    return RunPlan(
        arguments=tuple(arguments),
        script=script,
        environment=environment,
        state=state,
        mounts=mounts,
        origins=origins,
        stage=stage,
        network=network,
        is_insecure=instruction.security == "insecure",
        key=key_of("run", facts, mounts, contents, instruction.security),
    )


@asynccontextmanager
async def prepared(bench: Bench, plan: RunPlan) -> AsyncIterator[Program]:
    """The program of a RUN with everything mounted that it asks for, for the block."""
    async with AsyncExitStack() as stack:
        mounts: list[OciMount] = []
        variables = [*plan.environment, *_proxies(bench.order, plan.environment)]
        for wish in plan.mounts:
            mount = await _mount(bench, plan, wish, stack)
            mounts += [mount] if mount is not None else []
            variables += _variables(bench, wish, mount)
        if plan.script:
            mounts.append(await anyio.to_thread.run_sync(_script, bench, plan))
        config = msgspec.structs.replace(plan.state.config, env=variables, volumes={}, healthcheck=None)
        yield Program(
            arguments=plan.arguments,
            config=config,
            host=_host(bench.order, is_insecure=plan.is_insecure),
            mounts=tuple(mounts),
            network=plan.network,
        )


async def _contents(bench: Bench, wish: RunMount, origins: Mapping[str, Origin], stage: int) -> str:
    """What a bind mount shows, for the key; the others show nothing that counts."""
    if wish.kind != "bind":
        return ""
    origin = origins.get(wish.origin)
    if origin is not None and origin.key:
        return origin.key
    tree = await (bench.context() if origin is None else bench.tree(origin, stage))
    return await anyio.to_thread.run_sync(lambda: digest(tree, find(tree, wish.source or "."), Ignore([])))


async def _mount(bench: Bench, plan: RunPlan, wish: RunMount, stack: AsyncExitStack) -> OciMount | None:
    match wish.kind:
        case "bind":
            tree = await _tree(bench, plan, wish)
            place = await anyio.to_thread.run_sync(bench.workspace.place, "bind")
            return await stack.enter_async_context(bind_mount(wish, tree, place))
        case "cache":
            seed = await _tree(bench, plan, wish) if wish.origin else None
            place = await stack.enter_async_context(bench.cache_mounts.using(wish, seed, time.time_ns()))
            return cache_mount(wish, place)
        case "tmpfs":
            return tmpfs_mount(wish)
        case "secret":
            return await _secret(bench, wish)
        case _:
            return await _agent(bench, wish, stack)


async def _tree(bench: Bench, plan: RunPlan, wish: RunMount) -> Tree:
    return await (bench.tree(plan.origins[wish.origin], plan.stage) if wish.origin else bench.context())


async def _secret(bench: Bench, wish: RunMount) -> OciMount | None:
    content = bench.vault.get(wish.identity)
    if content is None:
        if wish.is_required:
            raise BadRequest(
                f"secret {wish.identity}: not found", hint="give it to the build: `secrets:` under `build:`"
            )
        return None
    if not wish.target:
        return None
    place = await anyio.to_thread.run_sync(bench.vault.place)
    return await anyio.to_thread.run_sync(secret_mount, wish, content, place)


async def _agent(bench: Bench, wish: RunMount, stack: AsyncExitStack) -> OciMount | None:
    socket = bench.order.ssh.get(wish.identity)
    if socket is None:
        if wish.is_required:
            raise BadRequest(
                f"ssh agent {wish.identity}: not found", hint="give it to the build: `ssh:` under `build:`"
            )
        return None
    target = wish.target or _AGENT.format(0 if wish.identity == "default" else wish.identity)
    place = await anyio.to_thread.run_sync(bench.vault.place)
    return await stack.enter_async_context(agent_mount(msgspec.structs.replace(wish, target=target), socket, place))


def _variables(bench: Bench, wish: RunMount, mount: OciMount | None) -> list[str]:
    if wish.kind == "ssh" and mount is not None:
        return [f"SSH_AUTH_SOCK={mount.destination}"]
    if wish.kind == "secret" and wish.variable:
        content = bench.vault.get(wish.identity)
        return [f"{wish.variable}={content.decode('utf-8', 'surrogateescape')}"] if content is not None else []
    return []


def _proxies(order: BuildOrder, environment: tuple[str, ...]) -> list[str]:
    """Proxies that were given without an ARG: the program sees them, the cache does not."""
    known = {variable.partition("=")[0] for variable in environment}
    return [f"{name}={order.given_args[name]}" for name in PROXY_ARGS if name in order.given_args and name not in known]


def _script(bench: Bench, plan: RunPlan) -> OciMount:
    path = bench.workspace.place("script") / "script"
    path.write_text(plan.script, "utf-8")
    path.chmod(0o755)
    path.parent.chmod(0o755)
    return OciMount(plan.arguments[0], str(path), "bind", ("bind", "rprivate", "ro"))


def _host(order: BuildOrder, *, is_insecure: bool) -> HostConfig:
    return HostConfig(
        network_mode=order.network or "default",
        privileged=is_insecure,
        extra_hosts=list(order.extra_hosts),
        shm_size=order.shm_size or 64 << 20,
        memory=order.memory,
        memory_swap=order.memory_swap,
        cpu_shares=order.cpu_shares,
        cpu_period=order.cpu_period,
        cpu_quota=order.cpu_quota,
        cpuset_cpus=order.cpuset_cpus,
        cpuset_mems=order.cpuset_mems,
        cgroup_parent=order.cgroup_parent,
        ulimits=list(order.ulimits),
    )
