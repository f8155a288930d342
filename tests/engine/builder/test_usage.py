"""How much of the build cache may stay."""

from __future__ import annotations

import pytest

from engine.builder.usage import Bounds


@pytest.mark.parametrize(
    ("bounds", "free_bytes", "kept_bytes"),
    [
        (Bounds(), 0, 0),
        (Bounds(most=60), 0, 60),
        (Bounds(reserved=30), 0, 30),
        (Bounds(most=60, reserved=80), 0, 80),
        (Bounds(least_free=50), 50, 100),
        (Bounds(least_free=50), 40, 90),
        (Bounds(least_free=50), 0, 50),
        (Bounds(most=60, least_free=50), 40, 60),
        (Bounds(most=60, least_free=50), 0, 50),
        (Bounds(reserved=70, least_free=50), 0, 70),
    ],
)
def test_of_100_bytes_stays_what_the_bounds_allow_together(bounds: Bounds, free_bytes: int, kept_bytes: int) -> None:
    assert bounds.kept_bytes(100, free_bytes) == kept_bytes
