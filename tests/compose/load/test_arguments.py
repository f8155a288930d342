"""Short forms on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from compose.errors import ComposeError, UsageError
from compose.load.arguments import mounts_of, ports_of, variables_of
from compose.model.service import BindMount, Port


def test_volumes_are_paths_of_the_host_names_or_anonymous() -> None:
    texts = ("/srv:/data:ro", "./here:/here", "~/mine:/mine:z", "name:/data2", "/scratch")
    mounts = mounts_of(texts, "/project", "/home/me")
    assert [(item.type, item.source, item.target, item.read_only) for item in mounts] == [
        ("bind", "/srv", "/data", True),
        ("bind", "/project/here", "/here", False),
        ("bind", "/home/me/mine", "/mine", False),
        ("volume", "name", "/data2", False),
        ("volume", "", "/scratch", False),
    ]
    assert mounts[2].bind == BindMount(create_host_path=True, selinux="z")


def test_ports_may_be_ranges() -> None:
    assert ports_of(["127.0.0.1:81:80/udp", "90", "8000-8001:80-81"]) == (
        Port(80, "81", "127.0.0.1", "udp"),
        Port(90),
        Port(80, "8000"),
        Port(81, "8001"),
    )


def test_what_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="`x`"):
        ports_of(["x"])
    with pytest.raises(UsageError, match="empty section between colons"):
        mounts_of(["name::b"], "/", "/")


def test_variables_of_files_see_the_environment_and_each_other(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("A=1\nB=${HOST}-${A}\nC=${UNSET}\n")
    (tmp_path / "b").write_text("A=2\n")
    unset: list[str] = []
    found = variables_of([tmp_path / "a", tmp_path / "b"], {"HOST": "h"}, unset.append)
    assert found == {"A": "2", "B": "h-1", "C": ""}
    assert unset == ["UNSET"]


def test_a_file_with_a_mistake_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad").write_text("fine=1\nnot fine=2\n")
    with pytest.raises(ComposeError) as caught:
        variables_of([tmp_path / "bad"], {}, lambda _: None)
    assert str(caught.value.problems[0].where).endswith("bad:2:1")
    with pytest.raises(UsageError, match="No such file"):
        variables_of([tmp_path / "none"], {}, lambda _: None)
