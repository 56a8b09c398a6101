"""The display sets in OHIF are those that the program has planned, and OHIF's own but for what the guide says."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import ROOT
from playwright.sync_api import Browser
from server.asking import Served
from viewer import differences
from viewer.browsing import Viewer
from viewer.differences import find_kinds

from desktop.settings import DataSource

GUIDE = ROOT / "resources" / "guide" / "display-sets.md"


def kinds_of_the_guide() -> set[str]:
    """Return the kinds of differences that the guide's table names."""
    part = GUIDE.read_text(encoding="utf-8").split("## Otherwise than in OHIF alone")[1].split("\n## ")[0]
    rows = re.findall(r"^\| ([^|]+) \|", part, flags=re.MULTILINE)
    return {row.strip() for row in rows} - {"what", "---"}


def planned(served: Served, study: str) -> list[dict[str, Any]]:
    """Return the display sets as the program tells them."""
    return [made.to_json() for made in served.app.viewing.display_sets(study)]


def studies(served: Served) -> list[str]:
    return [entry.study.StudyInstanceUID for entry in served.app.viewing.studies()]


STACK = "@ohif/extension-default.sopClassHandlerModule.stack"
_ALWAYS = ("SOPClassHandlerId", "label", "coverage", "isMultiFrame", "isDynamicVolume", "SeriesNumber")
_OF_STACKS = ("isReconstructable", "numImageFrames", "Modality", "instances")


def compare_with_plan(viewer: Viewer, study: str, source: DataSource) -> list[str]:
    """Return what differs between a study's display sets in the page and those that were planned."""
    plan = {made["displaySetInstanceUID"]: made for made in planned(viewer.served, study)}
    viewer.show(study, source)
    found = {one["planned"]: one for one in viewer.sets(len(plan))}
    wrong = [f"{found[uid]['label']}: not planned" for uid in found.keys() - plan.keys()]
    wrong += [f"{plan[uid]['label']}: not there" for uid in plan.keys() - found.keys()]
    for uid in plan.keys() & found.keys():
        wrong += [f"{plan[uid]['label']}: {what}" for what in _compare(plan[uid], found[uid])]
    if not wrong and viewer.order() != list(plan):
        wrong.append("the order of the list")
    return wrong + [error for error in viewer.errors if "handler" in error and "failed" in error]


def _compare(made: dict[str, Any], one: dict[str, Any]) -> list[str]:
    if made["view"] == "presented":
        # The program draws its images; OHIF shows them as it shows any.
        made = made | {"SOPClassHandlerId": STACK}
    is_stack = made["SOPClassHandlerId"] == STACK and made["view"] == "ohif"
    keys = (*_ALWAYS, *(_OF_STACKS if is_stack else ()))
    wrong = [f"{key} is {one[key]!r}, not {made[key]!r}" for key in keys if one[key] != made[key]]
    if is_stack and one["messages"] != [message["id"] for message in made["messages"]]:
        wrong.append(f"messages {one['messages']}")
    if sorted(one["instances"]) != sorted(made["instances"]):
        wrong.append("other instances")
    return wrong


def different_studies(served: Served) -> Iterator[str]:
    """Go through the studies that have some display set such as no study before."""
    seen: set[tuple[object, ...]] = set()
    for study in studies(served):
        kinds = {
            (made.SOPClassHandlerId, made.SOPClassUID, made.isReconstructable, made.isDynamicVolume, made.part != "")
            for made in served.app.viewing.display_sets(study)
        }
        if not kinds <= seen:
            seen |= kinds
            yield study


def check_plan(make_viewer: Callable[..., Viewer], served: Served, source: DataSource) -> None:
    viewer = make_viewer(served, blind=True)
    # The sources differ in how they come to the metadata, not in what they make of them.
    chosen = studies(served) if source is DataSource.DICOM_JSON else different_studies(served)
    wrong = {study: found for study in chosen if (found := compare_with_plan(viewer, study, source))}
    assert not wrong, "\n".join(f"{study}: {'; '.join(found)}" for study, found in wrong.items())


def check_differences(browser: Browser, served: Served) -> set[str]:
    """See that each difference to OHIF alone is of a kind that the guide names, and return the kinds."""
    seen: set[str] = set()
    unknown = []
    viewer = Viewer(browser, served, alone=True, blind=True)
    try:
        for study in different_studies(served):
            plan = planned(served, study)
            found = _show_alone(viewer, study)
            if not found:
                # What breaks the page stays broken.
                viewer.close()
                viewer = Viewer(browser, served, alone=True, blind=True)
                seen.add(differences.BREAKS)
                continue
            classes = {
                instance.SOPInstanceUID: instance.SOPClassUID
                for made in served.app.viewing.display_sets(study)
                for instance in made.instances
            }
            kinds = find_kinds(plan, found, classes)
            if "" in kinds:
                unknown.append((study, plan, found))
            seen |= kinds
    finally:
        viewer.close()
    told = kinds_of_the_guide()
    assert seen <= told, f"not in the guide: {seen - told}; {[study for study, *_ in unknown]}"
    return seen


def _show_alone(viewer: Viewer, study: str) -> list[dict[str, Any]]:
    viewer.show(study, DataSource.DICOM_WEB)
    return viewer.sets(1, seconds=10)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("source", list(DataSource))
def test_the_display_sets_of_real_files_are_as_planned(
    make_viewer: Callable[..., Viewer], real_library: Served, source: DataSource
) -> None:
    check_plan(make_viewer, real_library, source)


@pytest.mark.timeout(900)
def test_real_files_differ_from_ohif_alone_as_the_guide_says(browser: Browser, real_library: Served) -> None:
    assert check_differences(browser, real_library)
