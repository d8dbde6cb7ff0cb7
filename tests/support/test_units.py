import pytest

from tfnas.errors import SettingsError
from tfnas.support.units import BYTES, COUNTS, MILLISECONDS, ms_text, parse_quantity


@pytest.mark.parametrize(
    ("text", "units", "value"),
    [
        ("2ms", MILLISECONDS, 2),
        ("800us", MILLISECONDS, 0.8),
        ("1.5 s", MILLISECONDS, 1500),
        ("50k", COUNTS, 50_000),
        ("1.2M", COUNTS, 1_200_000),
        ("12345", COUNTS, 12345),
        ("1e4", COUNTS, 10_000),
        ("60KiB", BYTES, 61_440),
        ("1MiB", BYTES, 1_048_576),
        ("60kB", BYTES, 60_000),
        ("2MB", BYTES, 2_000_000),
        ("512B", BYTES, 512),
        (" .5 KiB ", BYTES, 512),
        ("100", BYTES, 100),
    ],
)
def test_quantities_are_read(text, units, value):
    assert parse_quantity(text, units) == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "units", "message"),
    [
        ("2", MILLISECONDS, "'2' has no unit; write one of: us, ms, s"),
        ("2min", MILLISECONDS, "has unit 'min'; write one of: us, ms, s"),
        ("2KiB", MILLISECONDS, "has unit 'KiB'"),
        ("50K", COUNTS, "has unit 'K'; write one of: none, k, M"),
        ("60kib", BYTES, "has unit 'kib'"),
        ("-1ms", MILLISECONDS, "is no number with a unit"),
        ("ms", MILLISECONDS, "is no number with a unit"),
        ("nanms", MILLISECONDS, "is no number with a unit"),
        ("1ms2", MILLISECONDS, "is no number with a unit"),
        ("0ms", MILLISECONDS, "must be a finite number above 0"),
        ("1e999ms", MILLISECONDS, "must be a finite number above 0"),
    ],
)
def test_what_is_no_quantity_is_refused_with_the_units_there_are(text, units, message):
    with pytest.raises(SettingsError, match=message):
        parse_quantity(text, units)


@pytest.mark.parametrize(
    ("ms", "text"),
    [(0.0086734, "0.00867"), (0.087, "0.0870"), (0.3514, "0.351"), (2.0, "2.000")],
)
def test_milliseconds_show_three_digits_that_count(ms, text):
    assert ms_text(ms) == text
    assert ms_text(0.0) == "0.000"
