"""Makes objects of radiotherapy."""

from typing import Any

from pydicom.dataset import Dataset
from unit.documents.pages import code, dataset, head, reference

PLAN_CLASS = "1.2.840.10008.5.1.4.1.1.481.5"
SET_CLASS = "1.2.840.10008.5.1.4.1.1.481.3"


def plan() -> Dataset:
    """Return a plan of an arc of three control points and a wedged static beam, in two fraction groups."""
    leaves = dataset(RTBeamLimitingDeviceType="MLCX", LeafJawPositions=[-10.0, -5.0, 0.0, 10.0, 5.0, 0.0])
    jaws = dataset(RTBeamLimitingDeviceType="ASYMY", LeafJawPositions=[-20.0, 25.5])
    points = [
        dataset(
            ControlPointIndex=0,
            CumulativeMetersetWeight=0,
            NominalBeamEnergy=6,
            DoseRateSet=600,
            GantryAngle=181,
            GantryRotationDirection="CW",
            BeamLimitingDeviceAngle=30,
            PatientSupportAngle=0,
            IsocenterPosition=[1.5, -2.25, 30],
            SourceToSurfaceDistance=895.049384513678,
            BeamLimitingDevicePositionSequence=[jaws, leaves],
        ),
        dataset(
            ControlPointIndex=1,
            CumulativeMetersetWeight=0.5,
            GantryAngle=0,
            BeamLimitingDevicePositionSequence=[leaves],
        ),
        dataset(ControlPointIndex=2, CumulativeMetersetWeight=1, GantryAngle=179),
    ]
    arc = dataset(
        BeamNumber=1,
        BeamName="Arc <1>",
        BeamType="DYNAMIC",
        RadiationType="PHOTON",
        TreatmentMachineName="LINAC1",
        PrimaryDosimeterUnit="MU",
        TreatmentDeliveryType="TREATMENT",
        BeamLimitingDeviceSequence=[
            dataset(RTBeamLimitingDeviceType="ASYMY", NumberOfLeafJawPairs=1),
            dataset(
                RTBeamLimitingDeviceType="MLCX", NumberOfLeafJawPairs=3, LeafPositionBoundaries=[-15.0, -5.0, 5.0, 15.0]
            ),
        ],
        ControlPointSequence=points,
    )
    wedged = dataset(
        BeamNumber=2,
        BeamName="Boost",
        RadiationType="ELECTRON",
        WedgeSequence=[dataset(WedgeNumber=1, WedgeType="STANDARD", WedgeAngle=45, WedgeID="W45")],
        BlockSequence=[dataset(BlockNumber=1, BlockName="Lung", BlockType="SHIELDING", BlockTransmission=0.05)],
        ControlPointSequence=[dataset(ControlPointIndex=0, NominalBeamEnergy=9, GantryAngle=90)],
    )
    return head(
        "481.5",
        Modality="RTPLAN",
        RTPlanLabel="Prostate",
        RTPlanDate="20260102",
        RTPlanGeometry="PATIENT",
        ApprovalStatus="UNAPPROVED",
        PrescriptionDescription="Slowly",
        DoseReferenceSequence=[
            dataset(
                DoseReferenceNumber=1,
                DoseReferenceStructureType="SITE",
                DoseReferenceDescription="PTV",
                DoseReferenceType="TARGET",
                TargetPrescriptionDose=60,
            ),
            dataset(DoseReferenceNumber=2, DoseReferenceType="ORGAN_AT_RISK", OrganAtRiskMaximumDose=45.5),
        ],
        FractionGroupSequence=[
            dataset(
                FractionGroupNumber=1,
                NumberOfFractionsPlanned=30,
                NumberOfBeams=2,
                ReferencedBeamSequence=[
                    dataset(ReferencedBeamNumber=1, BeamMeterset=250.125, BeamDose=1.5),
                    dataset(ReferencedBeamNumber=2, BeamMeterset=100),
                ],
            ),
            dataset(
                FractionGroupNumber=2,
                NumberOfFractionsPlanned=5,
                ReferencedBeamSequence=[dataset(ReferencedBeamNumber=1, BeamMeterset=50)],
            ),
        ],
        BeamSequence=[arc, wedged],
        PatientSetupSequence=[dataset(PatientSetupNumber=1, PatientPosition="HFS", SetupTechnique="ISOCENTRIC")],
        ToleranceTableSequence=[
            dataset(
                ToleranceTableNumber=1,
                ToleranceTableLabel="Tight",
                GantryAngleTolerance=0.5,
                BeamLimitingDeviceToleranceSequence=[
                    dataset(RTBeamLimitingDeviceType="ASYMY", BeamLimitingDevicePositionTolerance=2)
                ],
            )
        ],
        ReferencedStructureSetSequence=[reference("1.2.5", SET_CLASS)],
        ReferencedRTPlanSequence=[
            dataset(
                ReferencedSOPClassUID=PLAN_CLASS, ReferencedSOPInstanceUID="1.2.6", RTPlanRelationship="PREDECESSOR"
            )
        ],
    )


def ion_plan() -> Dataset:
    """Return a plan of protons, whose energy goes down from point to point."""
    points = [
        dataset(
            ControlPointIndex=number,
            NominalBeamEnergy=150.5 - number,
            GantryAngle=90,
            SnoutPosition=300,
            NumberOfScanSpotPositions=100 + number,
        )
        for number in range(3)
    ]
    beam = dataset(
        BeamNumber=1,
        BeamName="Field",
        RadiationType="PROTON",
        TreatmentMachineName="GANTRY2",
        ModulatedScanModeType="STATIONARY",
        SnoutSequence=[dataset(SnoutID="S1")],
        RangeShifterSequence=[dataset(RangeShifterNumber=1, RangeShifterID="RS", RangeShifterType="BINARY")],
        IonControlPointSequence=points,
    )
    return head("481.8", Modality="RTPLAN", RTPlanLabel="Protons", IonBeamSequence=[beam])


def brachy_plan() -> Dataset:
    """Return a plan of one source in one channel."""
    points = [
        dataset(ControlPointIndex=number, ControlPointRelativePosition=5.0 * number, CumulativeTimeWeight=number)
        for number in range(4)
    ]
    setup = dataset(
        ApplicationSetupType="VAGINAL",
        ApplicationSetupNumber=1,
        TotalReferenceAirKerma=4100.5,
        ChannelSequence=[
            dataset(
                ChannelNumber=3,
                ReferencedSourceNumber=1,
                ChannelTotalTime=123.4,
                SourceMovementType="STEPWISE",
                BrachyControlPointSequence=points,
            )
        ],
    )
    source = dataset(
        SourceNumber=1,
        SourceType="LINE",
        SourceIsotopeName="Ir-192",
        ReferenceAirKermaRate=40700,
        SourceStrengthReferenceDate="20260101",
    )
    return head(
        "481.5",
        RTPlanLabel="HDR",
        BrachyTreatmentTechnique="INTRACAVITARY",
        BrachyTreatmentType="HDR",
        SourceSequence=[source],
        ApplicationSetupSequence=[setup],
    )


def beams_record(ending: str = "NORMAL") -> Dataset:
    """Return a record of one beam of two control points."""
    points = [
        dataset(
            ReferencedControlPointIndex=number,
            SpecifiedMeterset=50.0 * number,
            DeliveredMeterset=49.5 * number,
            GantryAngle=90,
            OverrideSequence=[dataset(OverrideReason="Table moved", OperatorsName="Roe^Richard")] if number else [],
        )
        for number in range(2)
    ]
    beam = dataset(
        ReferencedBeamNumber=1,
        BeamName="Arc",
        CurrentFractionNumber=7,
        TreatmentTerminationStatus=ending,
        TreatmentVerificationStatus="VERIFIED",
        SpecifiedPrimaryMeterset=50,
        DeliveredPrimaryMeterset=49.5,
        ControlPointDeliverySequence=points,
    )
    return head(
        "481.4",
        TreatmentDate="20260105",
        TreatmentTime="101500",
        TreatmentMachineSequence=[dataset(TreatmentMachineName="LINAC1")],
        TreatmentSessionBeamSequence=[beam],
        ReferencedRTPlanSequence=[reference("1.2.6", PLAN_CLASS)],
        MeasuredDoseReferenceSequence=[
            dataset(ReferencedDoseReferenceNumber=1, MeasuredDoseValue=1.98, DoseUnits="GY")
        ],
    )


def summary_record() -> Dataset:
    """Return the summary of a treatment."""
    states = [dataset(ReferencedFractionNumber=1, TreatmentDate="20260105", TreatmentTerminationStatus="OPERATOR")]
    group = dataset(
        ReferencedFractionGroupNumber=1,
        NumberOfFractionsPlanned=30,
        NumberOfFractionsDelivered=12,
        FractionStatusSummarySequence=states,
    )
    return head(
        "481.7",
        CurrentTreatmentStatus="ON_BREAK",
        TreatmentStatusComment="Fever",
        FirstTreatmentDate="20260105",
        FractionGroupSummarySequence=[group],
    )


def structures() -> Dataset:
    """Return a structure set of two regions, one of which is not drawn."""
    contour = dataset(ContourGeometricType="CLOSED_PLANAR", NumberOfContourPoints=3, ContourData=[0.0] * 9)
    return head(
        "481.3",
        StructureSetLabel="Planning",
        ApprovalStatus="APPROVED",
        StructureSetROISequence=[
            dataset(ROINumber=1, ROIName="Bladder", ROIGenerationAlgorithm="MANUAL", ROIVolume=120.5),
            dataset(ROINumber=2, ROIName="PTV", ROIGenerationAlgorithm=""),
        ],
        ROIContourSequence=[
            dataset(ReferencedROINumber=1, ROIDisplayColor=[255, 128, 0], ContourSequence=[contour, contour])
        ],
        RTROIObservationsSequence=[dataset(ObservationNumber=1, ReferencedROINumber=2, RTROIInterpretedType="PTV")],
    )


def dose(**attributes: Any) -> Dataset:
    """Return a dose with a cumulative and a differential histogram."""

    def histogram(kind: str, number: int, data: list[float], units: str) -> Dataset:
        return dataset(
            DVHType=kind,
            DoseUnits="GY",
            DVHDoseScaling=0.5,
            DVHVolumeUnits=units,
            DVHNumberOfBins=len(data) // 2,
            DVHData=data,
            DVHMeanDose=1.25,
            DVHReferencedROISequence=[dataset(ReferencedROINumber=number, DVHROIContributionType="INCLUDED")],
        )

    return head(
        "481.2",
        DoseUnits="GY",
        DoseType="PHYSICAL",
        DoseSummationType="PLAN",
        ReferencedRTPlanSequence=[reference("1.2.6", PLAN_CLASS)],
        DVHSequence=[
            histogram("CUMULATIVE", 1, [1, 80, 1, 80, 1, 40, 1, 0], "CM3"),
            histogram("DIFFERENTIAL", 2, [1, 5, 1, 7], "CM3"),
        ],
        **attributes,
    )


def intent() -> Dataset:
    """Return a physician's intent, of the second generation."""
    prescription = dataset(RTPrescriptionLabel="60 in 30", RTPrescriptionIndex=1)
    physician = dataset(
        RTPhysicianIntentIndex=1,
        RTTreatmentIntentType="CURATIVE",
        RTDiagnosisCodeSequence=code("399068003", "SCT", "Prostate cancer"),
    )
    return head("481.10", RTPhysicianIntentSequence=[physician], RTPrescriptionSequence=[prescription])
