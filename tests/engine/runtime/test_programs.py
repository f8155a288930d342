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
