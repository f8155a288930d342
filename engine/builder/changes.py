"""The instructions that `docker commit --change` and `docker import --change` take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from engine.builder.dockerfile.evaluate import State, apply
from engine.builder.dockerfile.instructions import From
from engine.builder.dockerfile.parse import read_instruction
from engine.builder.dockerfile.problem import DockerfileError, Misspelt
from engine.builder.dockerfile.source import read_source
from engine.errors import BadRequest
from engine.wire.containers import ContainerConfig

_FILE: Final = "change"
# Those that only change the image's config (docker commit's reference).
_KEYWORDS: Final = frozenset(
    ["CMD", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "ONBUILD", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"]
)


def reconfigured(config: ContainerConfig, changes: Sequence[str]) -> ContainerConfig:
    """A config with instructions of a Dockerfile applied to it. Pure.

    Raises `BadRequest` for an instruction that does more than change the config, or that cannot be read.
    """
    if not any(change.strip() for change in changes):
        return config
    source = read_source("\n".join(changes), _FILE)
    state = State(config=config)
    for statement in source.statements:
        if statement.keyword.upper() not in _KEYWORDS:
            raise BadRequest(f"{statement.keyword} is not a valid change command")
        instruction = read_instruction(statement, source.escape, _FILE)
        assert not isinstance(instruction, From)  # its keyword is not among ours
        try:
            state = apply(instruction, state, {}, {}, source.escape)
        except Misspelt as exc:
            raise DockerfileError(_FILE, statement.line, exc.problem, hint=exc.hint) from exc
    return state.config
