"""Records are read on any thread, also for the first time."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from engine.wire.typed import from_json, from_plain

ROOT = Path(__file__).resolve().parents[3]
# Types that no thread has read yet, each with parts, by four threads at the same time.
PROGRAM = """
import sys, threading
from msgspec import defstruct
from engine.wire.typed import from_json

sys.setswitchinterval(1e-6)
failed = []

def read(start, kind):
    start.wait()
    try:
        from_json(b'{"part": [{"part": [{"part": [{"value": [1]}]}]}], "value": [1]}', kind)
    except Exception as exc:
        failed.append(exc)

for _ in range(1000):
    kind = int
    for name in "ABCDEF":
        kind = defstruct(name, [("part", list[kind], []), ("value", list[int], []), ("other", dict[str, kind], {})])
    start = threading.Barrier(4)
    threads = [threading.Thread(target=read, args=(start, kind)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
sys.exit(bool(failed))
"""


class Record(msgspec.Struct):
    number: int


def test_threads_may_read_a_record_for_the_first_time_together() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_is_no_such_record_is_refused() -> None:
    assert from_json('{"number": 1}', Record) == from_plain({"number": 1}, Record) == Record(1)
    with pytest.raises(msgspec.ValidationError):
        from_json(b"{}", Record)
    with pytest.raises(msgspec.ValidationError):
        from_plain({"number": "1"}, Record)


def test_the_engine_reads_records_in_no_other_way() -> None:
    direct = re.compile(r"json\.decode\(.*\btype=(?!str\b|dict\[)|msgspec\.convert\(|json\.Decoder\(")
    sources = {path.relative_to(ROOT): path.read_text() for path in (ROOT / "engine").rglob("*.py")}
    assert [str(path) for path, text in sources.items() if direct.search(text)] == ["engine/wire/typed.py"]
