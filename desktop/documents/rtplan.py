"""RT Plans and RT Ion Plans (PS3.3 §A.20, A.49): prescription, fractions, beams, setup."""

from collections.abc import Sequence

from markupsafe import Markup

from ..dicom.items import Item
from .fields import Field, field_table, gather, table
from .html import Child, clip, element, join
from .model import Subject, View
from .page import chip, facts, more, note, section
from .references import Links
from .rtbeams import beam_meterset, show_beams
from .rtbrachy import show_brachy

_PLAN = (
    Field("Plan", "RTPlanLabel"),
    Field("Name", "RTPlanName"),
    Field("Planned on", "RTPlanDate"),
    Field("Intent", "PlanIntent"),
    Field("Geometry", "RTPlanGeometry"),
    Field("Reviewed on", "ReviewDate"),
    Field("Reviewed by", "ReviewerName"),
    Field("Sites", "TreatmentSites"),
    Field("Protocols", "TreatmentProtocols"),
)
_APPROVALS = {"APPROVED": "good", "UNAPPROVED": "warning", "REJECTED": "bad"}

_DOSE_REFERENCES = (
    Field("#", "DoseReferenceNumber"),
    Field("Description", "DoseReferenceDescription"),
    Field("Type", "DoseReferenceType"),
    Field("Given at", "DoseReferenceStructureType"),
    Field("ROI", "ReferencedROINumber"),
    Field("Prescribed", "TargetPrescriptionDose", "Gy"),
    Field("Target minimum", "TargetMinimumDose", "Gy"),
    Field("Target maximum", "TargetMaximumDose", "Gy"),
    Field("Underdosed volume", "TargetUnderdoseVolumeFraction", "%"),
    Field("Organ limit", "OrganAtRiskLimitDose", "Gy"),
    Field("Organ maximum", "OrganAtRiskMaximumDose", "Gy"),
    Field("Whole organ", "OrganAtRiskFullVolumeDose", "Gy"),
    Field("Overdosed volume", "OrganAtRiskOverdoseVolumeFraction", "%"),
    Field("Warn at", "DeliveryWarningDose", "Gy"),
    Field("Stop at", "DeliveryMaximumDose", "Gy"),
    Field("Weight", "ConstraintWeight"),
    Field("Point", "DoseReferencePointCoordinates", "mm"),
)
_FRACTIONS = (
    Field("Group", "FractionGroupNumber"),
    Field("Description", "FractionGroupDescription"),
    Field("Fractions", "NumberOfFractionsPlanned"),
    Field("Beams", "NumberOfBeams"),
    Field("Brachy setups", "NumberOfBrachyApplicationSetups"),
    Field("A day", "NumberOfFractionPatternDigitsPerDay"),
    Field("Cycle", "RepeatFractionCycleLength", "weeks"),
    Field("Pattern", "FractionPattern"),
)
_SETUPS = (
    Field("#", "PatientSetupNumber"),
    Field("Label", "PatientSetupLabel"),
    Field("Position", "PatientPosition"),
    Field("Other position", "PatientAdditionalPosition"),
    Field("Technique", "SetupTechnique"),
    Field("Description", "SetupTechniqueDescription"),
    Field("Fixation", "FixationDeviceSequence/FixationDeviceType"),
    Field("Device", "SetupDeviceSequence/SetupDeviceType"),
    Field("Respiration", "MotionSynchronizationSequence/RespiratoryMotionCompensationTechnique"),
    Field("Table up", "TableTopVerticalSetupDisplacement", "mm"),
    Field("Table along", "TableTopLongitudinalSetupDisplacement", "mm"),
    Field("Table across", "TableTopLateralSetupDisplacement", "mm"),
)
_TOLERANCES = (
    Field("#", "ToleranceTableNumber"),
    Field("Label", "ToleranceTableLabel"),
    Field("Gantry", "GantryAngleTolerance", "°"),
    Field("Gantry pitch", "GantryPitchAngleTolerance", "°"),
    Field("Collimator", "BeamLimitingDeviceAngleTolerance", "°"),
    Field("Couch", "PatientSupportAngleTolerance", "°"),
    Field("Table top", "TableTopEccentricAngleTolerance", "°"),
    Field("Table up", "TableTopVerticalPositionTolerance", "mm"),
    Field("Table along", "TableTopLongitudinalPositionTolerance", "mm"),
    Field("Table across", "TableTopLateralPositionTolerance", "mm"),
    Field("Snout", "SnoutPositionTolerance", "mm"),
    Field("Jaws", "", "mm", lambda item: _jaw_tolerances(item)),
)
_LINKED, _GROUPS = 20, 20
_LINKS = (
    ("Structure set", "ReferencedStructureSetSequence"),
    ("Dose", "ReferencedDoseSequence"),
    ("Other plan", "ReferencedRTPlanSequence"),
)


def show_plan(subject: Subject) -> View:
    """Show what is prescribed first, then how it is given."""
    item = subject.item
    references = item.items("DoseReferenceSequence")
    body = join(
        (
            show_approval(item),
            _descriptions(item),
            facts(show_links(item, _LINKS, subject.links)),
            _section("Prescription and dose references", field_table(_DOSE_REFERENCES, references, "dose references")),
            _show_fractions(item),
            show_beams(item),
            show_brachy(item),
            _section("Patient setups", field_table(_SETUPS, item.items("PatientSetupSequence"), "setups")),
            _section("Tolerances", field_table(_TOLERANCES, item.items("ToleranceTableSequence"), "tolerance tables")),
        )
    )
    return View(body, item.text("RTPlanLabel") or item.text("RTPlanName"), tuple(_plain(_PLAN, item)))


def _plain(fields: Sequence[Field], item: Item) -> list[tuple[str, Markup | str]]:
    return [(label, join(value)) for label, value in gather(fields, item)]


def _section(heading: str, content: Markup | None) -> Markup | None:
    return section(heading, content) if content else None


def show_approval(item: Item) -> Markup | None:
    """Show the status of approval (PS3.3 §C.8.8.16)."""
    status = item.text("ApprovalStatus")
    return element("div", chip(status, _APPROVALS.get(status, "")), class_="chips") if status else None


def _descriptions(item: Item) -> list[Markup]:
    words = (item.text("RTPlanDescription"), item.text("PrescriptionDescription"))
    return [element("p", clip(text)) for text in words if text]


def show_links(item: Item, keywords: Sequence[tuple[str, str]], links: Links) -> list[tuple[Child, Child]]:
    """Return links to the plans, structure sets and doses that an object refers to."""
    rows: list[tuple[Child, Child]] = []
    for label, keyword in keywords:
        found = item.items(keyword)
        for inner in found[:_LINKED]:
            if link := links.link_item(inner):
                relation = inner.text("RTPlanRelationship").lower()
                rows.append((label, join((link, f" ({relation})" if relation else None))))
        if hidden := more(len(found) - _LINKED, "references"):
            rows.append((label, hidden))
    return rows


def _show_fractions(item: Item) -> Markup | None:
    groups = item.items("FractionGroupSequence")
    made = field_table(_FRACTIONS, groups, "fraction groups")
    parts: list[Child] = [made]
    names = {beam.text("BeamNumber"): beam.text("BeamName") for beam in _beams(item)}
    for group in groups[:_GROUPS]:
        rows: list[list[Child]] = [
            [
                beam.text("ReferencedBeamNumber"),
                names.get(beam.text("ReferencedBeamNumber"), ""),
                beam_meterset(beam, _beam(item, beam.text("ReferencedBeamNumber"))),
                beam.text("BeamDose"),
                ", ".join(beam.texts("BeamDoseSpecificationPoint")),
            ]
            for beam in group.items("ReferencedBeamSequence")
        ]
        heads = ("Beam", "Name", "Meterset a fraction", "Dose a fraction [Gy]", "Dose specified at [mm]")
        parts.append(table(heads, rows, "beams"))
        setups = (
            Field("Brachy setup", "ReferencedBrachyApplicationSetupNumber"),
            Field("Dose", "BrachyApplicationSetupDose", "Gy"),
            Field("Specified at", "BrachyApplicationSetupDoseSpecificationPoint", "mm"),
        )
        parts.append(field_table(setups, group.items("ReferencedBrachyApplicationSetupSequence"), "setups"))
    if not groups:
        return note("The plan has no fraction groups.", "warning") if _beams(item) else None
    parts.append(more(len(groups) - _GROUPS, "fraction groups in detail"))
    return section("Fractions", parts)


def _beams(item: Item) -> list[Item]:
    return item.items("BeamSequence") or item.items("IonBeamSequence")


def _beam(item: Item, number: str) -> Item:
    return next((beam for beam in _beams(item) if beam.text("BeamNumber") == number), Item({}))


def _jaw_tolerances(item: Item) -> str:
    return ", ".join(
        f"{device.text('RTBeamLimitingDeviceType')} {device.text('BeamLimitingDevicePositionTolerance')}"
        for device in item.items("BeamLimitingDeviceToleranceSequence")
    )
