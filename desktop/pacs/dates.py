"""Dates as they are typed, and as they are searched for (PS3.4 §C.2.2.2.5)."""

import calendar
import re
from datetime import date, timedelta

_PAST = re.compile(r"-(\d{1,4})([dwmy])")
_RANGE = re.compile(r"(.*?)(?:\.\.|(?<=\d{8})-(?!\d{1,2}-)|(?<=-\d\d)-(?=\d{4}-)|^-(?=\d{8}$))(.*)")
_DAY = re.compile(r"(\d{4})(?:-?(\d{2})(?:-?(\d{2}))?)?")

SYNTAX = (
    "2026-01-31, 20260131, 2026-01, 2026, 2026-01-01..2026-01-31, 20260101-20260131, 2026-01-01.., today, yesterday, "
    "-7d, -2w, -3m or -1y"
)
"""What can be typed."""


def parse_dates(text: str, today: date) -> str:
    """Return what is typed as a DA value or range, such as ``20260101-20260131``; empty for nothing.

    ``-7d`` is today and the seven days before.

    Raises:
        ValueError: it is no date; the sentence says what is one.
    """
    text = text.strip().lower()
    if not text:
        return ""
    try:
        if text in ("today", "yesterday"):
            return _da(today - timedelta(days=text == "yesterday"))
        if past := _PAST.fullmatch(text):
            return f"{_da(_back(today, int(past[1]), past[2]))}-{_da(today)}"
        if between := _RANGE.fullmatch(text):
            return _range(between[1].strip(), between[2].strip(), today)
        first, last = _days(text, today)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is no date. Write it as {SYNTAX}.") from error
    return _da(first) if first == last else f"{_da(first)}-{_da(last)}"


def _range(low: str, high: str, today: date) -> str:
    first = _da(_days(low, today)[0]) if low else ""
    last = _da(_days(high, today)[1]) if high else ""
    if not (first or last) or (first and last and first > last):
        raise ValueError
    return f"{first}-{last}"


def _days(text: str, today: date) -> tuple[date, date]:
    """Return the first and the last day of a day, a month or a year."""
    if text in ("today", "yesterday"):
        day = today - timedelta(days=text == "yesterday")
        return day, day
    found = _DAY.fullmatch(text)
    if found is None or not text.isascii():
        raise ValueError
    year, month, day_of_month = (int(part) if part else None for part in found.groups())
    assert year is not None
    first = date(year, month or 1, day_of_month or 1)
    if day_of_month:
        return first, first
    last_month = month or 12
    return first, date(year, last_month, calendar.monthrange(year, last_month)[1])


def _back(today: date, count: int, unit: str) -> date:
    if unit in "dw":
        return today - timedelta(days=count * (7 if unit == "w" else 1))
    months = today.year * 12 + today.month - 1 - count * (12 if unit == "y" else 1)
    year, month = divmod(months, 12)
    return date(year, month + 1, min(today.day, calendar.monthrange(year, month + 1)[1]))


def _da(day: date) -> str:
    return f"{day:%Y%m%d}" if day.year >= 1000 else f"{day.year:04}{day:%m%d}"
