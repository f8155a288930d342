"""Where the engine keeps things, and the names by which its kernel objects are known."""

from __future__ import annotations

import hashlib
from pathlib import Path

from msgspec import Struct


class Paths(Struct, frozen=True):
    """The directories of one engine.

    `root` lasts (images, volumes, the database); `run` is for this boot (sockets, pids, namespaces).
    Two engines with different roots never meet: every kernel object carries `tag` in its name.
    """

    root: Path
    run: Path

    @property
    def tag(self) -> str:
        """Four hexadecimal digits that tell this engine's bridges, veths, tables and cgroups from another's."""
        return hashlib.sha256(str(self.root).encode()).hexdigest()[:4]

    @property
    def socket(self) -> Path:
        """The API's unix socket."""
        return self.run / "engine.sock"

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.root / "state.db"

    @property
    def events(self) -> Path:
        """The last events, a line of JSON each."""
        return self.root / "events.jsonl"

    @property
    def identity(self) -> Path:
        """The engine's name among all engines, made at its first start."""
        return self.root / "engine-id"

    @property
    def content(self) -> Path:
        """Blobs by digest."""
        return self.root / "content"

    @property
    def layers(self) -> Path:
        """Unpacked layers by chain id."""
        return self.root / "layers"

    @property
    def containers(self) -> Path:
        """A directory per container: rootfs, bundle, logs, generated files."""
        return self.root / "containers"

    @property
    def volumes(self) -> Path:
        """A directory per named volume."""
        return self.root / "volumes"

    @property
    def namespaces(self) -> Path:
        """A network namespace per container, bind-mounted."""
        return self.run / "netns"

    @property
    def runtime(self) -> Path:
        """State of the OCI runtime and of the monitors, a directory per container."""
        return self.run / "runtime"

    @property
    def volatile(self) -> tuple[Path, ...]:
        """Where files are made with each start that nobody wants to keep (see `engine.state.volatile`)."""
        return (self.runtime, self.namespaces)

    @property
    def cgroup(self) -> str:
        """The cgroup below which containers live."""
        return f"/pycompose-{self.tag}"

    @property
    def monitors_cgroup(self) -> str:
        """The cgroup in which containers' monitors are: no service's, so they do not end with one."""
        return f"/pycompose-{self.tag}-monitors"

    def make(self) -> None:
        """Create the directories, readable by the owner only."""
        for path in (self.root, self.run):
            path.mkdir(mode=0o711, parents=True, exist_ok=True)
        for path in (
            self.content, self.layers, self.containers, self.volumes, self.namespaces, self.runtime,
        ):  # fmt: skip
            path.mkdir(mode=0o711, exist_ok=True)
