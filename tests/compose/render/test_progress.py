"""Progress on a terminal, in a file, and as JSON."""

from __future__ import annotations

import json

import pytest

from compose.plan.telling.progress import Phase, Update
from compose.render.progress import JsonLines, Live, Plain

CREATING = Update("Container app-web-1", "Creating", Phase.WORKING)
CREATED = Update("Container app-web-1", "Created")


def test_elsewhere_than_on_a_terminal_every_change_is_a_line() -> None:
    written: list[str] = []
    plain = Plain(written.append)
    for update in (CREATING, CREATED, CREATED):
        plain.update(update)
    assert written == [" Container app-web-1  Creating\n", " Container app-web-1  Created\n"]


def test_what_is_done_with_a_container_stands_between_its_name_and_its_state() -> None:
    update = Update("app-web-1", "Copied", task="copy site to app-web-1:/srv")
    written: list[str] = []
    Plain(written.append).update(update)
    JsonLines(written.append).update(update)
    screen = Screen()
    live = make_live(screen, times=[0.0])
    live.update(update)
    live.close()
    assert written[0] == " app-web-1 copy site to app-web-1:/srv Copied\n"
    assert json.loads(written[1]) == {
        "id": "app-web-1",
        "text": "copy site to app-web-1:/srv",
        "status": "Copied",
        "phase": "done",
    }
    assert screen.lines[1].startswith(" ✔ app-web-1 copy site to app-web-1:/srv  Copied ")


def test_growing_sizes_are_not_repeated_in_a_file() -> None:
    written: list[str] = []
    plain = Plain(written.append)
    for current in (1, 2, 3):
        plain.update(Update("Image big:1", "Pulling", Phase.WORKING, current=current, total=3))
    assert written == [" Image big:1  Pulling\n"]


class Screen:
    """Enough of a terminal: text, and the two sequences that `Live` redraws with."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, text: str) -> None:
        if text.startswith("\x1b["):
            up, _, text = text[2:].partition("A\x1b[J")
            del self.lines[len(self.lines) - int(up) :]
        self.lines += text.splitlines()


def make_live(screen: Screen, *, size: tuple[int, int] = (60, 24), times: list[float]) -> Live:
    return Live(screen.write, clock=lambda: times[0], size=lambda: size, colour=False, verb="up")


def test_on_a_terminal_a_resource_has_one_line_with_its_elapsed_time() -> None:
    screen, times = Screen(), [0.0]
    live = make_live(screen, times=times)
    live.update(CREATING)
    live.tick()
    assert screen.lines[0] == "[+] up 0/1"
    assert "Container app-web-1  Creating" in screen.lines[1]
    assert screen.lines[1].endswith(" 0.0s")
    times[0] = 1.5
    live.update(CREATED)
    live.close()
    assert screen.lines == [
        "[+] up 1/1",
        " ✔ Container app-web-1  Created                        1.5s",
    ]


def test_a_finished_resource_keeps_its_time_and_one_that_goes_on_does_not() -> None:
    screen, times = Screen(), [0.0]
    live = make_live(screen, times=times)
    live.update(CREATED)
    times[0] = 9.0
    live.tick()
    assert screen.lines[1].endswith(" 0.0s")
    live.update(Update("Container app-web-1", "Starting", Phase.WORKING))
    live.tick()
    assert screen.lines[1].endswith(" 9.0s")


def test_log_lines_go_above_the_progress() -> None:
    screen = Screen()
    live = make_live(screen, times=[0.0])
    live.update(CREATED)
    live.tick()
    live.aside(b"web-1  | hello\n", lambda data: screen.write(data.decode()))
    assert [line[:14] for line in screen.lines] == ["web-1  | hello", "[+] up 1/1", " ✔ Container a"]


def test_more_resources_than_rows_are_summed_up_and_the_working_ones_shown() -> None:
    screen = Screen()
    live = make_live(screen, size=(60, 6), times=[0.0])
    for number in range(9):
        live.update(Update(f"Container c{number}", "Created"))
    live.update(Update("Container last", "Creating", Phase.WORKING))
    live.tick()
    assert len(screen.lines) == 5
    assert "Container last" in screen.lines[1]
    assert screen.lines[-1] == " ... 7 more"


def test_lines_never_exceed_the_terminal() -> None:
    screen = Screen()
    live = make_live(screen, size=(30, 24), times=[0.0])
    live.update(Update("Container with-a-very-long-name-indeed-1", "Error", Phase.FAILED, detail="x" * 100))
    live.tick()
    assert max(map(len, screen.lines)) <= 30


@pytest.mark.parametrize("rows", range(1, 8))
@pytest.mark.parametrize("columns", [2, 5, 8, 20])
def test_however_small_a_terminal_is_nothing_scrolls_and_nothing_wraps(rows: int, columns: int) -> None:
    written: list[str] = []
    live = Live(written.append, clock=lambda: 12.0, size=lambda: (columns, rows), colour=False, verb="up")
    for number in range(9):
        live.update(Update(f"Image big:{number}", "Pulling", Phase.WORKING, current=1, total=3))
    for _ in range(3):
        live.tick()
    for text in written:
        lines = text.rpartition("\x1b[J")[2].splitlines()
        assert len(lines) <= max(rows - 1, 1)
        assert all(len(line) < columns for line in lines)


def test_sizes_of_a_pull_are_shown_while_it_works() -> None:
    screen = Screen()
    live = make_live(screen, times=[0.0])
    live.update(Update("Image big:1", "Pulling", Phase.WORKING, current=1_000_000, total=45_000_000))
    live.tick()
    assert "Pulling  1MB / 45MB" in screen.lines[1]


def test_json_progress_is_one_object_per_update() -> None:
    written: list[str] = []
    lines = JsonLines(written.append)
    lines.update(CREATING)
    lines.update(Update("Container app-web-1", "Error", Phase.FAILED, "no"))
    lines.update(Update("a", "Started", current=1, total=4, is_rehearsed=True))
    assert [json.loads(text) for text in written] == [
        {"id": "Container app-web-1", "status": "Creating", "phase": "working"},
        {"id": "Container app-web-1", "text": "no", "status": "Error", "phase": "failed"},
        {"dry-run": True, "id": "a", "status": "Started", "current": 1, "total": 4, "percent": 25, "phase": "done"},
    ]
