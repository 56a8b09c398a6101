"""Radiation dose reports (PS3.16 TID 10001, 10011, 10021, 10030, 10040).

Numbers stand with the units that they were stored in; nothing is converted or summed up.
"""

from collections.abc import Sequence
from operator import itemgetter
from typing import NamedTuple

from markupsafe import Markup

from .content import Node
from .fields import ROW_LIMIT, table
from .formatting import format_code, join_few
from .html import Child, element, join
from .model import Subject, View
from .page import more, note, section
from .reports import show_context, show_documents, show_flags, show_people, show_whole_tree, split_root
from .values import measured, value_text

_ACCUMULATED = ("113702", "113811", "130500")
"""Accumulated X-Ray Dose Data, CT Accumulated Dose Data, Accumulated Dose Data."""

_PLANE = "113764"
_CONTAINERS = 8
"""Accumulations that are shown: there are one or two, of which each has a plane."""

_TOTALS = {
    "113813": "DLP total",
    "113722": "Dose area product",
    "113725": "Dose (RP) total",
    "111637": "Average glandular dose",
    "113814": "Effective dose",
    "113730": "Fluoroscopy time",
    "113507": "Administered activity",
    "113812": "Irradiation events",
}
"""What is told at a glance."""


class Column(NamedTuple):
    """A column of a table of events: its head, and the Concept Names of what stands in it."""

    head: str
    names: tuple[str, ...]


class Events(NamedTuple):
    """Events of one kind: what their containers are named, what they are called, and what is told of them."""

    names: tuple[str, ...]
    heading: str
    columns: tuple[Column, ...]


def _columns(text: str) -> tuple[Column, ...]:
    parts = (line.strip().split(": ") for line in text.strip().splitlines())
    return tuple(Column(head, tuple(names.split())) for head, names in parts)


_EVENTS = (
    Events(
        ("113819",),
        "CT acquisitions",
        _columns(
            """
            Protocol: 125203
            Type: 113820
            Region: 123014
            CTDIvol: 113830
            DLP: 113838
            Phantom: 113835
            SSDE: 113930
            Effective dose: 113839
            Tube voltage: 113733
            Current: 113734
            Maximum current: 113833
            Modulation: 113842
            Pitch: 113828
            Scan length: 113825
            Exposure time: 113824
            Time per rotation: 113834
            Single collimation: 113826
            Total collimation: 113827
            Procedure context: G-C32C 408730004
            Comment: 121106
            """
        ),
    ),
    Events(
        ("113706", "130501"),
        "Irradiation events",
        _columns(
            """
            Started: 111526
            Type: 113721
            Protocol: 125203
            Plane: 113764
            Region: 123014
            View: 111031
            Laterality: G-C171 272741003
            DAP: 122130
            Dose (RP): 113738
            Average glandular dose: 111631
            Entrance exposure: 111636
            Tube voltage: 113733
            Current: 113734
            Exposure time: 113735 113824
            Exposure: 113736
            Duration: 113742
            Pulses: 113768
            Pulse rate: 113791
            Frames: 121140 113731
            Fluoro mode: 113732
            Primary angle: 112011
            Secondary angle: 112012
            Source to detector: 113750
            Field area: 113790
            Focal spot: 113766
            Filter: 113757
            Anode: 111632
            Compression: 111633
            Compression force: 111647
            Half value layer: 111634
            Exposure index: 113845
            Deviation index: 113847
            Comment: 121106
            """
        ),
    ),
    Events(
        ("113502",),
        "Administrations of radiopharmaceuticals",
        _columns(
            """
            Agent: F-61FDB 349358000
            Radionuclide: C-10072 89457008
            Administered activity: 113507
            Before: 113508
            After: 113509
            Half life: R-42806 304283002
            Started: 123003
            Ended: 123004
            Route: G-C340 410675002
            Site: G-C581 272737002
            Laterality: G-C171 272741003
            Volume: 123005 118565006 G-D701
            Effective dose: 113839 121412
            Extravasated activity: 113506
            Lot: 113512
            """
        ),
    ),
    Events(
        ("113517",),
        "Organ doses",
        _columns(
            """
            Organ: 363698007 G-C0E3
            Laterality: 272741003 G-C171
            Dose: 113518
            Mass: 113519
            Method: 113516 121401 370129005
            """
        ),
    ),
)


def show_dose(subject: Subject) -> View:
    """Show totals, then a table of all events."""
    root = Node(subject.item)
    context, _ = split_root(root)
    nodes = list(root.walk())
    accumulated = [node for node in nodes if node.name.value in _ACCUMULATED]
    tables = [made for events in _EVENTS if (made := _show_events(events, nodes))]
    totals = _show_totals(nodes)
    body = join(
        (
            show_flags(subject.item),
            totals,
            _show_accumulated(accumulated),
            tables,
            None
            if totals or tables
            else note("The report has neither totals nor events in the form that the standard gives."),
            show_people(subject.item),
            show_documents(subject.item, subject.links),
            show_context(context, subject.links),
            show_whole_tree(root, subject.links),
        )
    )
    return View(body, format_code(root.name))


def _show_totals(nodes: Sequence[Node]) -> Markup | None:
    """Show what matters most in large letters, with the plane where there are two."""
    boxes: list[tuple[int, Markup]] = []
    order = list(_TOTALS)
    for parent in nodes:
        if parent.name.value not in (*_ACCUMULATED, "113502"):
            continue
        plane = parent.first(_PLANE)
        for node in parent.children:
            label = _TOTALS.get(node.name.value)
            if label is None or node.value_type != "NUM" or len(boxes) >= 24:
                continue
            number, units = measured(node.item)
            value = element("div", number, " ", element("span", units, class_="unit"), class_="value")
            where = f", {format_code(plane.code)}" if plane and plane.code.value != "113890" else ""
            box = element("div", value, element("div", label + where, class_="label"))
            boxes.append((order.index(node.name.value), box))
    shown = [box for _, box in sorted(boxes, key=itemgetter(0))]
    return element("div", shown, class_="big") if shown else None


def _show_accumulated(containers: Sequence[Node]) -> Markup | None:
    """Show all that was accumulated: one column for each container, which are the planes of projection X-ray."""
    hidden = more(len(containers) - _CONTAINERS, "accumulations")
    containers = containers[:_CONTAINERS]
    cells: dict[tuple[str, str], list[str]] = {}
    for at, container in enumerate(containers):
        for node in container.walk():
            if node is container or not (text := value_text(node)):
                continue
            found = cells.setdefault((node.name.value, format_code(node.name)), [""] * len(containers))
            found[at] = f"{found[at]}; {text}" if found[at] else text
    rows: list[list[Child]] = [[name, *values] for (_, name), values in cells.items()]
    heads = ["", *[_plane_name(node) if len(containers) > 1 else "" for node in containers]]
    made = table(heads, rows, "rows")
    return section("Accumulated dose", made, hidden) if made else None


def _plane_name(node: Node) -> str:
    plane = node.first(_PLANE)
    return format_code(plane.code) if plane else format_code(node.name)


def _show_events(events: Events, nodes: Sequence[Node]) -> Markup | None:
    """Return a table with a row an event. Units stand in the head where all rows have the same."""
    found = [node for node in nodes if node.name.value in events.names and _is_event(node)]
    if not found:
        return None
    known = {name for column in events.columns for name in column.names}
    read = [_read_event(node, known) for node in found[:ROW_LIMIT]]
    heads: list[Child] = ["#"]
    columns: list[list[Child]] = [[str(number) for number in range(1, len(read) + 1)]]
    for column in events.columns:
        values = [[value for name in column.names for value in event.get(name, [])] for event in read]
        units = {unit for cell in values for _, unit in cell}
        shared = units.pop() if len(units) == 1 else None
        heads.append(join((column.head, element("span", f" [{shared}]", class_="unit"))) if shared else column.head)
        columns.append([_cell(cell, with_units=shared is None) for cell in values])
    rows = list(zip(*columns, strict=True))
    heading = join((events.heading, element("small", f" {len(found):,}")))
    return section(heading, table(heads, rows, "events", len(found) - len(read)))


def _is_event(node: Node) -> bool:
    return node.value_type == "CONTAINER" or bool(node.children)


def _read_event(event: Node, known: set[str]) -> dict[str, list[tuple[str, str]]]:
    """Return what an event tells: name → numbers or texts with their units."""
    told: dict[str, list[tuple[str, str]]] = {}
    for node in event.walk():
        if node.name.value in known:
            pair = measured(node.item) if node.value_type == "NUM" else (value_text(node), "")
            if pair[0] and pair not in told.setdefault(node.name.value, []):
                told[node.name.value].append(pair)
    return told


def _cell(values: Sequence[tuple[str, str]], *, with_units: bool) -> str:
    return join_few([f"{number} {unit}" if with_units and unit else number for number, unit in values], 6)
