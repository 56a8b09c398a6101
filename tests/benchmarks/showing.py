"""What stands between a study in the library and its pictures: display sets, and the page of a long report."""

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from figures import Figures, Target
from pydicom.dataset import Dataset

from desktop.app import App
from desktop.dicom.items import Item
from desktop.displaysets.registry import make_display_sets
from desktop.documents.document import make_document
from desktop.library.instances import read_instances
from desktop.paths import find_paths
from desktop.services.importing import ImportAsk
from desktop.services.viewing import Viewing

ITEMS = 5000
_SETS, _PAGE = Target(20, least=False), Target(300, least=False)
_TIMES = 5


def measure_showing(figures: Figures, work: Path, folder: Path, runs: int) -> None:
    """Make the display sets of the study in ``folder``, all one series, and the page of a report."""
    with App(find_paths(work / "shown").make()) as app:
        (uid,) = app.importing.start(ImportAsk((str(folder),))).wait().studies
        instances = list(read_instances(app.store.reader(), uid))
        for _ in range(runs * _TIMES):
            name = f"display sets of a series of {len(instances):,}"
            figures.add(name, milliseconds(lambda: make_display_sets(instances)), "ms", _SETS)
            # One that remembers nothing.
            viewing = Viewing(app.store, app.presence)
            figures.add(f"{name}, read from the library", milliseconds(partial(viewing.display_sets, uid)), "ms")
    report = make_report(ITEMS)
    for _ in range(runs):
        figures.add(f"page of a report of {ITEMS:,} items", milliseconds(lambda: make_page(report)), "ms", _PAGE)


def make_page(report: Item) -> None:
    """Make the page of a report."""
    make_document(report, lambda uri: b"")


def make_report(items: int) -> Item:
    """Return a Basic Text SR of some sections of ten texts each."""
    ds = Dataset()
    ds.SOPClassUID, ds.Modality, ds.ValueType = "1.2.840.10008.5.1.4.1.1.88.11", "SR", "CONTAINER"
    ds.ConceptNameCodeSequence = [_code("Report")]
    ds.ContentSequence = [_section(number) for number in range(items // 11)]
    return Item(json.loads(ds.to_json()))


def _section(number: int) -> Dataset:
    section = _item("CONTAINER", f"Section {number}")
    section.ContentSequence = [_item("TEXT", f"Finding {place}", TextValue="No finding. " * 5) for place in range(10)]
    return section


def _item(value_type: str, name: str, **attributes: Any) -> Dataset:
    ds = Dataset()
    ds.RelationshipType, ds.ValueType = "CONTAINS", value_type
    ds.ConceptNameCodeSequence = [_code(name)]
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


def _code(meaning: str) -> Dataset:
    ds = Dataset()
    ds.CodeValue, ds.CodingSchemeDesignator, ds.CodeMeaning = "121071", "DCM", meaning
    return ds


def milliseconds(task: Callable[[], Any]) -> float:
    """Return how long a task takes."""
    started = time.perf_counter()
    task()
    return (time.perf_counter() - started) * 1000
