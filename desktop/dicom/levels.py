"""At which level an attribute stands: patient, study, series or instance (PS3.3 §A.1.2; PS3.4 §C.6.1).

By the modules of PS3.3 that belong to patient (§C.7.1), study (§C.7.2) and series (§C.7.3, C.7.5): their attributes are
the same in all of its images. All others are the instance's own.
"""

from enum import IntEnum
from functools import cache

from .dictionary import tag_of


class Level(IntEnum):
    """The levels of the information model, from the top."""

    PATIENT = 0
    STUDY = 1
    SERIES = 2
    INSTANCE = 3


_PATIENT = """
    PatientName PatientID IssuerOfPatientID IssuerOfPatientIDQualifiersSequence TypeOfPatientID PatientBirthDate
    PatientBirthTime PatientBirthDateInAlternativeCalendar PatientDeathDateInAlternativeCalendar
    PatientAlternativeCalendar PatientSex ReferencedPatientSequence SourcePatientGroupIdentificationSequence
    GroupOfPatientsIdentificationSequence OtherPatientIDs OtherPatientIDsSequence OtherPatientNames PatientBirthName
    PatientMotherBirthName MedicalRecordLocator MilitaryRank BranchOfService CountryOfResidence RegionOfResidence
    PatientAddress PatientTelephoneNumbers PatientTelecomInformation PatientReligiousPreference
    PatientPrimaryLanguageCodeSequence PatientInsurancePlanCodeSequence EthnicGroup EthnicGroupCodeSequence
    PatientComments PatientSpeciesDescription PatientSpeciesCodeSequence PatientBreedDescription
    PatientBreedCodeSequence BreedRegistrationSequence StrainDescription StrainNomenclature StrainCodeSequence
    StrainAdditionalInformation StrainStockSequence GeneticModificationsSequence ResponsiblePerson
    ResponsiblePersonRole ResponsibleOrganization PatientIdentityRemoved DeidentificationMethod
    DeidentificationMethodCodeSequence QualityControlSubject ClinicalTrialSponsorName ClinicalTrialProtocolID
    ClinicalTrialProtocolName ClinicalTrialSiteID ClinicalTrialSiteName ClinicalTrialSubjectID
    ClinicalTrialSubjectReadingID ClinicalTrialProtocolEthicsCommitteeName
    ClinicalTrialProtocolEthicsCommitteeApprovalNumber NumberOfPatientRelatedStudies NumberOfPatientRelatedSeries
    NumberOfPatientRelatedInstances
"""
_STUDY = """
    StudyInstanceUID StudyDate StudyTime StudyID StudyDescription AccessionNumber IssuerOfAccessionNumberSequence
    ReferringPhysicianName ReferringPhysicianIdentificationSequence ConsultingPhysicianName
    ConsultingPhysicianIdentificationSequence PhysiciansOfRecord PhysiciansOfRecordIdentificationSequence
    NameOfPhysiciansReadingStudy PhysiciansReadingStudyIdentificationSequence RequestingService
    RequestingServiceCodeSequence RequestingPhysician ReferencedStudySequence ProcedureCodeSequence
    ReasonForPerformedProcedureCodeSequence StudyStatusID StudyPriorityID ReasonForStudy StudyComments
    StudyVerifiedDate StudyVerifiedTime StudyReadDate StudyReadTime CurrentPatientLocation
    AdmittingDiagnosesDescription AdmittingDiagnosesCodeSequence PatientAge PatientSize PatientSizeCodeSequence
    PatientWeight PatientBodyMassIndex MeasuredAPDimension MeasuredLateralDimension MedicalAlerts Allergies
    SmokingStatus PregnancyStatus LastMenstrualDate PatientState Occupation AdditionalPatientHistory
    ReasonForVisit ReasonForVisitCodeSequence AdmissionID IssuerOfAdmissionID IssuerOfAdmissionIDSequence
    AdmittingDate AdmittingTime InstitutionalDepartmentTypeCodeSequence ServiceEpisodeID
    IssuerOfServiceEpisodeIDSequence ServiceEpisodeDescription VisitComments PatientSexNeutered
    ClinicalTrialTimePointID ClinicalTrialTimePointDescription ClinicalTrialTimePointTypeCodeSequence
    LongitudinalTemporalOffsetFromEvent LongitudinalTemporalEventType ConsentForClinicalTrialUseSequence
    ModalitiesInStudy SOPClassesInStudy NumberOfStudyRelatedSeries NumberOfStudyRelatedInstances
"""
_SERIES = """
    SeriesInstanceUID Modality SeriesNumber SeriesDescription SeriesDescriptionCodeSequence SeriesDate SeriesTime
    Laterality BodyPartExamined PatientPosition AnatomicalOrientationType ProtocolName PerformingPhysicianName
    PerformingPhysicianIdentificationSequence OperatorsName OperatorIdentificationSequence
    ReferencedPerformedProcedureStepSequence RelatedSeriesSequence TreatmentSessionUID RequestAttributesSequence
    PerformedProcedureStepID PerformedProcedureStepStartDate PerformedProcedureStepStartTime
    PerformedProcedureStepEndDate PerformedProcedureStepEndTime PerformedProcedureStepDescription
    PerformedProtocolCodeSequence CommentsOnThePerformedProcedureStep Manufacturer ManufacturerModelName
    DeviceSerialNumber SoftwareVersions InstitutionName InstitutionAddress InstitutionalDepartmentName StationName
    InstitutionCodeSequence DeviceUID UDISequence ManufacturerDeviceClassUID GantryID DateOfLastCalibration
    TimeOfLastCalibration SpatialResolution FrameOfReferenceUID PositionReferenceIndicator
    SynchronizationFrameOfReferenceUID ClinicalTrialCoordinatingCenterName ClinicalTrialSeriesID
    ClinicalTrialSeriesDescription NumberOfSeriesRelatedInstances
"""


def level_of(tag: str) -> Level:
    """Return the level at which an attribute stands, given its tag as eight upper-case hexadecimal digits."""
    return _levels().get(tag, Level.INSTANCE)


@cache
def _levels() -> dict[str, Level]:
    levels = ((_PATIENT, Level.PATIENT), (_STUDY, Level.STUDY), (_SERIES, Level.SERIES))
    return {tag_of(keyword): level for keywords, level in levels for keyword in keywords.split()}
