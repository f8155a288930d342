"""The words for what is done to a resource: in a plan, while it is done, and afterwards. They are docker compose's."""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

Kind = Literal["image", "network", "volume", "provider", "container"]
VerbName = Literal[
    "keep", "pull", "build", "create", "recreate", "start", "restart", "stop", "kill", "remove", "run", "wait"
]


class Verb(Struct, frozen=True):
    """`start`, `Starting`, `Started`."""

    name: VerbName
    doing: str
    done: str


PULL: Final = Verb("pull", "Pulling", "Pulled")
BUILD: Final = Verb("build", "Building", "Built")
CREATE: Final = Verb("create", "Creating", "Created")
RECREATE: Final = Verb("recreate", "Recreate", "Recreated")
START: Final = Verb("start", "Starting", "Started")
RESTART: Final = Verb("restart", "Restarting", "Started")
STOP: Final = Verb("stop", "Stopping", "Stopped")
KILL: Final = Verb("kill", "Killing", "Killed")
REMOVE: Final = Verb("remove", "Removing", "Removed")
# A container whose successor is there: what bears its name afterwards is that.
REMOVE_REPLACED: Final = Verb("remove", "Removing", "Recreated")
# A provider's program, which makes what it provides.
RUN: Final = Verb("run", "Creating", "Created")
WAIT: Final = Verb("wait", "Waiting", "Healthy")
WAIT_FOR_END: Final = Verb("wait", "Waiting", "Exited")


class Words(Struct, frozen=True):
    """What is done to one resource, by its name on the engine; `service` is whose it is, where the act knows."""

    verb: Verb
    kind: Kind
    name: str
    service: str = ""

    @property
    def resource(self) -> str:
        """As progress names it: `Container shop-db-1`; what a provider makes has the service's name alone."""
        return self.name if self.kind == "provider" else f"{self.kind.capitalize()} {self.name}"

    @property
    def title(self) -> str:
        """For plans: `create network shop_default`, `start shop-db-1`; only images are pulled and built."""
        is_clear = self.kind == "container" or self.verb in (PULL, BUILD)
        return f"{self.verb.name} {self.name}" if is_clear else f"{self.verb.name} {self.kind} {self.name}"

    @property
    def undertaking(self) -> str:
        """For errors: `starting container shop-db-1`."""
        return f"{self.verb.doing.lower()} {self.resource[0].lower()}{self.resource[1:]}"
