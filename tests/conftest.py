"""Switches and fixtures for the whole suite."""

from __future__ import annotations

import os
import re
import signal
import urllib.error
import urllib.request
from pathlib import Path

import hypothesis
import pytest

from tests.fakes.places import apart

# A busy machine is no mistake, so no example is too slow; every run tries the same ones and so tells the same.
hypothesis.settings.register_profile("suite", deadline=None, derandomize=True, max_examples=50, database=None)
hypothesis.settings.load_profile("suite")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--root", action="store_true", help="run the tests that need root and a real kernel")
    parser.addoption("--net", action="store_true", help="run the tests that need the image registry of the tests")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--root") and os.geteuid() != 0:
        raise pytest.UsageError("--root was asked for, but this is not root")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell starts what runs in the background so, and the programs that tests interrupt would inherit it.
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without their switch the costly kinds are not part of the run at all, so nothing counts as skipped."""
    off = {kind for kind in ("root", "net") if not config.getoption(f"--{kind}")}
    left_out = [item for item in items if any(item.get_closest_marker(kind) for kind in off)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As pytest's own, and below it an engine meets no other test's in the kernel."""
    # As short as pytest makes it: a unix socket's path has room for 107 bytes.
    return apart(tmp_path_factory.getbasetemp(), re.sub(r"\W", "_", request.node.name)[:30])


@pytest.fixture
def anyio_backend() -> str:
    """The engine and the client run on anyio's asyncio backend only."""
    return "asyncio"


@pytest.fixture(scope="session")
def image_registry() -> str:
    """The address of a registry that has the tests' images as `library/…`: a mirror of docker.io (see tests/images)."""
    address = os.environ.get("PYCOMPOSE_TEST_REGISTRY", "http://127.0.0.1:5000")
    try:
        urllib.request.urlopen(f"{address}/v2/", timeout=60).close()
    except (urllib.error.URLError, OSError) as error:
        pytest.fail(f"--net was asked for, but no registry answers at {address} ({error}); `make test` starts one")
    return address
