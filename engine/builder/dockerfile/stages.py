"""A Dockerfile as stages, and which of them a target needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct

from engine.builder.dockerfile.instructions import Arg, Copy, From, Instruction, Run
from engine.builder.dockerfile.parse import read_instruction
from engine.builder.dockerfile.problem import DockerfileError, Misspelt
from engine.builder.dockerfile.source import read_source
from engine.builder.dockerfile.words import expand

SCRATCH: Final = "scratch"


class Stage(Struct, frozen=True, kw_only=True):
    """One FROM and what follows it. `index` counts from 0; `name` is lower case, "" without AS."""

    index: int
    start: From
    instructions: tuple[Instruction, ...]

    @property
    def name(self) -> str:
        """The name that AS gave, or the index."""
        return self.start.name or str(self.index)


class Dockerfile(Struct, frozen=True, kw_only=True):
    """A whole file; `args` are the ARGs before the first FROM. `file` is its name for messages."""

    file: str
    args: tuple[Arg, ...]
    stages: tuple[Stage, ...]
    escape: str = "\\"

    def fail(self, line: int, problem: str, hint: str | None = None) -> DockerfileError:
        """An error that points at a line of this file."""
        return DockerfileError(self.file, line, problem, hint=hint)

    def stage_before(self, index: int, name: str) -> Stage | None:
        """The stage that `name` (or a number) means inside stage `index`: only earlier ones count, the last wins."""
        wanted = name.lower()
        for stage in reversed(self.stages[:index]):
            if stage.start.name == wanted or str(stage.index) == wanted:
                return stage
        return None

    def target(self, name: str) -> Stage:
        """The stage to build: the last one for "". Raises `DockerfileError`."""
        if not name:
            return self.stages[-1]
        found = self.stage_before(len(self.stages), name)
        if found is None:
            named = ", ".join(stage.start.name for stage in self.stages if stage.start.name)
            raise DockerfileError(
                self.file,
                0,
                f'target stage "{name}" could not be found',
                hint=f"stages with a name are: {named}" if named else "no stage has a name",
            )
        return found


def parse_dockerfile(text: str, file: str = "Dockerfile") -> Dockerfile:
    """Read a Dockerfile. Raises `DockerfileError`."""
    source = read_source(text, file)
    if not source.statements:
        raise DockerfileError(file, 0, "file with no instructions")
    args: list[Arg] = []
    starts: list[From] = []
    bodies: list[list[Instruction]] = []
    for statement in source.statements:
        instruction = read_instruction(statement, source.escape, file)
        if isinstance(instruction, From):
            starts.append(instruction)
            bodies.append([])
        elif bodies:
            bodies[-1].append(instruction)
        elif isinstance(instruction, Arg):
            args.append(instruction)
        else:
            raise DockerfileError(
                file,
                statement.line,
                f"no build stage in current context: {statement.keyword} stands before the first FROM",
                hint="begin with FROM; only ARG may stand before it",
            )
    if not starts:
        raise DockerfileError(file, source.statements[0].line, "no build stage in current context", hint="add a FROM")
    stages = tuple(
        Stage(index=index, start=start, instructions=tuple(body))
        for index, (start, body) in enumerate(zip(starts, bodies, strict=True))
    )
    return Dockerfile(file=file, args=tuple(args), stages=stages, escape=source.escape)


def global_args(dockerfile: Dockerfile, given: Mapping[str, str], platform: Mapping[str, str]) -> dict[str, str]:
    """The variables of the FROM lines: the platform's, then the ARGs before the first FROM, over which `given` wins."""
    found = {name: given.get(name, value) for name, value in platform.items()}
    for arg in dockerfile.args:
        for name, default in arg.names:
            if name in given:
                found[name] = given[name]
            elif default is not None:
                found[name] = expanded(dockerfile, arg.line, default, found)
    return found


def expanded(dockerfile: Dockerfile, line: int, word: str, variables: Mapping[str, str]) -> str:
    """A word with its variables replaced; a problem in it points at the line. Raises `DockerfileError`."""
    try:
        return expand(word, variables.get, dockerfile.escape)
    except Misspelt as exc:
        raise dockerfile.fail(line, exc.problem, exc.hint) from exc


def base_name(dockerfile: Dockerfile, stage: Stage, variables: Mapping[str, str]) -> str:
    """The image, stage or context that a stage stands on. Raises `DockerfileError`."""
    name = expanded(dockerfile, stage.start.line, stage.start.image, variables)
    if not name:
        raise dockerfile.fail(
            stage.start.line,
            f"base name ({stage.start.image}) should not be blank",
            hint="give the ARG a default before the first FROM, or a value by --build-arg",
        )
    return name


def origins(instruction: Instruction) -> Iterator[str]:
    """What else than the context an instruction reads from, by name: stages, images, contexts."""
    if isinstance(instruction, Copy) and instruction.origin:
        yield instruction.origin
    if isinstance(instruction, Run):
        for mount in instruction.mounts:
            yield from (value for name, value in mount.pairs if name == "from" and value)


def needed_stages(dockerfile: Dockerfile, target: Stage, variables: Mapping[str, str]) -> frozenset[int]:
    """The stages that have to be built for `target`, itself included. Raises `DockerfileError`."""
    found: set[int] = set()
    todo = [target]
    while todo:
        stage = todo.pop()
        if stage.index in found:
            continue
        found.add(stage.index)
        names = [base_name(dockerfile, stage, variables)]
        for instruction in stage.instructions:
            names.extend(origins(instruction))
        for name in names:
            if other := dockerfile.stage_before(stage.index, name):
                todo.append(other)
    return frozenset(found)
