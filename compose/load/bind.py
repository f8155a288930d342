"""Canonical parts to the typed project of `compose.model`; the values are right already, here they get their types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compose.load.document import Entry
from compose.load.typed import READERS
from compose.model.project import FileObject, Ipam, IpamPool, Network, Volume
from compose.model.service import Service
from compose.model.tooling import Model

# Attributes that the model takes over as they are, and lists of texts that it takes over as tuples.
PLAIN = (
    "annotations",
    "attach",
    "cgroup",
    "cgroup_parent",
    "container_name",
    "cpu_count",
    "cpu_percent",
    "cpu_period",
    "cpu_quota",
    "cpu_rt_period",
    "cpu_rt_runtime",
    "cpu_shares",
    "cpus",
    "cpuset",
    "domainname",
    "environment",
    "hostname",
    "image",
    "init",
    "ipc",
    "isolation",
    "labels",
    "mac_address",
    "network_mode",
    "oom_kill_disable",
    "oom_score_adj",
    "pid",
    "pids_limit",
    "platform",
    "privileged",
    "pull_policy",
    "read_only",
    "restart",
    "runtime",
    "stdin_open",
    "stop_signal",
    "storage_opt",
    "sysctls",
    "tty",
    "use_api_socket",
    "user",
    "userns_mode",
    "uts",
    "working_dir",
)
TEXTS = (
    "cap_add",
    "cap_drop",
    "device_cgroup_rules",
    "dns",
    "dns_opt",
    "dns_search",
    "expose",
    "external_links",
    "extra_hosts",
    "group_add",
    "links",
    "profiles",
    "security_opt",
    "tmpfs",
    "volumes_from",
)
SIZES = ("mem_limit", "mem_reservation", "memswap_limit", "shm_size", "mem_swappiness")


def bind_service(name: str, entry: Entry) -> Service:
    """Return the typed service of a canonical entry."""
    values: dict[str, Any] = {key: entry[key] for key in PLAIN if key in entry}
    values.update({key: tuple(entry[key]) for key in TEXTS if key in entry})
    values.update({key: int(entry[key]) for key in SIZES if key in entry})
    values.update({key: bound for key, read in READERS.items() if (bound := read(entry.get(key))) is not None})
    deploy = entry.get("deploy", {})
    values["scale"] = entry.get("scale", deploy.get("replicas", 1))
    return Service(name=name, **values)


def bind_network(key: str, entry: Entry) -> Network:
    """Return the typed network of a canonical entry."""
    ipam = entry.get("ipam", {})
    pools = tuple(IpamPool(**pool) for pool in ipam.get("config", ()))
    typed = Ipam(driver=ipam.get("driver", ""), config=pools)
    full: Entry = {"name": key, **entry, "key": key, "ipam": typed}
    return Network(**full)


def bind_volume(key: str, entry: Entry) -> Volume:
    """Return the typed volume of a canonical entry."""
    full: Entry = {"name": key, **entry, "key": key}
    return Volume(**full)


def bind_file_object(key: str, entry: Entry, environment: Mapping[str, str]) -> FileObject:
    """Return the typed config or secret of a canonical entry; one from a variable has its content."""
    content = entry.get("content")
    if content is None and "environment" in entry:
        content = environment.get(entry["environment"])
    full: Entry = {"name": key, **entry, "key": key, "content": content}
    return FileObject(**full)


def bind_model(key: str, entry: Entry) -> Model:
    """Return the typed language model of a canonical entry."""
    full: Entry = {"model": "", **entry, "key": key, "runtime_flags": tuple(entry.get("runtime_flags", ()))}
    return Model(**full)
