"""Handlers of OHIF 1 and 2, and handlers of other packages."""

import json
import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any

import pytest
from builders import make_context, make_instances
from pydicom import uid

from desktop.dicom.records import Instance, SeriesContext
from desktop.displaysets.legacy import LegacyHandler, adapt
from desktop.displaysets.model import DisplaySet, View, make_display_set
from desktop.displaysets.modes import MODES, with_handlers
from desktop.displaysets.plugins import find_plugins
from desktop.displaysets.registry import make_display_sets


class HtmlHandler:
    """As OHIF 2's ``dicom-html`` was written."""

    id = "OHIFDicomHtmlSopClassHandler"
    sopClassUIDs = (uid.BasicTextSRStorage, uid.EnhancedSRStorage)  # noqa: N815

    def getDisplaySetFromSeries(  # noqa: N802
        self,
        series: Any,
        study: Any,
        dicomWebClient: Any,  # noqa: N803
        authorizationHeaders: Any,  # noqa: N803
    ) -> dict[str, Any]:
        instance = series.getFirstInstance()
        return {
            "plugin": "html",
            "displaySetInstanceUID": "0a1b-random",
            "wadoRoot": study.getData()["wadoRoot"],
            "wadoUri": instance.getData()["wadouri"],
            "SOPInstanceUID": instance.getSOPInstanceUID(),
            "SeriesInstanceUID": series.getSeriesInstanceUID(),
            "StudyInstanceUID": study.getStudyInstanceUID(),
            "authorizationHeaders": authorizationHeaders,
            "callback": print,
        }


def reports(count: int = 1) -> list[Instance]:
    return make_instances(count, SOPClassUID=uid.BasicTextSRStorage, Rows=None, has_pixels=False, Modality="SR")


def test_a_handler_of_ohif_2_gives_sets_of_both_shapes() -> None:
    mode = with_handlers(MODES["viewer"], [adapt(HtmlHandler())])
    (made,) = make_display_sets(reports(), mode)
    assert (made.plugin, made.view, made.Modality) == ("html", View.DOCUMENT, "SR")
    assert made.SOPClassHandlerId == "@negatoscope/desktop.sopClassHandlerModule.OHIFDicomHtmlSopClassHandler"
    said = json.loads(json.dumps(made.to_json()))
    assert said["plugin"] == "html"
    assert said["wadoRoot"] == "/dicom-web"
    assert said["wadoUri"] == "/dicom-web/studies/1.2/series/1.2.3/instances/1.1"
    assert said["SOPInstanceUID"] == "1.1"
    assert said["authorizationHeaders"] == {}
    assert "callback" not in said
    assert said["displaySetInstanceUID"] == make_display_sets(reports(), mode)[0].displaySetInstanceUID, "stable"
    assert said["instances"] == ["1.1"]


def test_what_the_one_set_leaves_goes_to_the_next_handler() -> None:
    sets = make_display_sets(reports(3), with_handlers(MODES["viewer"], [adapt(HtmlHandler())]))
    assert [made.plugin for made in sets] == ["html", "", ""]
    assert [len(made.instances) for made in sets] == [1, 1, 1]


def test_handlers_may_be_mappings_and_may_make_nothing() -> None:
    handler = adapt({"sopClassUids": [uid.BasicTextSRStorage], "getDisplaySetFromSeries": lambda *_: None}, "nothing")
    assert handler.id == "@negatoscope/desktop.sopClassHandlerModule.nothing"
    assert handler.sop_class_uids == {uid.BasicTextSRStorage}
    assert handler.get_display_sets_from_series(reports()) == []


def test_a_set_that_names_no_instance_has_all() -> None:
    handler = adapt({"sopClassUids": [], "getDisplaySetFromSeries": lambda *_: {"plugin": "x", "numImageFrames": 7}})
    (made,) = handler.get_display_sets_from_series(reports(3))
    assert (len(made.instances), made.plugin, made.numImageFrames) == (3, "x", 0)


def test_the_facades_answer_as_in_ohif_2() -> None:
    seen: dict[str, Any] = {}

    def handle(series: Any, study: Any, *_: Any) -> None:
        seen["count"] = series.getInstanceCount()
        seen["last"] = series.getInstanceByIndex(1).getSOPInstanceUID()
        seen["none"] = series.getInstanceByIndex(2)
        seen["numbers"] = []
        series.forEachInstance(lambda one, index: seen["numbers"].append((index, one.getData()["InstanceNumber"])))
        first = series.getFirstInstance()
        seen["tags"] = [first.getTagValue(tag, "?") for tag in ("Modality", "x00100010", "00100020", "NoSuch", "Rows")]
        seen["description"] = (series.getData()["SeriesDescription"], study.getData()["StudyDescription"])

    def find(instance_uid: str) -> dict[str, Any]:
        return {"00100010": {"vr": "PN", "Value": [instance_uid]}, "00080060": {"vr": "CS", "Value": ["SR"]}}

    context = make_context(SeriesDescription="Text")
    instances = make_instances(2, Rows=5, context=SeriesContext(context.study, context.series, find))
    LegacyHandler({"getDisplaySetFromSeries": handle}, "x").get_display_sets_from_series(instances)
    assert seen == {
        "count": 2,
        "last": "1.2",
        "none": None,
        "numbers": [(0, 1), (1, 2)],
        "tags": ["SR", "1.1", "?", "?", 5],
        "description": ("Text", ""),
    }


class Modern:
    """A handler of today, as another package would have it."""

    name = "theirs"
    id = "their.extension.sopClassHandlerModule.theirs"
    sop_class_uids = frozenset({uid.CTImageStorage})

    def get_display_sets_from_series(self, instances: Sequence[Instance]) -> list[DisplaySet]:
        return [make_display_set(self.id, instances)]


MODERN = Modern()
LEGACY = HtmlHandler()
BOTH = [Modern, LEGACY]
NONSENSE = 7


def make() -> list[Any]:
    return [MODERN]


def broken() -> None:
    raise RuntimeError("no")


@pytest.fixture(autouse=True)
def as_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """Entry points are loaded by the name of their module."""
    module = ModuleType("other_package")
    names = ("MODERN", "LEGACY", "BOTH", "NONSENSE", "make", "broken", "Modern")
    module.__dict__.update({name: globals()[name] for name in names})
    monkeypatch.setitem(sys.modules, "other_package", module)


def other(name: str) -> EntryPoint:
    return EntryPoint(name, f"other_package:{name}", "negatoscope.sop_class_handlers")


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("MODERN", [Modern.id]),
        ("Modern", [Modern.id]),
        ("make", [Modern.id]),
        ("LEGACY", ["@negatoscope/desktop.sopClassHandlerModule.OHIFDicomHtmlSopClassHandler"]),
        ("BOTH", [Modern.id, "@negatoscope/desktop.sopClassHandlerModule.OHIFDicomHtmlSopClassHandler"]),
    ],
)
def test_handlers_of_other_packages(name: str, ids: list[str]) -> None:
    handlers, failed = find_plugins([other(name)])
    assert [handler.id for handler in handlers] == ids
    assert failed == []


def test_they_are_asked_first() -> None:
    handlers, _ = find_plugins([other("make")])
    (made,) = make_display_sets(make_instances(3), with_handlers(MODES["viewer"], handlers))
    assert made.SOPClassHandlerId == Modern.id


def test_what_cannot_be_loaded_is_named_and_the_others_work() -> None:
    handlers, failed = find_plugins([other("NONSENSE"), other("missing"), other("broken"), other("MODERN")])
    assert [handler.id for handler in handlers] == [Modern.id]
    assert failed == ["NONSENSE", "broken", "missing"]


def test_none_are_installed_here() -> None:
    assert find_plugins() == ([], [])
