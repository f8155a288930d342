"""Containers of a listing together with what they take of the disk, which is only counted when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import UNSET

from engine.api.services import ContainerJobs
from engine.wire.summaries import ContainerSummary


async def with_sizes(containers: ContainerJobs, summaries: Sequence[ContainerSummary]) -> list[ContainerSummary]:
    """The listing with sizes, without containers that were removed meanwhile."""
    sizes = await containers.sizes([summary.id for summary in summaries])
    return [
        msgspec.structs.replace(summary, size_rw=found.written_bytes or UNSET, size_root_fs=found.all_bytes or UNSET)
        for summary in summaries
        if (found := sizes.get(summary.id))
    ]
