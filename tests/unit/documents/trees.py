"""Makes structured reports."""

from collections.abc import Sequence
from typing import Any

from pydicom.dataset import Dataset
from unit.documents.pages import code, dataset, head, reference

Name = tuple[str, str, str]


def node(
    value_type: str, name: str | Name = "", relation: str = "CONTAINS", *children: Dataset, **attributes: Any
) -> Dataset:
    """Return a content item; a name that is text is its own code of the scheme 99TEST."""
    made = dataset(RelationshipType=relation, ValueType=value_type, **attributes)
    if name:
        parts = (name, "99TEST", name) if isinstance(name, str) else name
        made.ConceptNameCodeSequence = code(*parts)
    if value_type == "CONTAINER" and "ContinuityOfContent" not in made:
        made.ContinuityOfContent = "SEPARATE"
    if children:
        made.ContentSequence = list(children)
    return made


def dcm(value: str, meaning: str) -> Name:
    """Return a name of DICOM's own scheme."""
    return value, "DCM", meaning


def container(name: str | Name, *children: Dataset, relation: str = "CONTAINS", **attributes: Any) -> Dataset:
    """Return a CONTAINER."""
    return node("CONTAINER", name, relation, *children, **attributes)


def text(name: str | Name, value: str, relation: str = "CONTAINS", *children: Dataset) -> Dataset:
    """Return a TEXT."""
    return node("TEXT", name, relation, *children, TextValue=value)


def num(
    name: str | Name, value: object, unit: str = "mm", relation: str = "CONTAINS", *children: Dataset, meaning: str = ""
) -> Dataset:
    """Return a NUM in units of UCUM."""
    measured = dataset(NumericValue=value, MeasurementUnitsCodeSequence=code(unit, "UCUM", meaning or unit))
    return node("NUM", name, relation, *children, MeasuredValueSequence=[measured])


def coded(name: str | Name, value: str | Name, relation: str = "CONTAINS", *children: Dataset) -> Dataset:
    """Return a CODE."""
    parts = (value, "99TEST", value) if isinstance(value, str) else value
    return node("CODE", name, relation, *children, ConceptCodeSequence=code(*parts))


def image(
    uid: str, name: str | Name = "", relation: str = "CONTAINS", *children: Dataset, frames: Sequence[int] = ()
) -> Dataset:
    """Return an IMAGE that refers to a CT image."""
    return node("IMAGE", name, relation, *children, ReferencedSOPSequence=[reference(uid, frames=frames)])


def by_reference(*position: int, relation: str = "INFERRED FROM") -> Dataset:
    """Return an item that stands for another."""
    return dataset(RelationshipType=relation, ReferencedContentItemIdentifier=list(position))


def report(title: str | Name, *children: Dataset, sop_class: str = "88.33", **attributes: Any) -> Dataset:
    """Return a report."""
    root = container(title, *children)
    del root.RelationshipType
    flags = {"CompletionFlag": "COMPLETE", "VerificationFlag": "UNVERIFIED"}
    made = head(sop_class, **{"Modality": "SR", **flags, **attributes})
    made.update(root)
    return made


def evidence(*uids: str, series: str = "1.2.3.9", study: str = "1.2.3") -> list[Dataset]:
    """Return Current Requested Procedure Evidence Sequence with instances of one series."""
    inner = dataset(SeriesInstanceUID=series, ReferencedSOPSequence=[reference(uid) for uid in uids])
    return [dataset(StudyInstanceUID=study, ReferencedSeriesSequence=[inner])]


def mammography_cad() -> Dataset:
    """Return a report of two findings on one image of the library, of detections and of analyses."""
    library = container(
        dcm("111028", "Image Library"),
        image(
            "1.2.9.1",
            "",
            "CONTAINS",
            coded(dcm("111027", "Image Laterality"), ("T-04030", "SRT", "Left breast"), "HAS ACQ CONTEXT"),
            coded(dcm("111031", "Image View"), ("R-10242", "SRT", "cranio-caudal"), "HAS ACQ CONTEXT"),
        ),
    )

    def finding(kind: str, certainty: float, intent: Name, x: float, y: float) -> Dataset:
        return coded(
            dcm("111059", "Single Image Finding"),
            ("F-01796", "SRT", kind),
            "INFERRED FROM",
            coded(dcm("111056", "Rendering Intent"), intent, "HAS CONCEPT MOD"),
            text(dcm("111001", "Algorithm Name"), "Finder", "HAS PROPERTIES"),
            text(dcm("111003", "Algorithm Version"), "2.1", "HAS PROPERTIES"),
            num(dcm("111012", "Certainty of Finding"), certainty, "%", "HAS PROPERTIES", meaning="percent"),
            num(dcm("111047", "Probability of cancer"), 3, "%", "HAS PROPERTIES", meaning="percent"),
            node(
                "SCOORD",
                dcm("111010", "Center"),
                "HAS PROPERTIES",
                by_reference(1, 1, 1, relation="SELECTED FROM"),
                GraphicType="POINT",
                GraphicData=[x, y],
            ),
            num("Calcifications", 7, "{count}", "HAS PROPERTIES", meaning="count"),
        )

    required = ("111150", "DCM", "Presentation Required: Rendering device is expected to present")
    optional = ("111151", "DCM", "Presentation Optional: Rendering device may present")
    impression = container(
        dcm("111034", "Individual Impression/Recommendation"),
        finding("Mammography breast density", 85, required, 500, 600),
        finding("Calcification Cluster", 40.5, optional, 120.25, 80),
        relation="INFERRED FROM",
    )
    summary = coded(
        dcm("111017", "CAD Processing and Findings Summary"),
        dcm("111242", "All algorithms succeeded; with findings"),
        "CONTAINS",
        impression,
    )

    def runs(name: Name, *kinds: str) -> Dataset:
        return container(
            name,
            *[
                coded(
                    dcm("111022", "Detection Performed"),
                    kind,
                    "CONTAINS",
                    text(dcm("111001", "Algorithm Name"), "Finder", "HAS PROPERTIES"),
                )
                for kind in kinds
            ],
            relation="INFERRED FROM",
        )

    detections = coded(
        dcm("111064", "Summary of Detections"),
        dcm("111223", "Partially Succeeded"),
        "CONTAINS",
        runs(dcm("111063", "Successful Detections"), "Calcification Cluster"),
        runs(dcm("111025", "Failed Detections"), "Mass"),
    )
    return report(
        dcm("111036", "Mammography CAD Report"),
        library,
        summary,
        detections,
        sop_class="88.50",
        CurrentRequestedProcedureEvidenceSequence=evidence("1.2.9.1"),
    )


def ct_dose(events: int = 3) -> Dataset:
    """Return a dose report of CT (TID 10011)."""

    def event(number: int) -> Dataset:
        parameters = container(
            dcm("113822", "CT Acquisition Parameters"),
            num(dcm("113824", "Exposure Time"), 4.2, "s"),
            num(dcm("113825", "Scanning Length"), 320.5, "mm"),
            num(dcm("113828", "Pitch Factor"), 0.6, "{ratio}", meaning="ratio"),
            container(
                dcm("113831", "CT X-Ray Source Parameters"),
                num(dcm("113733", "KVP"), 120, "kV"),
                num(dcm("113734", "X-Ray Tube Current"), 200 + number, "mA"),
            ),
        )
        dose = container(
            dcm("113829", "CT Dose"),
            num(dcm("113830", "Mean CTDIvol"), 8.25 + number, "mGy"),
            num(dcm("113838", "DLP"), 250.5, "mGy.cm"),
            coded(dcm("113835", "CTDIw Phantom Type"), dcm("113691", "IEC Body Dosimetry Phantom")),
        )
        return container(
            dcm("113819", "CT Acquisition"),
            text(dcm("125203", "Acquisition Protocol"), f"Thorax {number}"),
            coded(dcm("123014", "Target Region"), ("T-D3000", "SRT", "Chest")),
            coded(dcm("113820", "CT Acquisition Type"), ("P5-08001", "SRT", "Spiral Acquisition")),
            parameters,
            dose,
        )

    accumulated = container(
        dcm("113811", "CT Accumulated Dose Data"),
        num(dcm("113812", "Total Number of Irradiation Events"), events, "{events}", meaning="events"),
        num(dcm("113813", "CT Dose Length Product Total"), 751.5, "mGy.cm"),
    )
    observer = node("PNAME", dcm("121008", "Person Observer Name"), "HAS OBS CONTEXT", PersonName="Roe^Richard")
    return report(
        dcm("113701", "X-Ray Radiation Dose Report"),
        observer,
        accumulated,
        *[event(number) for number in range(1, events + 1)],
        sop_class="88.67",
    )


def projection_dose() -> Dataset:
    """Return a dose report of a system with two planes (TID 10001)."""

    def plane(name: str, total: float) -> Dataset:
        return container(
            dcm("113702", "Accumulated X-Ray Dose Data"),
            coded(dcm("113764", "Acquisition Plane"), dcm("113620", name), "HAS CONCEPT MOD"),
            num(dcm("113722", "Dose Area Product Total"), total, "Gy.m2"),
            num(dcm("113725", "Dose (RP) Total"), 0.5, "Gy"),
            num(dcm("113730", "Total Fluoro Time"), 312, "s"),
        )

    def event(number: int, unit: str) -> Dataset:
        return container(
            dcm("113706", "Irradiation Event X-Ray Data"),
            node("DATETIME", dcm("111526", "DateTime Started"), DateTime="20260102101530"),
            coded(dcm("113721", "Irradiation Event Type"), ("P5-06000", "SRT", "Fluoroscopy")),
            num(dcm("122130", "Dose Area Product"), 0.00012 * number, unit),
            num(dcm("113733", "KVP"), 70 + number, "kV"),
            num(dcm("113733", "KVP"), 71 + number, "kV"),
        )

    return report(
        dcm("113701", "X-Ray Radiation Dose Report"),
        plane("Plane A", 0.0042),
        plane("Plane B", 0.0021),
        event(1, "Gy.m2"),
        event(2, "dGy.cm2"),
        sop_class="88.67",
    )


def radiopharmaceutical_dose() -> Dataset:
    """Return a dose report of an administration (TID 10021)."""
    administration = container(
        dcm("113502", "Radiopharmaceutical Administration"),
        coded(("349358000", "SCT", "Radiopharmaceutical agent"), ("35321007", "SCT", "Fluorodeoxyglucose F^18^")),
        num(dcm("113507", "Administered activity"), 250.5, "MBq"),
        coded(("410675002", "SCT", "Route of administration"), ("47625008", "SCT", "Intravenous route")),
        container(
            dcm("113517", "Organ Dose Information"),
            coded(("363698007", "SCT", "Finding Site"), ("89837001", "SCT", "Urinary bladder")),
            num(dcm("113518", "Organ Dose"), 32.5, "mGy"),
        ),
    )
    return report(dcm("113500", "Radiopharmaceutical Radiation Dose Report"), administration, sop_class="88.68")


def key_objects(title: Name = ("113004", "DCM", "For Teaching"), **attributes: Any) -> Dataset:
    """Return a selection of an image with frames and a presentation state, and one that the evidence alone lists."""
    state = reference("1.2.9.7", "1.2.840.10008.5.1.4.1.1.11.1")
    selected = reference("1.2.9.1", frames=[1, 2, 3, 7])
    selected.ReferencedSOPSequence = [state]
    return report(
        title,
        text(dcm("113012", "Key Object Description"), "Look at <this>.\nThen at that."),
        node("PNAME", dcm("121008", "Person Observer Name"), "HAS OBS CONTEXT", PersonName="Roe^Richard"),
        node("IMAGE", "", "CONTAINS", ReferencedSOPSequence=[selected]),
        image("1.2.9.2"),
        sop_class="88.59",
        CurrentRequestedProcedureEvidenceSequence=[
            *evidence("1.2.9.1", "1.2.9.3"),
            *evidence("1.2.9.2", series="1.2.8.1", study="1.2.8"),
        ],
        **attributes,
    )
