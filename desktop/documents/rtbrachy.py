"""Sources and application setups of brachytherapy (PS3.3 §C.8.8.15)."""

from markupsafe import Markup

from ..dicom.items import Item
from .fields import Field, fact_list, field_table
from .html import Child, element, join, shorten
from .page import counted, fold, more, section

_SETUP_LIMIT, _CHANNEL_LIMIT = 40, 100

_TECHNIQUE = (Field("Technique", "BrachyTreatmentTechnique"), Field("Type", "BrachyTreatmentType"))
_SOURCES = (
    Field("#", "SourceNumber"),
    Field("Isotope", "SourceIsotopeName"),
    Field("Type", "SourceType"),
    Field("Manufacturer", "SourceManufacturer"),
    Field("Half life", "SourceIsotopeHalfLife", "days"),
    Field("Air kerma rate", "ReferenceAirKermaRate", "µGy/h at 1 m"),
    Field("Strength", "SourceStrength"),
    Field("Strength in", "SourceStrengthUnits"),
    Field("On", "SourceStrengthReferenceDate"),
    Field("At", "SourceStrengthReferenceTime"),
    Field("Diameter", "ActiveSourceDiameter", "mm"),
    Field("Length", "ActiveSourceLength", "mm"),
)
_SETUP = (
    Field("Type", "ApplicationSetupType"),
    Field("Manufacturer", "ApplicationSetupManufacturer"),
    Field("Total air kerma", "TotalReferenceAirKerma", "µGy at 1 m"),
    Field("Template", "TemplateName"),
)
_CHANNELS = (
    Field("Channel", "ChannelNumber"),
    Field("Source", "ReferencedSourceNumber"),
    Field("Applicator", "SourceApplicatorID"),
    Field("Applicator type", "SourceApplicatorType"),
    Field("Length", "ChannelLength", "mm"),
    Field("Total time", "ChannelTotalTime", "s"),
    Field("Movement", "SourceMovementType"),
    Field("Pulses", "NumberOfPulses"),
    Field("Pulse interval", "PulseRepetitionInterval", "s"),
    Field("Step", "SourceApplicatorStepSize", "mm"),
    Field("Transfer tube", "TransferTubeNumber"),
    Field("Final weight", "FinalCumulativeTimeWeight"),
    Field("Points", "NumberOfControlPoints"),
)
_POINTS = (
    Field("Point", "ControlPointIndex"),
    Field("Time weight", "CumulativeTimeWeight"),
    Field("Position in channel", "ControlPointRelativePosition", "mm"),
    Field("Position in patient", "ControlPoint3DPosition", "mm"),
)


def show_brachy(plan: Item) -> Markup | None:
    """Show technique, sources, and each setup with its channels; None for a plan without them."""
    setups = plan.items("ApplicationSetupSequence")
    sources = field_table(_SOURCES, plan.items("SourceSequence"), "sources")
    if not setups and not sources:
        return None
    parts: list[Child] = [fact_list(_TECHNIQUE, plan)]
    if sources:
        parts += [element("h3", "Sources"), sources]
    parts += [_show_setup(setup) for setup in setups[:_SETUP_LIMIT]]
    parts.append(more(len(setups) - _SETUP_LIMIT, "setups"))
    return section("Brachytherapy", parts)


def _show_setup(setup: Item) -> Markup:
    channels = setup.items("ChannelSequence")
    name = " ".join(filter(None, ("Setup", setup.text("ApplicationSetupNumber"), setup.text("ApplicationSetupName"))))
    parts: list[Child] = [
        element("h3", shorten(name)),
        fact_list(_SETUP, setup),
        field_table(_CHANNELS, channels, "channels"),
    ]
    for channel in channels[:_CHANNEL_LIMIT]:
        points = channel.items("BrachyControlPointSequence")
        if made := field_table(_POINTS, points, "control points"):
            heading = f"Channel {channel.text('ChannelNumber')}: {counted(len(points), 'control points')}"
            parts.append(fold(shorten(heading), made))
    parts.append(more(len(channels) - _CHANNEL_LIMIT, "channels"))
    return join(parts)
