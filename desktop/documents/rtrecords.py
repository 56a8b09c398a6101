"""What was delivered: treatment records of beams, ion beams and brachytherapy, and their summary (PS3.3 §A.29)."""

from collections.abc import Sequence

from markupsafe import Markup

from ..dicom.items import Item
from .fields import Field, fact_list, field_table
from .formatting import format_element, join_few
from .html import Child, element, join, shorten
from .model import Subject, View
from .page import chip, counted, facts, fold, more, note, section
from .rtbeams import describe_devices
from .rtplan import show_links

_SESSION_LIMIT = 60

_RECORD = (
    Field("Treated on", "TreatmentDate"),
    Field("At", "TreatmentTime"),
    Field("Machine", "TreatmentMachineSequence/TreatmentMachineName"),
    Field("Fraction group", "ReferencedFractionGroupNumber"),
    Field("Fractions planned", "NumberOfFractionsPlanned"),
    Field("Status", "CurrentTreatmentStatus"),
    Field("Comment", "TreatmentStatusComment"),
    Field("First treatment", "FirstTreatmentDate"),
    Field("Most recent treatment", "MostRecentTreatmentDate"),
    Field("Operator", "OperatorsName"),
)
_BEAMS = (
    Field("Beam", "ReferencedBeamNumber"),
    Field("Name", "BeamName"),
    Field("Fraction", "CurrentFractionNumber"),
    Field("Ended", "TreatmentTerminationStatus", "", lambda item: _ending(item)),
    Field("Code", "TreatmentTerminationCode"),
    Field("Verification", "TreatmentVerificationStatus"),
    Field("Delivery", "TreatmentDeliveryType"),
    Field("Type", "BeamType"),
    Field("Radiation", "RadiationType"),
    Field("Meterset specified", "SpecifiedPrimaryMeterset"),
    Field("Meterset delivered", "DeliveredPrimaryMeterset"),
    Field("Second specified", "SpecifiedSecondaryMeterset"),
    Field("Second delivered", "DeliveredSecondaryMeterset"),
    Field("Time specified", "SpecifiedTreatmentTime", "s"),
    Field("Time delivered", "DeliveredTreatmentTime", "s"),
    Field("Doses delivered", "", "Gy", lambda item: _doses(item)),
)
_DELIVERIES = (
    Field("Point", "ReferencedControlPointIndex"),
    Field("Date", "TreatmentControlPointDate"),
    Field("Time", "TreatmentControlPointTime"),
    Field("Meterset specified", "SpecifiedMeterset"),
    Field("Meterset delivered", "DeliveredMeterset"),
    Field("Rate set", "DoseRateSet"),
    Field("Rate delivered", "DoseRateDelivered"),
    Field("Energy", "NominalBeamEnergy"),
    Field("Gantry", "GantryAngle", "°"),
    Field("Collimator", "BeamLimitingDeviceAngle", "°"),
    Field("Couch", "PatientSupportAngle", "°"),
    Field("Jaws and leaves", "", "mm", describe_devices),
    Field("Table up", "TableTopVerticalPosition", "mm"),
    Field("Table along", "TableTopLongitudinalPosition", "mm"),
    Field("Table across", "TableTopLateralPosition", "mm"),
    Field("Overridden", "", "", lambda item: _overrides(item)),
)
_SETUPS = (
    Field("Setup", "ReferencedBrachyApplicationSetupNumber"),
    Field("Name", "ApplicationSetupName"),
    Field("Type", "ApplicationSetupType"),
    Field("Fraction", "CurrentFractionNumber"),
    Field("Ended", "TreatmentTerminationStatus", "", lambda item: _ending(item)),
    Field("Verification", "TreatmentVerificationStatus"),
    Field("Delivery", "TreatmentDeliveryType"),
    Field("Total air kerma", "TotalReferenceAirKerma"),
)
_CHANNELS = (
    Field("Channel", "ChannelNumber"),
    Field("Source", "ReferencedSourceNumber"),
    Field("Applicator", "SourceApplicatorID"),
    Field("Time specified", "SpecifiedChannelTotalTime", "s"),
    Field("Time delivered", "DeliveredChannelTotalTime", "s"),
    Field("Pulses specified", "SpecifiedNumberOfPulses"),
    Field("Pulses delivered", "DeliveredNumberOfPulses"),
)
_SOURCES = (
    Field("#", "SourceNumber"),
    Field("Isotope", "SourceIsotopeName"),
    Field("Serial number", "SourceSerialNumber"),
    Field("Air kerma rate", "ReferenceAirKermaRate", "µGy/h at 1 m"),
    Field("On", "SourceStrengthReferenceDate"),
)
_DOSES = (
    Field("Reference", "ReferencedDoseReferenceNumber"),
    Field("Description", "DoseReferenceDescription"),
    Field("Measured", "MeasuredDoseValue"),
    Field("Type", "MeasuredDoseType"),
    Field("Description of measurement", "MeasuredDoseDescription"),
    Field("Calculated", "CalculatedDoseReferenceDoseValue", "Gy"),
    Field("To date", "CumulativeDoseToDoseReference", "Gy"),
    Field("Units", "DoseUnits"),
)
_FRACTION_GROUPS = (
    Field("Group", "ReferencedFractionGroupNumber"),
    Field("Type", "FractionGroupType"),
    Field("Planned", "NumberOfFractionsPlanned"),
    Field("Delivered", "NumberOfFractionsDelivered"),
)
_FRACTION_STATES = (
    Field("Fraction", "ReferencedFractionNumber"),
    Field("Date", "TreatmentDate"),
    Field("Time", "TreatmentTime"),
    Field("Ended", "TreatmentTerminationStatus", "", lambda item: _ending(item)),
)
_ENDINGS = {"NORMAL": "good", "OPERATOR": "warning", "MACHINE": "bad", "UNKNOWN": "warning"}
_DOSE_SEQUENCES = (
    "MeasuredDoseReferenceSequence",
    "CalculatedDoseReferenceSequence",
    "TreatmentSummaryMeasuredDoseReferenceSequence",
    "TreatmentSummaryCalculatedDoseReferenceSequence",
)
_LINKS = (
    ("Plan", "ReferencedRTPlanSequence"),
    ("Other record", "ReferencedTreatmentRecordSequence"),
)


def show_record(subject: Subject) -> View:
    """Show what was given, and whether it ended as it should."""
    item = subject.item
    beams = item.items("TreatmentSessionBeamSequence") or item.items("TreatmentSessionIonBeamSequence")
    setups = item.items("TreatmentSessionApplicationSetupSequence")
    doses = [inner for keyword in _DOSE_SEQUENCES for inner in item.items(keyword)]
    parts = (
        _warn([*beams, *setups]),
        fact_list(_RECORD, item),
        facts(show_links(item, _LINKS, subject.links)),
        _part(
            "Beams delivered",
            field_table(_BEAMS, beams, "beams"),
            [_show_points(beam) for beam in beams[:_SESSION_LIMIT]],
            more(len(beams) - _SESSION_LIMIT, "beams in detail"),
        ),
        _part(
            "Brachytherapy delivered",
            field_table(_SETUPS, setups, "setups"),
            [_show_channels(one) for one in setups[:_SESSION_LIMIT]],
            more(len(setups) - _SESSION_LIMIT, "setups in detail"),
        ),
        _part("Sources", field_table(_SOURCES, item.items("RecordedSourceSequence"), "sources")),
        _part("Fraction groups", _show_fractions(item.items("FractionGroupSummarySequence"))),
        _part("Doses", field_table(_DOSES, doses, "doses")),
    )
    return View(join(parts))


def _part(heading: str, made: Markup | None, *others: Child) -> Markup | None:
    return section(heading, made, *others) if made else None


def _warn(sessions: Sequence[Item]) -> Markup | None:
    """Say before all else that a treatment did not end as it should."""
    ended = [text for session in sessions if (text := session.text("TreatmentTerminationStatus"))]
    odd = [text for text in ended if text != "NORMAL"]
    if not odd:
        return None
    words = f"{len(odd)} of {len(ended)} beams or setups did not end normally: {', '.join(sorted(set(odd))[:5])}."
    return note(shorten(words, 300), "bad")


def _ending(item: Item) -> Child:
    status = item.text("TreatmentTerminationStatus")
    return chip(shorten(status), _ENDINGS.get(status, "")) if status else ""


def _doses(item: Item) -> str:
    doses = item.items("ReferencedMeasuredDoseReferenceSequence") + item.items(
        "ReferencedCalculatedDoseReferenceSequence"
    )
    found = [inner.text("MeasuredDoseValue") or inner.text("CalculatedDoseReferenceDoseValue") for inner in doses]
    return join_few([text for text in found if text], 8)


def _overrides(item: Item) -> str:
    words = [
        " ".join(filter(None, (inner.text("OverrideReason"), format_element(inner, "OperatorsName"))))
        for inner in item.items("OverrideSequence")
    ]
    return "; ".join(filter(None, words)) or ("yes" if words else "")


def _show_points(beam: Item) -> Markup | None:
    points = beam.items("ControlPointDeliverySequence") or beam.items("IonControlPointDeliverySequence")
    made = field_table(_DELIVERIES, points, "control points")
    name = " ".join(filter(None, (beam.text("ReferencedBeamNumber"), beam.text("BeamName"))))
    return (
        fold(join((element("strong", shorten(name)), f": {counted(len(points), 'control points')}")), made)
        if made
        else None
    )


def _show_channels(setup: Item) -> Markup | None:
    channels = setup.items("RecordedChannelSequence")
    made = field_table(_CHANNELS, channels, "channels")
    return (
        join((element("h3", f"Channels of setup {setup.text('ReferencedBrachyApplicationSetupNumber')}"), made))
        if made
        else None
    )


def _show_fractions(groups: Sequence[Item]) -> Markup | None:
    made = field_table(_FRACTION_GROUPS, groups, "fraction groups")
    states = [
        field_table(_FRACTION_STATES, group.items("FractionStatusSummarySequence"), "fractions")
        for group in groups[:_SESSION_LIMIT]
    ]
    return join((made, states, more(len(groups) - _SESSION_LIMIT, "fraction groups in detail"))) if made else None
