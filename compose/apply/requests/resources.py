"""A service's limits and devices on the wire."""

from __future__ import annotations

from typing import TypedDict

from compose.model.service import BlkioConfig, Service, ThrottleDevice
from engine.wire import containers as wire


class Limits(TypedDict):
    """The fields of `HostConfig` that limit a container."""

    cpu_count: int
    cpu_percent: int
    cpu_shares: int
    memory: int
    cpu_period: int
    cpu_quota: int
    cpu_realtime_period: int
    cpu_realtime_runtime: int
    cpuset_cpus: str
    memory_reservation: int
    memory_swap: int
    memory_swappiness: int | None
    nano_cpus: int
    oom_kill_disable: bool | None
    pids_limit: int | None


class BlockIo(TypedDict):
    """The fields of `HostConfig` about block IO."""

    blkio_weight: int
    blkio_weight_device: list[wire.WeightDevice]
    blkio_device_read_bps: list[wire.ThrottleDevice]
    blkio_device_write_bps: list[wire.ThrottleDevice]
    blkio_device_read_iops: list[wire.ThrottleDevice]
    blkio_device_write_iops: list[wire.ThrottleDevice]


def limits(service: Service) -> Limits:
    """CPU, memory and process limits; those of `deploy` win over the service's own."""
    most = service.deploy.limits if service.deploy else None
    least = service.deploy.reservations if service.deploy else None
    cpus = (most.cpus if most else 0) or service.cpus
    return Limits(
        cpu_count=service.cpu_count,
        cpu_percent=round(service.cpu_percent),
        cpu_shares=service.cpu_shares,
        memory=(most.memory if most else 0) or service.mem_limit,
        cpu_period=service.cpu_period,
        cpu_quota=service.cpu_quota,
        cpu_realtime_period=service.cpu_rt_period,
        cpu_realtime_runtime=service.cpu_rt_runtime,
        cpuset_cpus=service.cpuset,
        memory_reservation=(least.memory if least else 0) or service.mem_reservation,
        memory_swap=service.memswap_limit,
        memory_swappiness=service.mem_swappiness,
        nano_cpus=round(cpus * 1e9),
        oom_kill_disable=service.oom_kill_disable or None,
        pids_limit=(most.pids if most else 0) or service.pids_limit or None,
    )


def block_io(config: BlkioConfig | None) -> BlockIo:
    """Block IO weights and rates."""
    wish = config or BlkioConfig()

    def rates(items: tuple[ThrottleDevice, ...]) -> list[wire.ThrottleDevice]:
        return [wire.ThrottleDevice(path=item.path, rate=item.rate) for item in items]

    return BlockIo(
        blkio_weight=wish.weight,
        blkio_weight_device=[wire.WeightDevice(path=item.path, weight=item.weight) for item in wish.weight_device],
        blkio_device_read_bps=rates(wish.device_read_bps),
        blkio_device_write_bps=rates(wish.device_write_bps),
        blkio_device_read_iops=rates(wish.device_read_iops),
        blkio_device_write_iops=rates(wish.device_write_iops),
    )


def device_requests(service: Service) -> list[wire.DeviceRequest]:
    """`gpus` and the devices of `deploy.resources.reservations`."""
    reserved = service.deploy.reservations.devices if service.deploy else ()
    wanted = [(item, [*item.capabilities, "gpu"]) for item in service.gpus]
    wanted += [(item, list(item.capabilities)) for item in reserved]
    return [
        wire.DeviceRequest(
            driver=item.driver,
            count=item.count,
            device_ids=list(item.device_ids),
            capabilities=[capabilities],
            options=dict(item.options),
        )
        for item, capabilities in wanted
    ]


def ulimits(service: Service) -> list[wire.Ulimit]:
    """`ulimits`, in file order."""
    return [wire.Ulimit(name=name, soft=item.soft, hard=item.hard) for name, item in service.ulimits.items()]
