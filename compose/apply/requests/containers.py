"""A service as the engine's `POST /containers/create` wants it. Pure but for the seccomp profiles it reads."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from compose.apply.requests.mounts import service_mounts
from compose.apply.requests.resources import block_io, device_requests, limits, ulimits
from compose.apply.requests.security import masked_nothing, security_options
from compose.model.project import Project
from compose.model.service import HealthCheck, Service
from compose.plan import labels
from compose.plan.actions import CreateContainer
from compose.plan.changes import packed
from compose.plan.deciding.survey import networks_of
from compose.plan.hashing import content_hash, service_document
from engine.wire.containers import (
    ContainerCreateRequest,
    DeviceMapping,
    HealthConfig,
    HostConfig,
    LogConfig,
    NetworkingConfig,
    PortBinding,
    RestartPolicy,
)
from engine.wire.networks import EndpointIPAMConfig, EndpointSettings

_INTERFACE_NAME = "com.docker.network.endpoint.ifname"
_RESTARTS = {"none": "no", "any": "always"}


def container_request(
    project: Project, action: CreateContainer, image_id: str, providers: Mapping[str, str]
) -> ContainerCreateRequest:
    """The request for one container. `providers`: service name -> id of the container that `service:x` means.

    Raises `ComposeError` for what a request cannot carry (an external config, an unreadable seccomp profile).
    """
    service = action.service
    document = service_document(project, service, providers)
    config_hash = hashlib.sha256(document).hexdigest()
    if action.slug:
        tags = labels.one_off_labels(project, service, config_hash, action.slug)
    else:
        tags = labels.container_labels(project, service, action.number, config_hash, content_hash(project, service))
    tags[labels.CONFIG] = packed(document)
    if image_id:
        tags[labels.IMAGE] = image_id
    if action.replaces:
        fields = [change.name for change in action.changes if not action.because.startswith(f"{change.name} ")]
        tags[labels.BECAUSE] = ", ".join([action.because, *fields])
        tags[labels.REPLACE] = service.container_name or f"{service.name}{project.separator}{action.number}"
    exposed = [f"{port.target}/{port.protocol}" for port in service.ports]
    exposed += [key for text in service.expose for key in _exposed(text)]
    return ContainerCreateRequest(
        hostname=service.hostname,
        domainname=service.domainname,
        user=service.user,
        attach_stdout=True,
        attach_stderr=True,
        exposed_ports={key: {} for key in exposed},
        tty=service.tty,
        open_stdin=service.stdin_open,
        stdin_once=bool(action.slug) and service.stdin_open,
        attach_stdin=bool(action.slug) and service.stdin_open,
        env=[name if value is None else f"{name}={value}" for name, value in service.environment.items()],
        cmd=None if service.command is None else list(service.command),
        entrypoint=_entrypoint(service),
        healthcheck=_health(service.healthcheck),
        image=action.image,
        working_dir=service.working_dir,
        labels=tags,
        stop_signal=service.stop_signal,
        stop_timeout=None if service.stop_grace_period is None else math.ceil(service.stop_grace_period / 1e9),
        mac_address=service.mac_address if service.network_mode else "",
        host_config=_host_config(project, action, providers),
        networking_config=NetworkingConfig(endpoints_config=_endpoints(project, action)),
    )


def host_entries(hosts: Iterable[str]) -> tuple[str, ...]:
    """`name=address` as the API has it, with a colon: an address may have more of those."""
    return tuple(item.replace("=", ":", 1) for item in hosts)


def _host_config(project: Project, action: CreateContainer, providers: Mapping[str, str]) -> HostConfig:
    service = action.service
    binds, mounts = service_mounts(project, service, action.inherited)
    unmasked: list[str] | None = [] if masked_nothing(service.security_opt) else None
    return HostConfig(
        **limits(service),
        **block_io(service.blkio_config),
        cgroup_parent=service.cgroup_parent,
        devices=[
            DeviceMapping(path_on_host=item.source, path_in_container=item.target, cgroup_permissions=item.permissions)
            for item in service.devices
        ],
        device_cgroup_rules=list(service.device_cgroup_rules),
        device_requests=device_requests(service),
        init=service.init,
        links=_links(project, service, action.number),
        ulimits=ulimits(service),
        binds=binds,
        mounts=mounts,
        log_config=LogConfig(type=service.logging.driver, config=dict(service.logging.options))
        if service.logging
        else LogConfig(),
        network_mode=_network_mode(project, service, providers),
        port_bindings=_bindings(service),
        restart_policy=_restart(service),
        volumes_from=[_volumes_from(source, providers) for source in service.volumes_from],
        annotations=dict(service.annotations),
        cap_add=list(service.cap_add),
        cap_drop=list(service.cap_drop),
        cgroupns_mode=service.cgroup,
        dns=list(service.dns),
        dns_options=list(service.dns_opt),
        dns_search=list(service.dns_search),
        extra_hosts=list(host_entries(service.extra_hosts)),
        group_add=list(service.group_add),
        ipc_mode=_namespace(service.ipc, providers),
        oom_score_adj=service.oom_score_adj,
        pid_mode=_namespace(service.pid, providers),
        auto_remove=action.is_passing,
        privileged=service.privileged,
        readonly_rootfs=service.read_only,
        security_opt=security_options(service.security_opt, project.working_dir),
        storage_opt=dict(service.storage_opt),
        tmpfs={path: options for path, _, options in (item.partition(":") for item in service.tmpfs)},
        uts_mode=service.uts,
        userns_mode=service.userns_mode,
        shm_size=service.shm_size,
        sysctls=dict(service.sysctls),
        runtime=service.runtime,
        isolation=service.isolation,
        masked_paths=unmasked,
        readonly_paths=unmasked,
    )


def _entrypoint(service: Service) -> list[str] | None:
    """An empty list would mean "not set" on the wire; Docker's sign for "clear the image's" is one empty word."""
    if service.entrypoint is None:
        return None
    return list(service.entrypoint) or [""]


def _health(check: HealthCheck | None) -> HealthConfig | None:
    if check is None:
        return None
    if check.disable:
        return HealthConfig(test=["NONE"])
    return HealthConfig(
        test=list(check.test),
        interval=check.interval or 0,
        timeout=check.timeout or 0,
        retries=check.retries or 0,
        start_period=check.start_period or 0,
        start_interval=check.start_interval or 0,
    )


def _exposed(text: str) -> list[str]:
    """`3000-3002/udp` as one key per port."""
    ports, _, protocol = text.partition("/")
    first, _, last = ports.partition("-")
    return [f"{port}/{protocol or 'tcp'}" for port in range(int(first), int(last or first) + 1)]


def _bindings(service: Service) -> dict[str, list[PortBinding]]:
    bindings: dict[str, list[PortBinding]] = {}
    for port in service.ports:
        binding = PortBinding(host_ip=port.host_ip, host_port=port.published)
        bindings.setdefault(f"{port.target}/{port.protocol}", []).append(binding)
    return bindings


def _restart(service: Service) -> RestartPolicy:
    name, _, attempts = service.restart.partition(":")
    policy = RestartPolicy(name=name, maximum_retry_count=int(attempts or 0))
    wish = service.deploy.restart_policy if service.deploy else None
    if wish:
        policy = RestartPolicy(
            name=_RESTARTS.get(wish.condition or "any", wish.condition), maximum_retry_count=wish.max_attempts or 0
        )
    # Docker takes a count with this policy only.
    return policy if policy.name == "on-failure" else RestartPolicy(name=policy.name)


def _network_mode(project: Project, service: Service, providers: Mapping[str, str]) -> str:
    if service.network_mode:
        return _namespace(service.network_mode, providers)
    keys = networks_of(project, service)
    return project.networks[keys[0]].name if keys else "none"


def _endpoints(project: Project, action: CreateContainer) -> dict[str, EndpointSettings]:
    service = action.service
    keys = networks_of(project, service)
    return {project.networks[key].name: _endpoint(project, action, key, is_primary=key == keys[0]) for key in keys}


def _endpoint(project: Project, action: CreateContainer, key: str, *, is_primary: bool) -> EndpointSettings:
    service = action.service
    links = _links(project, service, action.number)
    wish = service.networks.get(key)
    is_aliased = action.is_aliased or not action.slug
    aliases = [action.final_name, service.name] if is_aliased else [action.final_name]
    addresses = None
    options: dict[str, str] = {}
    if wish:
        if is_aliased:
            aliases += [alias for alias in wish.aliases if alias not in aliases]
        options = dict(wish.driver_opts)
        if wish.interface_name:
            options.setdefault(_INTERFACE_NAME, wish.interface_name)
        if wish.ipv4_address or wish.ipv6_address or wish.link_local_ips:
            addresses = EndpointIPAMConfig(
                ipv4_address=wish.ipv4_address,
                ipv6_address=wish.ipv6_address,
                link_local_ips=list(wish.link_local_ips),
            )
    mac_address = (wish.mac_address if wish else "") or (service.mac_address if is_primary else "")
    return EndpointSettings(
        ipam_config=addresses,
        aliases=aliases,
        links=links or None,
        mac_address=mac_address,
        driver_opts=options or None,
        gw_priority=wish.gw_priority if wish else 0,
    )


def _links(project: Project, service: Service, number: int) -> list[str]:
    """`links` by the containers meant (`service:alias` or `service`), under all the names that they have always had."""
    links = []
    for link in service.links:
        name, _, alias = link.partition(":")
        if target := project.services.get(name):
            own = replace(target, container_name="")
            names = (alias or name, f"{name}{project.separator}{number}", labels.container_name(project, own, number))
            links += [f"{labels.container_name(project, target, 1)}:{known}" for known in names]
    for link in service.external_links:
        name, _, alias = link.partition(":")
        links.append(f"{name}:{alias or name}")
    return links


def _namespace(mode: str, providers: Mapping[str, str]) -> str:
    if not mode.startswith("service:"):
        return mode
    name = mode.removeprefix("service:")
    return f"container:{providers.get(name, name)}"


def _volumes_from(source: str, providers: Mapping[str, str]) -> str:
    if source.startswith("container:"):
        return source.removeprefix("container:")
    name, _, access = source.partition(":")
    return f"{providers.get(name, name)}:{access}" if access else providers.get(name, name)
