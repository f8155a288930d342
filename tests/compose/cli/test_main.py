"""The process around the command line: its streams, and how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FILE = "name: app\nservices: {web: {image: nginx}}\n"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "compose.yaml").write_text(FILE)
    root = Path(__file__).parents[3]
    monkeypatch.setenv("PYTHONPATH", str(root))
    monkeypatch.chdir(tmp_path)


def shell(line: str) -> subprocess.CompletedProcess[str]:
    """Run a line of the shell in which `$P` is the program."""
    script = f"P='{sys.executable} -m pycompose'; {line}"
    return subprocess.run(["/bin/bash", "-c", script], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("command", ["--version", "version", "config", "--help", "up --help"])
def test_output_that_nobody_takes_is_told_in_a_line(command: str) -> None:
    ended = shell(f"$P {command} >/dev/full")
    assert ended.returncode == 1
    assert ended.stderr == "error: cannot write the output: no space left there\n"


@pytest.mark.parametrize("command", ["--version", "config", "--help"])
def test_a_reader_that_has_gone_is_not_told_of(command: str) -> None:
    # The reader goes before anything is written: it is over when the program starts.
    ended = shell(f"exec 3> >(:); wait $!; $P {command} >&3")
    assert ended.returncode == 1
    assert ended.stderr == ""


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_do_no_harm(closed: str) -> None:
    ended = shell(f"$P config -q {closed}")
    assert (ended.returncode, ended.stderr) == (0, "")
    ended = shell(f"$P config --output out.yaml {closed}; cat out.yaml")
    assert "image: nginx" in ended.stdout


def test_errors_that_cannot_be_told_keep_their_code() -> None:
    assert shell("$P config nope 2>/dev/full").returncode == 1
    assert shell("$P config nope 2>&-").returncode == 1


def test_text_is_utf_8_whatever_the_locale_says(tmp_path: Path) -> None:
    there = tmp_path / "Döner"
    there.mkdir()
    (there / "compose.yaml").write_text("services: {web: {image: nginx, command: 'ü', volumes: ['./ä:/ä']}}\n")
    other_locale = "LC_ALL=C PYTHONCOERCECLOCALE=0 PYTHONUTF8=0"
    ended = shell(
        f"{other_locale} $P -f Döner/compose.yaml config --format json; $P -f Döner/compose.yaml config --format json"
    )
    assert ended.stderr == ""
    strange, usual = ended.stdout.split("\n}\n", 1)
    assert f"{strange}\n}}\n" == usual
    assert "Döner/ä" in usual


# Of root, only these may look everywhere.
CAPABILITIES = "-dac_override,-dac_read_search"
AS_OTHERS = f"setpriv --inh-caps={CAPABILITIES} --bounding-set={CAPABILITIES}" if os.geteuid() == 0 else ""


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            "-f closed/compose.yaml config",
            "closed/compose.yaml: error: cannot read closed/compose.yaml: permission denied",
        ),
        ("-f extending.yaml config", "cannot read closed/compose.yaml: permission denied"),
        ("-f including.yaml config", "cannot read the env file closed/.env: permission denied"),
        ("-f told.yaml config", "closed/told.env: permission denied"),
        ("--env-file closed/env config", "cannot read the env file closed/env: permission denied"),
        ("ls", "error: "),
    ],
)
def test_what_is_closed_to_us_is_told_by_its_name(command: str, message: str, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    (closed / "compose.yaml").write_text(FILE)
    (tmp_path / "extending.yaml").write_text("services: {a: {extends: {file: closed/compose.yaml, service: web}}}\n")
    (tmp_path / "including.yaml").write_text("include: [closed/compose.yaml]\n")
    (tmp_path / "told.yaml").write_text("services: {a: {image: b, env_file: closed/told.env}}\n")
    closed.chmod(0)
    ended = shell(f"PYCOMPOSE_RUN_DIR={closed}/run PYCOMPOSE_STATE_DIR={closed}/state {AS_OTHERS} $P {command}")
    closed.chmod(0o700)
    assert ended.returncode == 1
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("door", ["cli", "daemon"])
def test_no_file_gets_the_number_of_a_closed_stream(door: str, tmp_path: Path) -> None:
    (tmp_path / "started.py").write_text(
        "import os, sys\n"
        "from pycompose import launcher\n"
        "def told(*_):\n"
        "    with open('numbers', 'w') as file:\n"
        "        file.write(' '.join(os.readlink(f'/proc/self/fd/{number}') for number in range(3)))\n"
        "launcher._prefer_our_packages = told\n"
        "sys.argv[1:] = ['--help']\n"
        f"launcher.{door}()\n"
    )
    ended = shell(f"{sys.executable} started.py <&- >&- 2>&-; cat numbers")
    assert ended.stdout == "/dev/null /dev/null /dev/null"


@pytest.mark.parametrize(
    "module", ["compose.cli.main", "compose.cli.run_group", "click", "compose.cli.commands.config"]
)
def test_ctrl_c_while_modules_are_imported_is_no_traceback(module: str, tmp_path: Path) -> None:
    (tmp_path / "started.py").write_text(
        "import os, signal, sys\n"
        "from pycompose import launcher\n"
        "class Finder:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == {module!r}:\n"
        "            signal.raise_signal(signal.SIGINT)\n"
        "sys.meta_path.insert(0, Finder())\n"
        "sys.argv[1:] = ['config']\n"
        "launcher.cli()\n"
    )
    ended = shell(f"{sys.executable} started.py")
    assert (ended.returncode, ended.stdout, ended.stderr.strip()) == (130, "", "")  # after ^C a line ends
