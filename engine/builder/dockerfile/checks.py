"""What is allowed in a Dockerfile and hardly ever meant: BuildKit's build checks, as far as they need no files.

`# check=skip=RULE,…` in the first lines leaves some out, `skip=all` all of them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct

from engine.builder.dockerfile.instructions import Arg, Cmd, Entrypoint, Env, HealthCheck, Instruction, Workdir
from engine.builder.dockerfile.source import Source, Statement, read_source
from engine.builder.dockerfile.stages import SCRATCH, Dockerfile, Stage, parse_dockerfile

_RESERVED: Final = frozenset({SCRATCH, "context"})
_SECRET: Final = re.compile(
    r"(?:^|_)(?:apikey|auth|credentials?|git|key|npmrc|pass|passwd|password|passphrase|pwd|secret|token)(?:_|$)", re.I
)
_PUBLIC: Final = re.compile(r"(?:^|_)(?:public)(?:_|$)|_(?:file|path|id|name|url)$", re.I)
_ONLY_ONE: Final = (Cmd, Entrypoint, HealthCheck)
_FIXED_PLATFORM: Final = re.compile(r"[^$]+")


class Finding(Struct, frozen=True):
    """Something that a check found; `rule` is BuildKit's name for it."""

    line: int
    rule: str
    message: str


def check(text: str, file: str = "Dockerfile") -> list[Finding]:
    """Everything there is to say about a Dockerfile, by line. Pure. Raises `DockerfileError` for one that is wrong."""
    source, dockerfile = read_source(text, file), parse_dockerfile(text, file)
    skipped = _skipped(source.check)
    found = [*_of_words(source), *_of_stages(dockerfile)]
    for stage in dockerfile.stages:
        found += _of_stage(stage)
    return sorted(
        (item for item in found if "all" not in skipped and item.rule.lower() not in skipped),
        key=lambda item: (item.line, item.rule),
    )


def _skipped(directive: str) -> frozenset[str]:
    for part in directive.split(";"):
        name, _, value = part.partition("=")
        if name.strip().lower() == "skip":
            return frozenset(rule.strip().lower() for rule in value.split(","))
    return frozenset()


def _of_words(source: Source) -> Iterator[Finding]:
    """How the instructions are written."""
    keywords = [_keyword(statement) for statement in source.statements]
    upper = sum(keyword.isupper() for keyword in keywords)
    is_upper = upper >= len(keywords) - upper
    for statement in source.statements:
        keyword = _keyword(statement)
        if keyword != (keyword.upper() if is_upper else keyword.lower()):
            case = "upper" if is_upper else "lower"
            yield Finding(
                statement.line, "ConsistentInstructionCasing", f"{keyword} is not in {case} case as the others are"
            )
        yield from _of_statement(statement)


def _keyword(statement: Statement) -> str:
    """The instruction's name as it is written."""
    return statement.text.split(None, 1)[0]


def _of_statement(statement: Statement) -> Iterator[Finding]:
    words = statement.arguments.split()
    match statement.keyword.upper():
        case "FROM" if len(words) == 3:
            if words[1].isupper() != _keyword(statement).isupper():
                message = f"{words[1]} is not in the case of {_keyword(statement)}"
                yield Finding(statement.line, "FromAsCasing", message)
            if words[2] != words[2].lower():
                yield Finding(statement.line, "StageNameCasing", f"the stage {words[2]} is not named in lower case")
        case "MAINTAINER":
            yield Finding(statement.line, "MaintainerDeprecated", "MAINTAINER is deprecated, a label does the same")
        case ("ENV" | "LABEL") as keyword if words and "=" not in words[0]:
            yield Finding(statement.line, "LegacyKeyValueFormat", f"write {keyword} {words[0]}=VALUE, not with a space")
        case _:
            return


def _of_stages(dockerfile: Dockerfile) -> Iterator[Finding]:
    """How stages are named, and what they stand on."""
    names: set[str] = set()
    known = {name for arg in dockerfile.args for name, _ in arg.names}
    for stage in dockerfile.stages:
        start = stage.start
        name = start.name
        if name in _RESERVED:
            yield Finding(start.line, "ReservedStageName", f"a stage cannot be named {name}: the name has a meaning")
        if name and name in names:
            yield Finding(start.line, "DuplicateStageName", f"there are two stages named {name}")
        names.add(name)
        if re.fullmatch(r"\$\{?TARGETPLATFORM\}?", start.platform):
            yield Finding(start.line, "RedundantTargetPlatform", f"{start.platform} is the platform without --platform")
        elif start.platform and _FIXED_PLATFORM.fullmatch(start.platform):
            yield Finding(
                start.line, "FromPlatformFlagConstDisallowed", f"--platform={start.platform} allows no other platform"
            )
        for variable in _undefined(start.image, known):
            yield Finding(start.line, "UndefinedArgInFrom", f"no ARG before the first FROM gives ${variable} a value")


def _undefined(word: str, known: Iterable[str]) -> list[str]:
    """The variables of a word that have neither a value nor a default."""
    named = re.findall(r"\$(?:(\w+)|\{(\w+)\})", word)
    return [name for pair in named if (name := pair[0] or pair[1]) not in known and not _is_automatic(name)]


def _is_automatic(name: str) -> bool:
    return re.fullmatch(r"(?:TARGET|BUILD)(?:PLATFORM|OS|ARCH|VARIANT)|TARGETSTAGE", name) is not None


def _of_stage(stage: Stage) -> Iterator[Finding]:
    """What the instructions of a stage do together."""
    yield from _repeated(stage.instructions)
    has_directory = False
    for instruction in stage.instructions:
        match instruction:
            case Workdir(path=path):
                if not has_directory and not path.startswith(("/", "$")):
                    yield Finding(
                        instruction.line, "WorkdirRelativePath", f"WORKDIR {path} depends on the base image's directory"
                    )
                has_directory = True
            case Cmd(command=command) | Entrypoint(command=command) if not command.is_exec:
                keyword = "CMD" if isinstance(instruction, Cmd) else "ENTRYPOINT"
                yield Finding(
                    instruction.line, "JSONArgsRecommended", f"a shell stands between signals and {keyword}: use [...]"
                )
            case Arg() | Env():
                yield from _secrets(instruction)
            case _:
                continue


def _repeated(instructions: Iterable[Instruction]) -> Iterator[Finding]:
    listed = list(instructions)
    left = Counter(type(item) for item in listed)
    for item in listed:
        left[type(item)] -= 1
        if isinstance(item, _ONLY_ONE) and left[type(item)]:
            name = type(item).__name__.upper()
            yield Finding(item.line, "MultipleInstructionsDisallowed", f"only the last {name} of a stage counts")


def _secrets(instruction: Arg | Env) -> Iterator[Finding]:
    pairs = instruction.names if isinstance(instruction, Arg) else instruction.pairs
    for name, _ in pairs:
        if _SECRET.search(name) and not _PUBLIC.search(name):
            kind = "ARG" if isinstance(instruction, Arg) else "ENV"
            yield Finding(
                instruction.line,
                "SecretsUsedInArgOrEnv",
                f"{kind} {name} stays readable in the image: use RUN --mount=type=secret",
            )
