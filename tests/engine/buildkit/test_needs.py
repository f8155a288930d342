"""A client is asked for what its Dockerfile needs, and for nothing else."""

from __future__ import annotations

from textwrap import dedent

import pytest

from engine.builder.dockerfile.stages import global_args, parse_dockerfile
from engine.builder.order import BuildOrder
from engine.buildkit.solving.needs import Needs, needs_of


def needs(text: str, order: BuildOrder | None = None) -> Needs:
    dockerfile, wanted = parse_dockerfile(dedent(text).lstrip()), order or BuildOrder()
    return needs_of(dockerfile, wanted, global_args(dockerfile, wanted.given_args, {}))


def test_secrets_and_agents_are_those_of_mounts() -> None:
    found = needs(
        """
        FROM a
        RUN --mount=type=secret,id=one --mount=type=secret,target=/run/two true
        RUN --mount=type=ssh,required --mount=type=ssh,id=key true
        """
    )
    assert found.required == {"default"}
    assert found.secrets == {"one", "two"}
    assert found.agents == {"default", "key"}


def test_a_stage_that_is_not_built_needs_nothing() -> None:
    text = "FROM a\nRUN --mount=type=secret,id=x true\nCOPY one /\nFROM b\nCOPY two /\n"
    found = needs(text)
    assert not found.secrets
    assert found.bases == {"b"}
    assert found.paths == frozenset({"two"})


def test_registries_are_those_of_images_and_caches() -> None:
    text = "ARG R=quay.io\nFROM $R/a AS first\nCOPY --from=ghcr.io/b/c /x /\nFROM first\nCOPY --from=ctx /y /\n"
    order = BuildOrder(
        contexts={"ctx": "docker-image://mine.example/z"}, cache_from=("type=registry,ref=cache.example/c",)
    )
    assert needs(text, order).registries == {"quay.io", "ghcr.io", "mine.example", "cache.example"}


@pytest.mark.parametrize(
    ("lines", "paths"),
    [
        ("COPY a b/../c ./d/ /x/", {"a", "c", "d"}),
        ("COPY --from=other a /x", set()),
        ("ADD https://example.com/f g /x/", {"g"}),
        ("RUN --mount=source=src,target=/src true", {"src"}),
        ("RUN --mount=type=cache,target=/c true", set()),
        ("COPY . /x", None),
        ("COPY a* /x/", None),
        ("COPY $A /x", None),
        ("RUN --mount=target=/src true", None),
    ],
)
def test_only_files_that_are_copied_or_mounted_are_needed(lines: str, paths: set[str] | None) -> None:
    assert needs(f"FROM a\n{lines}\n").paths == paths
