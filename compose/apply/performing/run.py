"""What the acts of one execution share: where they happen, who is told, and what is known and made so far."""

from __future__ import annotations

from collections.abc import Mapping

from compose.apply.calling_off import CallingOff
from compose.apply.performing.ending import Ends
from compose.apply.performing.telling import Teller
from compose.apply.stage import Stage
from compose.apply.unmaking import Made
from compose.apply.waiting import Patience, Waiter
from compose.plan.actions import CreateContainer
from compose.plan.observed import Observed
from engine.client import EngineClient


class Run:
    """One execution of a plan."""

    def __init__(self, stage: Stage, ends: Ends[EngineClient], teller: Teller, patience: Patience) -> None:
        self.engine = stage.engine
        self.project = stage.project
        self.observed = stage.observed
        self.teller = teller
        self.ends = ends
        self.identities = Identities(stage.observed)
        # Made by an earlier run and never started: that may have been cut off before it put their files into them.
        self.untried = {item.id for item in stage.observed.containers if item.state == "created"}
        self.image_ids: dict[str, str] = {}  # of what was pulled or built
        self.made = Made(removed=ends.removed)
        self.started: set[str] = set()  # containers, by id
        self.variables: dict[str, Mapping[str, str]] = {}  # what providers have told, by service
        self.patience = patience
        self.calling_off = CallingOff()
        self.waiter: Waiter | None = None  # only where something is waited for


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
