from __future__ import annotations

import math

import pytest

from compose.model.numbers import is_integer, parse_float, signed, single_precision, unsigned


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1", 1.0),
        ("-1.5", -1.5),
        ("+.5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("1_000", 1000.0),
        ("0x1p4", 16.0),
        ("0X1P-2", 0.25),
        ("0x_1.8p0", 1.5),
        ("inf", math.inf),
        ("-Infinity", -math.inf),
    ],
)
def test_a_number_is_read_in_every_form_that_the_reference_knows(text: str, number: float) -> None:
    assert parse_float(text) == number


def test_not_a_number_is_a_number_without_a_sign() -> None:
    assert math.isnan(parse_float("NaN"))


@pytest.mark.parametrize(
    "text", ["", ".", " 1", "1 ", "1__0", "_1", "0x10", "1e400", "0x1p99999", "+nan", "1,5", "\u0661", "x"]
)
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a number"):
        parse_float(text)


@pytest.mark.parametrize(
    ("number", "kept"),
    [
        (5, 5),
        (2**63 - 1, 2**63 - 1),
        (2**63, -(2**63)),
        (2**64 - 1, -1),
        (1.9, 1),
        (-1.9, -1),
        (1e19, -(2**63)),
        (-1e300, -(2**63)),
        (math.inf, -(2**63)),
        (math.nan, -(2**63)),
    ],
)
def test_an_integer_is_kept_in_64_bits(number: float, kept: int) -> None:
    assert signed(number) == kept


@pytest.mark.parametrize(
    ("number", "bits", "kept"),
    [
        (5, 16, 5),
        (65536, 16, 0),
        (2**63 - 1, 16, 65535),
        (2**63 - 1, 32, 2**32 - 1),
        (1e18, 32, 2808348672),
        (2**64 - 1, 64, 2**64 - 1),
        (1e20, 64, 2**63),
        (math.nan, 64, 2**63),
        (0.9, 64, 0),
    ],
)
def test_an_integer_without_a_sign_is_kept_in_its_bits(number: float, bits: int, kept: int) -> None:
    assert unsigned(number, bits) == kept


@pytest.mark.parametrize("number", [-1, -0.5, -math.inf])
def test_a_number_below_zero_has_no_form_without_a_sign(number: float) -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        unsigned(number, 64)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(5, True), (2**63 - 1, True), (-(2**63), True), (2**63, False), (1.0, False), (True, False), ("5", False)],
)
def test_an_integer_of_the_document_fits_into_64_bits(value: object, expected: bool) -> None:
    assert is_integer(value) is expected


@pytest.mark.parametrize("value", [0.1, 0.5, 1.5, 0.001, 16.25])
def test_single_precision_keeps_the_digits_that_people_write(value: float) -> None:
    assert single_precision(value) == value
    assert single_precision(value + 1e-12) == value


@pytest.mark.parametrize(("value", "kept"), [(16777217, 16777216), (2**63 - 1, 9.223372e18), (1e-46, 0), (-1e-46, 0)])
def test_single_precision_loses_what_32_bits_cannot_hold(value: float, kept: float) -> None:
    assert single_precision(value) == kept


def test_single_precision_has_an_end() -> None:
    with pytest.raises(ValueError, match="too large"):
        single_precision(3.5e38)
