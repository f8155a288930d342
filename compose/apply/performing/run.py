"""What the acts of one execution share: the engine, whom to report to, and what is known and has been made so far."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Generic

from compose.apply.made import Made
from compose.apply.performing.ending import Ends, Engine
from compose.apply.performing.telling import Teller
from compose.plan.actions import CreateContainer
from compose.plan.observed import Observed

if TYPE_CHECKING:
    from compose.apply.requests.mounts import InlineFile
    from compose.model.project import Project
    from compose.model.tooling import Hook


class Run(Generic[Engine]):
    """One execution of a plan by either client. What streams is for a `LastingRun`."""

    def __init__(self, project: Project, observed: Observed, ends: Ends[Engine], teller: Teller) -> None:
        self.engine = ends.engine
        self.project = project
        self.observed = observed
        self.teller = teller
        self.ends = ends
        self.identities = Identities(observed)
        # Made by an earlier run and never started: that may have been cut off before it put their files into them.
        self.untried = {item.id for item in observed.containers if item.state == "created"}
        self.image_ids: dict[str, str] = {}  # of what was pulled or built
        self.made = Made(removed=ends.removed)
        self.started: set[str] = set()  # containers, by id

    async def put_files(self, container: str, files: Sequence[InlineFile]) -> None:
        """Put configs and secrets that are no files of the host into a container."""
        assert not files, "files are for a run that streams"

    async def run_hooks(self, container: str, name: str, hooks: Sequence[Hook]) -> None:
        """Run a service's hooks in its container of that id and name."""
        assert not hooks, "hooks are for a run that streams"


class Identities:
    """The ids of the project's containers: names change while containers are replaced, so everything goes by ids."""

    def __init__(self, observed: Observed) -> None:
        self.by_name = {item.name: item.id for item in observed.containers}
        # (name, id) by service.
        self._stand_ins = {
            item.service: found for item in observed.containers if (found := observed.provider(item.service))
        }

    def of(self, container: str) -> str:
        """The id of a container by its name; what is no name is an id already."""
        return self.by_name.get(container, container)

    def stand_ins(self) -> dict[str, str]:
        """By service, the container that stands for it where namespaces or volumes are shared."""
        return {service: identity for service, (_, identity) in self._stand_ins.items()}

    def made(self, action: CreateContainer, identity: str) -> None:
        """Take note of a new container, which may replace the one that stood for its service."""
        self.by_name[action.name] = self.by_name[action.final_name] = identity
        if action.slug:
            return
        before = self._stand_ins.get(action.service.name)
        if before is None or before[1] == action.replaces or action.final_name <= before[0]:
            self._stand_ins[action.service.name] = (action.final_name, identity)

    def renamed(self, identity: str, name: str) -> None:
        """Take note of a container's new name."""
        self.by_name[name] = identity
