from __future__ import annotations

from collections.abc import Mapping

import pytest

from engine.builder.dockerfile.evaluate import State, apply, run_arguments
from engine.builder.dockerfile.instructions import Run
from engine.builder.dockerfile.problem import Misspelt
from engine.builder.dockerfile.stages import parse_dockerfile
from engine.wire.containers import ContainerConfig, HealthConfig


def after(
    text: str,
    config: ContainerConfig | None = None,
    given: Mapping[str, str] | None = None,
    outer: Mapping[str, str] | None = None,
) -> State:
    state = State(config=config or ContainerConfig())
    for instruction in parse_dockerfile(f"FROM x\n{text}").stages[0].instructions:
        state = apply(instruction, state, given or {}, outer or {}, "\\")
    return state


def test_a_variable_is_replaced_by_its_value_before_the_instruction() -> None:
    assert after("ENV abc=hello\nENV abc=bye def=$abc").config.env == ["abc=bye", "def=hello"]


def test_an_environment_variable_wins_over_an_argument() -> None:
    assert after("ARG v=1\nENV v=2\nLABEL l=$v").config.labels == {"l": "2"}


def test_an_argument_is_known_from_its_line_on() -> None:
    assert after("LABEL a=${u:-some}\nARG u\nLABEL b=$u", given={"u": "what"}).config.labels == {
        "a": "some",
        "b": "what",
    }


def test_an_argument_from_before_from_has_to_be_named_again() -> None:
    assert after("LABEL a=$v\nARG v\nLABEL b=$v", outer={"v": "1"}).config.labels == {"a": "", "b": "1"}
    assert after("ARG v=2\nLABEL b=$v", outer={"v": "1"}).config.labels == {"b": "2"}


def test_a_work_directory_may_be_relative() -> None:
    assert after("ENV d=/a\nWORKDIR $d/b\nWORKDIR ../c").config.working_dir == "/a/c"


def test_a_new_entrypoint_clears_the_images_command_but_not_the_stages() -> None:
    image = ContainerConfig(cmd=["old"])
    assert after('ENTRYPOINT ["e"]', image).config.cmd is None
    assert after('CMD ["new"]\nENTRYPOINT ["e"]', image).config.cmd == ["new"]


def test_the_shell_form_uses_the_shell_of_the_moment() -> None:
    config = after('CMD a b\nSHELL ["/bin/bash", "-c"]\nENTRYPOINT run').config
    assert (config.cmd, config.entrypoint) == (["/bin/sh", "-c", "a b"], ["/bin/bash", "-c", "run"])


def test_ports_have_protocols_and_ranges() -> None:
    assert list(after("ENV p=81\nEXPOSE 80 $p/UDP 90-91").config.exposed_ports) == [
        "80/tcp",
        "81/udp",
        "90/tcp",
        "91/tcp",
    ]


def test_the_rest_lands_in_the_configuration() -> None:
    state = after(
        "USER me:us\nVOLUME /a /b\nSTOPSIGNAL SIGINT\nHEALTHCHECK --retries=3 CMD x y\nONBUILD RUN z\nMAINTAINER who"
    )
    config = state.config
    assert (config.user, list(config.volumes), config.stop_signal) == ("me:us", ["/a", "/b"], "SIGINT")
    assert config.healthcheck == HealthConfig(test=["CMD-SHELL", "x y"], retries=3)
    assert (config.on_build, state.author) == (["RUN z"], "who")


@pytest.mark.parametrize("text", ["EXPOSE 70000", "EXPOSE x", "EXPOSE 80/icmp", "STOPSIGNAL NOPE", "WORKDIR $missing"])
def test_what_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(Misspelt):
        after(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("RUN a", ["/bin/sh", "-c", "a"]),
        ('RUN ["a", "$b"]', ["a", "$b"]),
        ("RUN <<E\nx\ny\nE", ["/bin/sh", "-c", "x\ny\n"]),
        ("RUN cat <<-E\n\tx\nE", ["/bin/sh", "-c", "cat <<-E\n\tx\nE"]),
    ],
)
def test_a_run_is_a_command_line(text: str, words: list[str]) -> None:
    run = parse_dockerfile(f"FROM x\n{text}").stages[0].instructions[0]
    assert isinstance(run, Run)
    assert run_arguments(run, State(config=ContainerConfig())) == words
