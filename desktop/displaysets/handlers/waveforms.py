"""Waveforms: OHIF's own viewport for a plain electrocardiogram, pages with plots for all others."""

from ...dicom.records import Instance
from ..model import View
from .ohif import ECG, classes
from .single import SingleHandler, own

_CARDIAC = classes("9.1.1 9.1.2 9.1.3 9.2.1 9.3.1")
_ALL = _CARDIAC | classes("9.1.4 9.3.2 9.4.1 9.4.2 9.5.1 9.6.1 9.6.2 9.7.1 9.7.2 9.7.3 9.7.4 9.8.1 9.100.1 9.100.2")


def has_one_group(instance: Instance) -> bool:
    """Whether OHIF shows all of it: it plots the first multiplex group alone."""
    return instance.number("MultiplexGroups") == 1


ELECTROCARDIOGRAM = SingleHandler(ECG, _CARDIAC, has_one_group)
WAVEFORM = SingleHandler(own("waveform"), _ALL, view=View.DOCUMENT)
