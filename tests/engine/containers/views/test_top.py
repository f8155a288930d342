"""What `docker top` takes from ps."""

from __future__ import annotations

import os

import pytest

from engine.containers.views.top import check_arguments, list_processes, select_processes
from engine.errors import BadRequest, EngineError


def test_the_containers_lines_are_shown_and_the_last_column_keeps_its_words() -> None:
    output = "UID PID CMD\nroot 1 init\napp 42 python -m web --fast\n"
    answer = select_processes(output, {42})
    assert answer.titles == ["UID", "PID", "CMD"]
    assert answer.processes == [["app", "42", "python -m web --fast"]]


def test_a_threads_line_goes_with_its_process() -> None:
    output = "PID LWP CMD\n1 - init\n- 1 -\n42 - web\n- 42 -\n- 43 -\n"
    assert select_processes(output, {42}).processes == [["42", "-", "web"], ["-", "42", "-"], ["-", "43", "-"]]


def test_without_the_processes_numbers_nothing_can_be_chosen() -> None:
    with pytest.raises(EngineError, match="Couldn't find PID field in ps output"):
        select_processes("UID CMD\nroot init\n", {1})


def test_a_null_character_is_refused() -> None:
    with pytest.raises(BadRequest, match="null character"):
        check_arguments("-e\0f")


def test_no_other_column_may_be_called_pid() -> None:
    check_arguments("-o pid=PID,comm")
    with pytest.raises(BadRequest, match='specifying "ppid=PID" is not allowed'):
        check_arguments("-o ppid=PID")


@pytest.mark.anyio
@pytest.mark.parametrize("arguments", ["", "aux", "-o pid,comm", "axf"])
async def test_ps_takes_arguments_of_all_styles(arguments: str) -> None:
    found = await list_processes([os.getpid()], arguments)
    assert len(found.processes) == 1
    assert str(os.getpid()) in found.processes[0]


@pytest.mark.anyio
async def test_the_complaint_of_ps_is_its_first_line() -> None:
    with pytest.raises(EngineError, match=r"^ps: error: .*\S$"):
        await list_processes([1], "-o nonsense")
