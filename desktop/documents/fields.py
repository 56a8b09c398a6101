"""Tables of what is shown, and how rows and columns are made of them."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from markupsafe import Markup

from ..dicom.items import Item
from .formatting import format_element
from .html import Child, clip, element
from .page import IN_ALL_ELEMENTS, facts, more

ROW_LIMIT = 2000
"""Rows of one table that are shown."""

CELL_LIMIT = 2000
"""Characters of one cell that are shown."""


_NUMBER = re.compile(r"[-+]?\d+(\.\d*)?(e[-+]?\d+)?( (MU|MV|MeV|mm|s|ms|Gy|mGy|cGy|%|\u00b0|min|mA|kV|cm))?", re.ASCII)


class Field(NamedTuple):
    """One thing to show.

    Attributes:
        label: what it is called.
        keyword: of the attribute; with ``/`` between them, of attributes in first items of sequences.
        unit: that the standard gives the attribute.
        show: makes the text instead of :func:`.formatting.format_element`.
    """

    label: str
    keyword: str
    unit: str = ""
    show: Callable[[Item], Child] | None = None


def read(field: Field, item: Item) -> Child:
    """Return what a field has in an item; an empty text if it has nothing."""
    if field.show is not None:
        return field.show(item)
    *steps, last = field.keyword.split("/")
    for step in steps:
        item = item.item(step)
    text = format_element(item, last)
    if not text:
        return ""
    return clip(f"{text} {field.unit}" if field.unit else text, CELL_LIMIT)


def gather(fields: Sequence[Field], item: Item) -> Iterator[tuple[str, Child]]:
    """Yield label and value of those fields that have one."""
    for field in fields:
        value = read(field, item)
        if value:
            yield field.label, value


def fact_list(fields: Sequence[Field], item: Item) -> Markup | None:
    """Return names and values of those fields that have one; None if none has."""
    return facts(list(gather(fields, item)))


def field_table(fields: Sequence[Field], items: Sequence[Item], noun: str, how: Child = None) -> Markup | None:
    """Return a table with a row for each item, without the columns that are empty; None without items.

    Units stand in the head of their column.
    """
    bare = [field._replace(unit="") for field in fields]
    heads = [f"{field.label} [{field.unit}]" if field.unit else field.label for field in fields]
    rows = [[read(field, item) for field in bare] for item in items[:ROW_LIMIT]]
    return table(heads, rows, noun, len(items) - len(rows), how)


def table(
    heads: Sequence[Child], rows: Sequence[Sequence[Child]], noun: str, hidden: int = 0, how: Child = None
) -> Markup | None:
    """Return a table without the columns that are empty; None without rows.

    Args:
        rows: as many cells each as there are heads; numbers are set to the right.
        noun: what the rows are, in plural.
        hidden: rows that are not shown.
        how: how to see those.
    """
    hidden += max(0, len(rows) - ROW_LIMIT)
    rows = rows[:ROW_LIMIT]
    used = [at for at in range(len(heads)) if any(row[at] for row in rows)]
    if not used:
        return None
    numeric = {at for at in used if all(_is_number(row[at]) for row in rows)}
    head = element("tr", [_cell("th", heads[at], at in numeric, scope="col") for at in used])
    body = [element("tr", [_cell("td", row[at], at in numeric) for at in used]) for row in rows]
    made = element("table", element("thead", head), element("tbody", body))
    return element("div", made, more(hidden, noun, how or IN_ALL_ELEMENTS), class_="scroll")


def _cell(tag: str, value: Child, number: bool, **attributes: str) -> Markup:
    length = len(value) if tag == "td" and isinstance(value, str) and not isinstance(value, Markup) else 30
    kind = "number" if number else "wide" if length > 40 else "short" if length <= 24 else None
    return element(tag, value, class_=kind, **attributes)


def _is_number(value: Child) -> bool:
    if not value:
        return True
    if isinstance(value, int | float):
        return True
    if not isinstance(value, str):
        return False
    return _NUMBER.fullmatch(value.strip()) is not None
