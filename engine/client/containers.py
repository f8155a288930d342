"""Container calls with whole answers; for those that stream, see `engine.client.streams`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engine.client.calls import Calls, Parameters
from engine.client.errors import ApiError
from engine.wire.containers import (
    ContainerCreateRequest,
    ContainerCreateResponse,
    ContainerInspect,
    ContainerWaitResponse,
    ExecCreateRequest,
    ExecInspect,
    ExecStartRequest,
    IdResponse,
    TopResponse,
)
from engine.wire.filters import format_filters
from engine.wire.http import quoted
from engine.wire.summaries import ContainerSummary


class ContainerCalls(Calls):
    """`/containers/…` and `/exec/…`. A container is named by its name, its id or a prefix of its id."""

    async def list_containers(
        self, *, everything: bool = False, filters: Mapping[str, Iterable[str]] | None = None, size: bool = False
    ) -> list[ContainerSummary]:
        """Those that run, or all of them."""
        wanted = format_filters(filters) if filters else ""
        parameters: Parameters = {"all": everything, "size": size, "filters": wanted}
        return await self.fetch(list[ContainerSummary], "GET", "/containers/json", parameters)

    async def inspect_container(self, container: str, *, size: bool = False) -> ContainerInspect:
        """Everything about one."""
        return await self.fetch(ContainerInspect, "GET", container_path(container, "json"), {"size": size})

    async def create_container(
        self, name: str, request: ContainerCreateRequest, *, platform: str = ""
    ) -> ContainerCreateResponse:
        """Make one; an empty name lets the engine choose."""
        parameters: Parameters = {"name": name, "platform": platform}
        return await self.fetch(ContainerCreateResponse, "POST", "/containers/create", parameters, request)

    async def start_container(self, container: str) -> None:
        """Start it; nothing happens if it runs."""
        await self.call("POST", container_path(container, "start"))

    async def stop_container(self, container: str, *, timeout_seconds: int | None = None, signal: str = "") -> None:
        """Stop it: its stop signal, a grace period (None: its own), SIGKILL. Nothing happens if it does not run."""
        await self.call("POST", container_path(container, "stop"), _grace(timeout_seconds, signal))

    async def restart_container(self, container: str, *, timeout_seconds: int | None = None, signal: str = "") -> None:
        """Stop it and start it."""
        await self.call("POST", container_path(container, "restart"), _grace(timeout_seconds, signal))

    async def kill_container(self, container: str, signal: str = "SIGKILL") -> None:
        """Send it a signal."""
        await self.call("POST", container_path(container, "kill"), {"signal": signal})

    async def pause_container(self, container: str) -> None:
        """Freeze it."""
        await self.call("POST", container_path(container, "pause"))

    async def unpause_container(self, container: str) -> None:
        """Let it go on."""
        await self.call("POST", container_path(container, "unpause"))

    async def rename_container(self, container: str, name: str) -> None:
        """Give it another name."""
        await self.call("POST", container_path(container, "rename"), {"name": name})

    async def remove_container(self, container: str, *, force: bool = False, volumes: bool = False) -> None:
        """Remove it, running or not if forced, with its anonymous volumes if asked for."""
        await self.call("DELETE", f"/containers/{quoted(container)}", {"force": force, "v": volumes})

    async def wait_container(self, container: str, condition: str = "not-running") -> int:
        """Wait for `not-running`, `next-exit` or `removed` and return the exit code."""
        parameters: Parameters = {"condition": condition}
        return ended_with(
            await self.fetch(ContainerWaitResponse, "POST", container_path(container, "wait"), parameters)
        )

    async def resize_container(self, container: str, height: int, width: int) -> None:
        """Tell its terminal its size in characters."""
        await self.call("POST", container_path(container, "resize"), {"h": str(height), "w": str(width)})

    async def top_container(self, container: str, ps_args: str = "") -> TopResponse:
        """Its processes."""
        return await self.fetch(TopResponse, "GET", container_path(container, "top"), {"ps_args": ps_args})

    async def create_exec(self, container: str, request: ExecCreateRequest) -> str:
        """Prepare a process in a running container and return its id."""
        return (await self.fetch(IdResponse, "POST", container_path(container, "exec"), body=request)).id

    async def start_exec_detached(self, exec_id: str) -> None:
        """Start it and leave it alone."""
        await self.call("POST", f"/exec/{quoted(exec_id)}/start", body=ExecStartRequest(detach=True))

    async def resize_exec(self, exec_id: str, height: int, width: int) -> None:
        """Tell its terminal its size in characters."""
        await self.call("POST", f"/exec/{quoted(exec_id)}/resize", {"h": str(height), "w": str(width)})

    async def inspect_exec(self, exec_id: str) -> ExecInspect:
        """Whether it runs, and how it ended."""
        return await self.fetch(ExecInspect, "GET", f"/exec/{quoted(exec_id)}/json")


def container_path(container: str, verb: str) -> str:
    return f"/containers/{quoted(container)}/{verb}"


def ended_with(result: ContainerWaitResponse) -> int:
    """The exit code that was waited for. Raises `ApiError` if something else came of the wait."""
    if result.error is not None and result.error.message:
        raise ApiError(500, result.error.message)
    return result.status_code


def _grace(timeout_seconds: int | None, signal: str) -> dict[str, str]:
    return {"t": "" if timeout_seconds is None else str(timeout_seconds), "signal": signal}
