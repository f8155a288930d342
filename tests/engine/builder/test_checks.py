"""What the checks of a Dockerfile find."""

from __future__ import annotations

import pytest

from engine.builder.dockerfile.checks import check

GOOD = """\
ARG BASE=alpine
FROM --platform=$BUILDPLATFORM ${BASE} AS build
ARG KEY_FILE PUBLIC_KEY
ENV A=b
WORKDIR /app
WORKDIR sub
FROM build
CMD ["run"]
ENTRYPOINT ["run"]
"""


def rules(text: str) -> list[tuple[int, str]]:
    return [(found.line, found.rule) for found in check(text)]


def test_a_good_dockerfile_has_nothing_to_be_said_of() -> None:
    assert rules(GOOD) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("FROM a AS Build", [(1, "StageNameCasing")]),
        ("FROM a as b", [(1, "FromAsCasing")]),
        ("from a as b\nrun c\nUSER d", [(3, "ConsistentInstructionCasing")]),
        ("FROM a AS b\nFROM c AS b", [(2, "DuplicateStageName")]),
        ("FROM a AS scratch", [(1, "ReservedStageName")]),
        ("FROM a\nMAINTAINER me", [(2, "MaintainerDeprecated")]),
        ("FROM a\nENV b c\nLABEL d e", [(2, "LegacyKeyValueFormat"), (3, "LegacyKeyValueFormat")]),
        ("FROM --platform=$TARGETPLATFORM a", [(1, "RedundantTargetPlatform")]),
        ("FROM --platform=linux/amd64 a", [(1, "FromPlatformFlagConstDisallowed")]),
        ("FROM a:$TAG", [(1, "UndefinedArgInFrom")]),
        ("FROM a:${TAG:-1}", []),
        ("FROM a\nWORKDIR b\nWORKDIR c", [(2, "WorkdirRelativePath")]),
        ("FROM a\nCMD run\nENTRYPOINT run", [(2, "JSONArgsRecommended"), (3, "JSONArgsRecommended")]),
        ('FROM a\nCMD ["b"]\nCMD ["c"]', [(2, "MultipleInstructionsDisallowed")]),
        ("FROM a\nARG DB_PASSWORD\nENV TOKEN=1", [(2, "SecretsUsedInArgOrEnv"), (3, "SecretsUsedInArgOrEnv")]),
    ],
)
def test_what_is_hardly_ever_meant_is_told_with_its_line(text: str, found: list[tuple[int, str]]) -> None:
    assert rules(f"{text}\n") == found


def test_rules_can_be_left_out() -> None:
    assert rules("# check=skip=stagenamecasing,FromAsCasing\nFROM a as B\n") == []
    assert rules("# check=skip=all\nFROM a as B\nMAINTAINER me\n") == []
