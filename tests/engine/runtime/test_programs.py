"""The names of the OCI runtimes."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import BadRequest
from engine.runtime.programs import Programs, with_dockers_name

CRUN, RUNC, YOUKI = (Path("/usr/bin") / name for name in ("crun", "runc", "youki"))


@pytest.mark.parametrize(
    ("installed", "named"),
    [
        ({"crun": CRUN, "youki": YOUKI}, {"runc": CRUN, "crun": CRUN, "youki": YOUKI}),
        ({"crun": CRUN, "runc": RUNC}, {"crun": CRUN, "runc": RUNC}),
        ({}, {}),
    ],
)
def test_dockers_name_is_the_default_runtimes_unless_another_has_it(
    installed: dict[str, Path], named: dict[str, Path]
) -> None:
    found = with_dockers_name(installed)
    assert found == named
    assert list(found) == list(named)


def test_a_container_remembers_what_its_runtime_is_itself_called() -> None:
    programs = Programs((), CRUN)
    assert programs.own_name("crun") == "crun"
    assert programs.own_name("") == "crun"
    with pytest.raises(BadRequest, match="unknown or invalid runtime name: other"):
        programs.own_name("other")


def test_runtimes_of_the_user_keep_their_names_and_one_may_be_the_default(tmp_path: Path) -> None:
    mine = tmp_path / "program"
    programs = Programs(())
    programs.configure({"mine": mine}, "mine")
    assert next(iter(programs.found())) == "mine"
    assert programs.own_name("") == programs.own_name("mine") == "mine"
    with pytest.raises(BadRequest, match="specified default runtime 'absent' does not exist"):
        programs.configure({}, "absent")
    assert programs.default == "mine"


def test_dockers_name_given_to_a_runtime_of_the_users_does_not_make_it_the_default(tmp_path: Path) -> None:
    program = tmp_path / "program"
    programs = Programs(())
    usual = programs.at("").path
    programs.configure({"runc": program}, "")
    assert programs.at("").path == usual
    assert programs.at("runc").path == program
    programs.configure({"runc": program}, "runc")
    assert programs.at("").path == program
