from __future__ import annotations

import pytest

from engine.builder.dockerfile.instructions import (
    Arg,
    Command,
    Copy,
    Entrypoint,
    Env,
    HealthCheck,
    Instruction,
    OnBuild,
    Run,
)
from engine.builder.dockerfile.mounts import understand_mount
from engine.builder.dockerfile.parse import read_trigger
from engine.builder.dockerfile.problem import DockerfileError, Misspelt
from engine.builder.dockerfile.stages import global_args, needed_stages, parse_dockerfile

SECOND_NS = 1_000_000_000


def one(text: str) -> Instruction:
    return parse_dockerfile(f"FROM scratch\n{text}").stages[0].instructions[0]


def test_the_exec_form_is_json_and_everything_else_is_a_shells() -> None:
    assert one('RUN ["a", "b c"]') == Run(line=2, text='RUN ["a", "b c"]', command=Command(("a", "b c"), is_exec=True))
    assert one("RUN [ -f x ]") == Run(line=2, text="RUN [ -f x ]", command=Command(("[ -f x ]",), is_exec=False))
    entrypoint = one("ENTRYPOINT []")
    assert isinstance(entrypoint, Entrypoint)
    assert entrypoint.command == Command((), is_exec=True)


def test_variables_come_as_pairs_or_in_the_old_form() -> None:
    pairs, old = one("ENV a=1 b='x y'"), one("ENV a the  rest")
    assert isinstance(pairs, Env)
    assert isinstance(old, Env)
    assert pairs.pairs == (("a", "1"), ("b", "'x y'"))
    assert old.pairs == (("a", "the  rest"),)


def test_an_argument_may_have_no_default() -> None:
    found = one("ARG a b=1 c=")
    assert isinstance(found, Arg)
    assert found.names == (("a", None), ("b", "1"), ("c", ""))


def test_copy_knows_its_flags_and_documents() -> None:
    found = one("COPY --from=x --chown=1 --chmod=644 --link --parents --exclude=*.o a <<doc /d/\nhi\ndoc\n")
    assert isinstance(found, Copy)
    assert (found.sources, found.destination, found.origin) == (("a",), "/d/", "x")
    assert (found.chown, found.chmod, found.link, found.parents, found.excludes) == ("1", "644", True, True, ("*.o",))
    assert found.heredocs[0].content == "hi\n"


def test_a_script_is_a_here_document_alone() -> None:
    script, fed = one("RUN <<EOF\nls\nEOF"), one("RUN cat <<EOF >x\nls\nEOF")
    assert isinstance(script, Run)
    assert isinstance(fed, Run)
    assert script.command == Command((), is_exec=False)
    assert fed.command.words == ("cat <<EOF >x",)


@pytest.mark.parametrize("line", ["<<EOF cat >x", "<<-'EOF' bash -x", "<<EOF >x cat", '<<"EOF" python3'])
def test_a_here_document_before_its_command_is_that_commands_input(line: str) -> None:
    found = one(f"RUN {line}\nls\nEOF")
    assert isinstance(found, Run)
    assert found.command.words == (line,)


def test_a_health_check_has_durations() -> None:
    found = one("HEALTHCHECK --interval=1m30s --timeout=500ms --retries=2 CMD curl -f x")
    assert isinstance(found, HealthCheck)
    assert (found.interval, found.timeout, found.retries) == (90 * SECOND_NS, SECOND_NS // 2, 2)
    assert found.command == Command(("curl -f x",), is_exec=False)


def test_a_trigger_is_read_when_it_is_used() -> None:
    trigger = one("ONBUILD COPY . /app")
    assert isinstance(trigger, OnBuild)
    assert isinstance(read_trigger(trigger.trigger, 1, "\\", "x"), Copy)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("FORM a", "Dockerfile:1: unknown instruction: FORM .hint: did you mean FROM"),
        ("", "Dockerfile: file with no instructions"),
        ("RUN x", "Dockerfile:1: no build stage"),
        ("ARG a", "Dockerfile:1: no build stage"),
        ("FROM a b", "Dockerfile:1: FROM requires either one or three"),
        ("FROM a AS 1x", "Dockerfile:1: invalid name for build stage: '1x'"),
        ("FROM a\nCOPY x", "Dockerfile:2: COPY requires at least two arguments"),
        ("FROM a\nCOPY --form=x a b", "Dockerfile:2: unknown flag: --form"),
        ("FROM a\nADD --from=x a b", "Dockerfile:2: unknown flag: --from"),
        ("FROM a\nCOPY --link=maybe a b", "Dockerfile:2: expecting boolean"),
        ("FROM a\nCOPY --chown a b", "Dockerfile:2: missing a value on flag: --chown"),
        ("FROM a\nCOPY --chown=1 --chown=2 a b", "Dockerfile:2: duplicate flag"),
        ("FROM a\nENV a", "Dockerfile:2: ENV must have two arguments"),
        ("FROM a\nENV a=1 b", "Dockerfile:2: Syntax error - can't find = in 'b'"),
        ("FROM a\nRUN", "Dockerfile:2: RUN requires at least one argument"),
        ("FROM a\nRUN --network=x y", "Dockerfile:2: invalid network mode 'x'"),
        ("FROM a\nRUN --mount=type=disk,target=/x y", "Dockerfile:2: unsupported mount type 'disk'"),
        ("FROM a\nRUN --mount=type=tmpfs,sauce=/x y", "Dockerfile:2: unexpected key 'sauce'"),
        ("FROM a\nSHELL bash", "Dockerfile:2: SHELL requires the arguments to be in JSON"),
        ("FROM a\nHEALTHCHECK run", "Dockerfile:2: Unknown type"),
        ("FROM a\nHEALTHCHECK --interval=soon CMD x", "Dockerfile:2: invalid duration"),
        ("FROM a\nONBUILD ONBUILD RUN x", "Dockerfile:2: Chaining ONBUILD"),
        ("FROM a\nONBUILD FROM x", "Dockerfile:2: FROM isn't allowed"),
        ("FROM a\nSTOPSIGNAL a b", "Dockerfile:2: STOPSIGNAL requires exactly one"),
    ],
)
def test_a_mistake_is_reported_at_its_line(text: str, problem: str) -> None:
    with pytest.raises(DockerfileError, match=problem):
        parse_dockerfile(text)


def test_a_mount_gets_its_values_when_variables_are_known() -> None:
    run = one("RUN --mount=type=cache,id=$x,dst=sub,sharing=locked,mode=0700,uid=5 y")
    assert isinstance(run, Run)
    mount = understand_mount(run.mounts[0], lambda word: word.replace("$x", "key"), "/srv")
    assert (mount.kind, mount.identity, mount.target, mount.sharing) == ("cache", "key", "/srv/sub", "locked")
    assert (mount.mode, mount.uid, mount.is_read_only) == (0o700, 5, False)


def test_mounts_have_their_kinds_defaults() -> None:
    run = one(
        "RUN --mount=target=/a --mount=type=secret,id=s/t --mount=type=ssh --mount=type=tmpfs,target=/t,size=1m y"
    )
    assert isinstance(run, Run)
    bind, secret, ssh, tmpfs = (understand_mount(item, str, "/") for item in run.mounts)
    assert (bind.kind, bind.is_read_only) == ("bind", True)
    assert (secret.identity, secret.target) == ("s/t", "/run/secrets/t")
    assert ssh.identity == "default"
    assert tmpfs.size == 1 << 20


def test_a_mount_needs_a_target() -> None:
    run = one("RUN --mount=type=cache,id=x y")
    assert isinstance(run, Run)
    with pytest.raises(Misspelt, match="needs a target"):
        understand_mount(run.mounts[0], str, "/")


MANY = """
ARG base=alpine
ARG tag
FROM $base AS one
FROM scratch AS unused
FROM one AS two
COPY --from=unused2 a b
FROM scratch AS last
COPY --from=0 /a /b
RUN --mount=from=two,target=/x y
"""


def test_only_the_stages_that_the_target_needs_are_found() -> None:
    file = parse_dockerfile(MANY)
    assert needed_stages(file, file.target(""), {"base": "x"}) == {0, 2, 3}
    assert needed_stages(file, file.target("UNUSED"), {"base": "x"}) == {1}
    assert needed_stages(file, file.target("2"), {"base": "x"}) == {0, 2}
    with pytest.raises(
        DockerfileError, match=r'target stage "none" could not be found .hint: .*one, unused, two, last'
    ):
        file.target("none")


def test_a_name_means_the_last_earlier_stage() -> None:
    file = parse_dockerfile("FROM a AS x\nFROM x AS x\nFROM x")
    found = [file.stage_before(index, "x") for index in range(3)]
    assert [item and item.index for item in found] == [None, 0, 1]


def test_arguments_before_from_are_known_to_it_and_given_ones_win() -> None:
    file = parse_dockerfile("ARG a=1\nARG b=${a}2\nARG c\nFROM x")
    assert global_args(file, {}, {"TARGETARCH": "amd64"}) == {"TARGETARCH": "amd64", "a": "1", "b": "12"}
    assert global_args(file, {"a": "9", "c": "3", "other": "x"}, {}) == {"a": "9", "b": "92", "c": "3"}
