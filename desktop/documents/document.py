"""Makes the page of an object, whatever it is."""

import math
from collections.abc import Callable

from ..dicom.items import Item, ReadBulk
from .cad import show_cad
from .cda import show_cda
from .dose import show_dose
from .fiducials import show_fiducials
from .html import Child, clip, element, shorten
from .key_objects import show_key_objects
from .kinds import choose_kind
from .model import Document, Subject, View
from .overview import class_name, make_bar, study_facts
from .page import facts, make_page, note
from .realworld import show_mappings
from .references import FindServed, Links
from .registration import show_registration
from .reports import show_report
from .rtdoses import show_rt_dose
from .rtplan import show_plan
from .rtrecords import show_record
from .rtstructures import show_structures
from .structured import show_structured
from .surfacepages import show_surface
from .tags import make_foot, show_tags
from .texts import show_text
from .waveforms import show_waveform

MAKERS: dict[str, Callable[[Subject], View]] = {
    "report": show_report,
    "cad": show_cad,
    "dose": show_dose,
    "key-objects": show_key_objects,
    "rt-plan": show_plan,
    "rt-record": show_record,
    "rt-structures": show_structures,
    "rt-dose": show_rt_dose,
    "structured": show_structured,
    "registration": show_registration,
    "fiducials": show_fiducials,
    "real-world-values": show_mappings,
    "waveform": show_waveform,
    "cda": show_cda,
    "text": show_text,
    "surface": show_surface,
    "tags": show_tags,
}
"""Kind → what makes the part of a page that is of that kind alone."""


def make_document(
    item: Item, read_bulk: ReadBulk, kind: str | None = None, find_served: FindServed = lambda uid: uid
) -> Document:
    """Make the page of an object.

    Broken and missing values are left out or said to be so; a page is made in any case.

    Args:
        item: the data set, texts decoded.
        read_bulk: is asked for values that are not in ``item``; what it raises is said in the page.
        kind: a key of :data:`MAKERS`, if not what the object's class says. A number behind a colon is where a long
            page begins: ``waveform:30`` at 30 s. Links of class ``view`` carry such kinds. One that is unknown is
            ``tags``.
        find_served: is asked where instances are that the object refers to.
    """
    name, _, place = (kind or choose_kind(item)).partition(":")
    words: Child = None
    if name not in MAKERS:
        words = note(f"There is no view that is called \u201c{shorten(name)}\u201d; here are all elements.", "warning")
        name = "tags"
    links = Links(item, find_served)
    view = MAKERS[name](Subject(item, read_bulk, links, _start(place)))
    title = shorten(view.title or class_name(item), 200)
    head = element("header", element("h1", clip(title)), facts([*study_facts(item), *view.facts]))
    foot = None if name == "tags" else make_foot(item)
    html = make_page(
        f"{title} \u2013 {class_name(item)}", make_bar(item), head, words, _say_absent(links), view.body, foot
    )
    return Document(title, html, name, tuple(links.made))


def _say_absent(links: Links) -> Child:
    absent, whole = len(links.absent), len({reference.SOPInstanceUID for reference in links.made})
    if not absent:
        return None
    be = "is" if absent == 1 else "are"
    return note(f"Of the instances that it refers to, {absent:,} of {whole:,} {be} not here.", "warning")


def _start(place: str) -> float:
    try:
        start = float(place) if place else 0.0
    except ValueError:
        return 0.0
    return start if math.isfinite(start) and start > 0 else 0.0
