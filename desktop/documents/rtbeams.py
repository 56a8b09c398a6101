"""The beams of a plan, and their control points (PS3.3 §C.8.8.14, C.8.8.25)."""

from collections.abc import Sequence

from markupsafe import Markup

from ..dicom.items import Item
from .beamseye import draw_aperture
from .fields import Field, fact_list, field_table, table
from .formatting import format_element, format_number, join_few
from .html import Child, element, join, shorten
from .page import counted, fold, more, note, section

BEAM_LIMIT = 60
POINT_LIMIT = 400
"""Control points of one beam that are shown."""

POINTS_LIMIT = 6000
"""Control points of one page that are shown."""

_BEAM = (
    Field("Description", "BeamDescription"),
    Field("Manufacturer", "Manufacturer"),
    Field("Delivery", "TreatmentDeliveryType"),
    Field("Dosimeter unit", "PrimaryDosimeterUnit"),
    Field("Source to axis", "SourceAxisDistance", "mm"),
    Field("Virtual source to axis", "VirtualSourceAxisDistances", "mm"),
    Field("Final meterset weight", "FinalCumulativeMetersetWeight"),
    Field("Patient setup", "ReferencedPatientSetupNumber"),
    Field("Tolerance table", "ReferencedToleranceTableNumber"),
    Field("High-dose technique", "HighDoseTechniqueType"),
    Field("Fluence", "PrimaryFluenceModeSequence/FluenceMode"),
    Field("Fluence kind", "PrimaryFluenceModeSequence/FluenceModeID"),
    Field("Scan mode", "ModulatedScanModeType"),
    Field("Snout", "SnoutSequence/SnoutID"),
    Field("Applicator", "ApplicatorSequence/ApplicatorID"),
    Field("Applicator type", "ApplicatorSequence/ApplicatorType"),
    Field("Boli", "NumberOfBoli"),
)
_PARTS = (
    (
        "Wedges",
        "WedgeSequence",
        (
            Field("#", "WedgeNumber"),
            Field("ID", "WedgeID"),
            Field("Type", "WedgeType"),
            Field("Angle", "WedgeAngle", "°"),
            Field("Orientation", "WedgeOrientation", "°"),
            Field("Factor", "WedgeFactor"),
            Field("Source to tray", "SourceToWedgeTrayDistance", "mm"),
        ),
    ),
    (
        "Blocks",
        "BlockSequence",
        (
            Field("#", "BlockNumber"),
            Field("Name", "BlockName"),
            Field("Type", "BlockType"),
            Field("Tray", "BlockTrayID"),
            Field("Divergence", "BlockDivergence"),
            Field("Mounted", "BlockMountingPosition"),
            Field("Material", "MaterialID"),
            Field("Thickness", "BlockThickness", "mm"),
            Field("Transmission", "BlockTransmission"),
            Field("Points", "BlockNumberOfPoints"),
        ),
    ),
    (
        "Compensators",
        "CompensatorSequence",
        (
            Field("#", "CompensatorNumber"),
            Field("ID", "CompensatorID"),
            Field("Type", "CompensatorType"),
            Field("Material", "MaterialID"),
            Field("Rows", "CompensatorRows"),
            Field("Columns", "CompensatorColumns"),
        ),
    ),
    (
        "Range shifters",
        "RangeShifterSequence",
        (Field("#", "RangeShifterNumber"), Field("ID", "RangeShifterID"), Field("Type", "RangeShifterType")),
    ),
    (
        "Range modulators",
        "RangeModulatorSequence",
        (Field("#", "RangeModulatorNumber"), Field("ID", "RangeModulatorID"), Field("Type", "RangeModulatorType")),
    ),
    (
        "Beam limiting devices",
        "BeamLimitingDeviceSequence",
        (
            Field("Type", "RTBeamLimitingDeviceType"),
            Field("Pairs", "NumberOfLeafJawPairs"),
            Field("Source to device", "SourceToBeamLimitingDeviceDistance", "mm"),
        ),
    ),
    (
        "Boli",
        "ReferencedBolusSequence",
        (Field("ROI", "ReferencedROINumber"), Field("Description", "BolusDescription")),
    ),
)
_BLOCK_SEQUENCES = {"BlockSequence": "IonBlockSequence", "WedgeSequence": "IonWedgeSequence"}

_POINT = (
    Field("Point", "ControlPointIndex"),
    Field("Meterset weight", "CumulativeMetersetWeight"),
    Field("Energy", "NominalBeamEnergy"),
    Field("Dose rate", "DoseRateSet"),
    Field("Gantry", "GantryAngle", "°"),
    Field("Turns", "GantryRotationDirection", "", lambda item: _turn(item, "GantryRotationDirection")),
    Field("Collimator", "BeamLimitingDeviceAngle", "°"),
    Field("Turns", "", "", lambda item: _turn(item, "BeamLimitingDeviceRotationDirection")),
    Field("Couch", "PatientSupportAngle", "°"),
    Field("Jaws and leaves", "", "mm", lambda item: describe_devices(item)),
    Field("Isocentre", "IsocenterPosition", "mm"),
    Field("SSD", "SourceToSurfaceDistance", "mm"),
    Field("Table up", "TableTopVerticalPosition", "mm"),
    Field("Table along", "TableTopLongitudinalPosition", "mm"),
    Field("Table across", "TableTopLateralPosition", "mm"),
    Field("Snout", "SnoutPosition", "mm"),
    Field("Spots", "NumberOfScanSpotPositions"),
    Field("Spot size", "ScanningSpotSize", "mm"),
    Field("Paintings", "NumberOfPaintings"),
    Field("Wedge", "WedgePositionSequence/WedgePosition"),
)


def show_beams(plan: Item) -> Markup | None:
    """Show a table of all beams, and each with its parts and control points."""
    beams = plan.items("BeamSequence") or plan.items("IonBeamSequence")
    if not beams:
        return None
    metersets = _metersets(plan)
    heads = (
        "#",
        "Name",
        "Type",
        "Radiation",
        "Energy",
        "Machine",
        "Gantry",
        "Collimator",
        "Couch",
        "SSD [mm]",
        "Meterset",
        "Points",
    )
    rows = [_row(beam, metersets.get(beam.text("BeamNumber"), "")) for beam in beams]
    left = POINTS_LIMIT
    shown: list[Child] = []
    for beam in beams[:BEAM_LIMIT]:
        points = control_points(beam)
        few = points[: min(POINT_LIMIT, left)]
        left -= len(few)
        shown.append(_show_beam(beam, points, few))
    hidden = more(len(beams) - len(shown), "beams")
    return section(join(("Beams", element("small", f" {len(beams)}"))), table(heads, rows, "beams"), shown, hidden)


def control_points(beam: Item) -> list[Item]:
    """Return a beam's control points; those of an ion beam have a sequence of their own."""
    return beam.items("ControlPointSequence") or beam.items("IonControlPointSequence")


def _metersets(plan: Item) -> dict[str, str]:
    """Return beam number → meterset; with each of them where several fraction groups have the beam."""
    units = {beam.text("BeamNumber"): beam for beam in plan.items("BeamSequence") or plan.items("IonBeamSequence")}
    found: dict[str, list[str]] = {}
    for group in plan.items("FractionGroupSequence"):
        for reference in group.items("ReferencedBeamSequence"):
            number = reference.text("ReferencedBeamNumber")
            if text := beam_meterset(reference, units.get(number, Item({}))):
                found.setdefault(number, []).append(text)
    return {number: join_few(texts, 4) for number, texts in found.items()}


def beam_meterset(reference: Item, beam: Item) -> str:
    """Return the meterset that a fraction group gives a beam, with the unit of the beam's dosimeter."""
    meterset = reference.number("BeamMeterset")
    unit = shorten(beam.text("PrimaryDosimeterUnit"))
    return "" if meterset is None else f"{format_number(round(meterset, 3))} {unit}".strip()


def _row(beam: Item, meterset: str) -> list[Child]:
    points = control_points(beam)
    first = points[0] if points else Item({})
    energies = _span(points, "NominalBeamEnergy")
    unit = "MV" if beam.text("RadiationType") == "PHOTON" else "MeV"
    return [
        beam.text("BeamNumber"),
        element("strong", shorten(beam.text("BeamName"))),
        beam.text("BeamType").lower(),
        beam.text("RadiationType").lower(),
        f"{energies} {unit}" if energies else "",
        shorten(beam.text("TreatmentMachineName")),
        _angles(points, "GantryAngle", "GantryRotationDirection"),
        _angles(points, "BeamLimitingDeviceAngle", "BeamLimitingDeviceRotationDirection"),
        _angles(points, "PatientSupportAngle", "PatientSupportRotationDirection"),
        format_element(first, "SourceToSurfaceDistance"),
        meterset,
        str(len(points)),
    ]


def _span(points: Sequence[Item], keyword: str) -> str:
    numbers = [number for point in points if (number := point.number(keyword)) is not None]
    if not numbers:
        return ""
    low, high = format_number(min(numbers), 6), format_number(max(numbers), 6)
    return low if low == high else f"{low}\u2013{high}"


def _angles(points: Sequence[Item], keyword: str, direction: str) -> str:
    """Return where an axis begins and ends: ``181° ↻ 179°``."""
    numbers = [number for point in points if (number := point.number(keyword)) is not None]
    if not numbers:
        return ""
    first, last = format_number(round(numbers[0], 2)), format_number(round(numbers[-1], 2))
    turns = [turn for point in points if (turn := _turn(point, direction))]
    return (
        f"{first}\u00b0"
        if len(numbers) == 1 or (first == last and not turns)
        else f"{first}\u00b0 {turns[0] if turns else '→'} {last}\u00b0"
    )


def _turn(item: Item, keyword: str) -> str:
    return {"CW": "\u21bb", "CC": "\u21ba"}.get(item.text(keyword), "")


def _show_beam(beam: Item, points: Sequence[Item], few: Sequence[Item]) -> Markup:
    name = ": ".join(filter(None, (f"Beam {beam.text('BeamNumber')}".strip(), beam.text("BeamName"))))
    parts: list[Child] = [fact_list(_BEAM, beam)]
    for heading, keyword, fields in _PARTS:
        items = beam.items(keyword) or beam.items(_BLOCK_SEQUENCES.get(keyword, ""))
        if made := field_table(fields, items, heading.lower()):
            parts.append(element("h4", heading))
            parts.append(made)
    if picture := draw_aperture(beam, points):
        parts.append(picture)
    if points:
        made = field_table(_POINT, few, "control points", "")
        hidden = more(len(points) - len(few), "control points")
        words = note("Where a cell is empty, the value is that of the point before.")
        parts.append(fold(counted(len(points), "control points"), words, made, hidden))
    return fold(element("strong", shorten(name)), parts)


def describe_devices(point: Item) -> str:
    """Return jaws with their positions, and leaves by their number and how far they are open."""
    texts = []
    for device in point.items("BeamLimitingDevicePositionSequence"):
        kind, positions = shorten(device.text("RTBeamLimitingDeviceType")), device.numbers("LeafJawPositions")
        if len(positions) == 2:
            texts.append(f"{kind} {format_number(round(positions[0], 2))}\u2026{format_number(round(positions[1], 2))}")
        elif positions:
            half = len(positions) // 2
            gaps = [b - a for a, b in zip(positions[:half], positions[half:], strict=False)]
            opened = sum(gap > 0.5 for gap in gaps)
            texts.append(f"{kind} {opened} of {half} open, up to {format_number(round(max(gaps), 1))}")
    return join_few(texts, 8, "; ")
