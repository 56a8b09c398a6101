"""All other objects: PDF for OHIF; presentation states, surfaces and pages for viewports of ours."""

from ...dicom.records import Instance
from ..model import View
from .ohif import PDF, classes
from .single import SingleHandler, own


def has_surface(instance: Instance) -> bool:
    """Whether the document is a model of a surface. Nobody needs to say so in its MIME type."""
    return instance.SOPClassUID not in classes("104.3 104.4") or "mtl" not in str(
        instance.trait("MIMETypeOfEncapsulatedDocument") or ""
    )


PORTABLE_DOCUMENT = SingleHandler(PDF, classes("104.1"))
PRESENTATION_STATE = SingleHandler(
    own("presentation-state"), classes("11.1 11.2 11.3 11.4 11.5 11.12"), view=View.PRESENTED, Modality="PR"
)
SURFACE = SingleHandler(own("surface"), classes("104.3 104.4 66.5"), has_surface, View.MESH)
PAGE = SingleHandler(own("page"), view=View.DOCUMENT)
"""Takes all that nobody else shows: as tables, or element by element."""
