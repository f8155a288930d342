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


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ("|\n        FROM x\n\n        RUN y", (7, 9)),
        ("|2-\n          FROM x\n\n        RUN y", (7, 9)),
        ('"FROM x\\n\\nRUN y\\n"', (4, 26)),
    ],
)
def test_a_line_of_a_text_is_pointed_at_where_the_file_shows_its_lines(
    value: str, place: tuple[int, int], tmp_path: Path
) -> None:
    text = f"services:\n  web:\n    build:\n      dockerfile_inline: {value}\n"
    (tmp_path / "compose.yaml").write_text(text)
    where, source = load(LoadRequest(cwd=tmp_path)).places.find(
        ("services", "web", "build", "dockerfile_inline"), line=3
    )
    assert where == Location("compose.yaml", *place)
    assert source == text.splitlines()[place[0] - 1]
