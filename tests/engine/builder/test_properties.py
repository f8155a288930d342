"""Whatever is in a Dockerfile or a `.dockerignore`: it is read, or refused with its place."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.builder.dockerfile.evaluate import State, apply
from engine.builder.dockerfile.instructions import Run
from engine.builder.dockerfile.mounts import understand_mount
from engine.builder.dockerfile.problem import DockerfileError, Misspelt
from engine.builder.dockerfile.stages import global_args, needed_stages, parse_dockerfile
from engine.builder.dockerfile.words import expand, expand_text
from engine.wire.containers import ContainerConfig
from engine.wire.ignore import Ignore, InvalidPattern, read_ignore

WORDS = st.sampled_from(
    [
        *(
            "FROM",
            "ARG",
            "ENV",
            "RUN",
            "COPY",
            "ADD",
            "CMD",
            "ENTRYPOINT",
            "LABEL",
            "EXPOSE",
            "VOLUME",
            "USER",
            "WORKDIR",
        ),
        *("SHELL", "HEALTHCHECK", "ONBUILD", "STOPSIGNAL", "MAINTAINER", "AS", "as", "NONE", "scratch", "a", "0", "1"),
        *(
            "b=1",
            "$a",
            "${a:-b}",
            "${a%%x*}",
            "${",
            "'",
            '"',
            "\\",
            "`",
            "=",
            ":",
            ",",
            "/",
            ".",
            "..",
            "*",
            "**",
            "[",
            "]",
        ),
        *(
            '["a","b"]',
            "[1]",
            "<<EOF",
            "<<-'X'",
            "EOF",
            "X",
            "80-90/udp",
            "#",
            "# escape=`",
            "\n",
            "\t",
            "\r\n",
            "\\\n",
        ),
        *(
            "--from=a",
            "--mount=type=cache,id=x",
            "--mount=,",
            "--link",
            "--chmod=9",
            "--interval=1s",
            "\0",
            "é",
            "\ufeff",
        ),
    ]
)
TEXTS = st.lists(WORDS, max_size=40).map(" ".join) | st.text(max_size=80)


@given(TEXTS, st.dictionaries(st.sampled_from("ab"), st.text(max_size=5)))
def test_a_dockerfile_is_read_or_refused_with_its_line(text: str, args: dict[str, str]) -> None:
    for whole in (text, f"FROM a AS a\n{text}"):
        try:
            file = parse_dockerfile(whole)
            variables = global_args(file, args, {})
            assert needed_stages(file, file.target(""), variables) >= {len(file.stages) - 1}
        except DockerfileError as exc:
            refused = str(exc)
            assert refused.startswith("Dockerfile:")
            continue
        for stage in file.stages:
            evaluate(stage.instructions, args, variables, file.escape)


def evaluate(instructions: object, args: dict[str, str], variables: dict[str, str], escape: str) -> None:
    state = State(config=ContainerConfig())
    assert isinstance(instructions, tuple)
    for instruction in instructions:
        try:
            state = apply(instruction, state, args, variables, escape)
            for mount in instruction.mounts if isinstance(instruction, Run) else ():
                understand_mount(mount, str, "/")
        except Misspelt:
            return


@given(st.text(alphabet="ab${}:-+?#%/*\\'\"` ", max_size=30))
def test_a_word_is_expanded_or_refused(word: str) -> None:
    for function in (expand, expand_text):
        try:
            function(word, {"a": "x/y/z", "b": ""}.get, "\\")
        except Misspelt:
            continue


@given(st.text(alphabet="ab*?[]^!-\\/.# \n", max_size=30), st.text(alphabet="ab/.", min_size=1, max_size=10))
def test_patterns_decide_or_are_refused(patterns: str, path: str) -> None:
    try:
        assert Ignore(read_ignore(patterns)).excludes(path) in (True, False)
    except InvalidPattern:
        return
