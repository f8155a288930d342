"""What `pip install pycompose` gives: a wheel with a private import root, and programs that start."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("compose", "engine", "schemas")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(target)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (built,) = target.glob("*.whl")
    return built


def test_the_wheel_puts_nothing_into_site_packages_but_pycompose(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"pycompose"}
    for package in PACKAGES:
        assert f"pycompose/_app/{package}/__init__.py" in names


def test_the_wheel_carries_every_file_of_the_packages(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    ours = [path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file()]
    expected = {f"pycompose/_app/{path.relative_to(ROOT)}" for path in ours if "__pycache__" not in path.parts}
    assert expected <= packed


def test_the_wheel_carries_the_man_pages(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {name.partition(".data/data/")[2] for name in archive.namelist()}
    pages = {f"share/man/{path.relative_to(ROOT / 'docs' / 'man')}" for path in (ROOT / "docs" / "man").glob("man?/*")}
    assert {"share/man/man1/pycompose.1", "share/man/man1/pycompose-up.1", "share/man/man8/pycompose-engine.8"} <= pages
    assert pages <= packed


def test_the_installed_programs_start_from_anywhere(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=False, symlinks=True)
    (site_packages,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    # The dependencies are those of this environment; only pycompose itself comes from the wheel.
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(tmp_path / "venv"),
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
    ]
    subprocess.run([*pip, str(wheel)], check=True, capture_output=True)
    (site_packages / "dependencies.pth").write_text(
        "\n".join(path for path in sys.path if path.endswith("site-packages"))
    )
    # A folder of the user's own with one of our names must not get in the way.
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "__init__.py").write_text("raise SystemExit('the wrong engine')")
    for program, option in (("pycompose", "--version"), ("pycompose-engine", "--help")):
        command = [str(tmp_path / "venv" / "bin" / program), option]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.strip()


# Where a package is not imported by its distribution's name.
DISTRIBUTIONS = {"google": "protobuf", "yaml": "pyyaml"}
OURS = {"compose", "engine", "pycompose", "schemas"}
# What only type checkers import.
TYPES = {"_typeshed"}


def imported() -> set[str]:
    """The distributions that the program imports, wherever in its code."""
    found: set[str] = set()
    for package in sorted(OURS):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Import):
                    found |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module:
                    found.add(node.module.partition(".")[0])
    return {DISTRIBUTIONS.get(name, name) for name in found - OURS - TYPES - sys.stdlib_module_names}


def test_what_is_imported_is_depended_on_and_nothing_else() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    declared = {re.split(r"[^A-Za-z0-9_-]", text, maxsplit=1)[0] for text in project["dependencies"]}
    assert imported() == declared
