"""Looking up where a part of a loaded project stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from compose.errors import Location
from compose.load.pipeline import LoadRequest, load

FILE = """\
services:
  web:
    image: nginx
    ports: ["80:80", "81:81"]
"""


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (("services", "web"), (2, 3)),
        (("services", "web", "image"), (3, 12)),
        (("services", "web", "ports", 1), (4, 22)),
        (("services", "web", "command"), (2, 3)),
        (("services", "nobody"), None),
        (("networks", "default"), None),
    ],
)
def test_a_part_is_where_the_file_names_it_or_what_it_belongs_to(
    path: tuple[str | int, ...], place: tuple[int, int] | None, tmp_path: Path
) -> None:
    (tmp_path / "compose.yaml").write_text(FILE)
    where, source = load(LoadRequest(cwd=tmp_path)).places.find(path)
    if place is None:
        assert (where, source) == (None, None)
    else:
        assert where == Location("compose.yaml", *place)
        assert source == FILE.splitlines()[place[0] - 1]
