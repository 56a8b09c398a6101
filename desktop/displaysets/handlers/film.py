"""Films: video in a compression of films (PS3.5 §8.2.5 to 8.2.8), whatever class holds it."""

from ...dicom.records import Instance
from ...dicom.uids import VIDEO_SYNTAXES
from ..model import View
from .ohif import VIDEO
from .single import SingleHandler


def is_film(instance: Instance) -> bool:
    """Whether the frames are those of a film.

    OHIF takes each video photograph for one, and each secondary capture of 90 frames or more. By the way they are
    written, images of such classes are what they say: frames of their own, to be scrolled.
    """
    return instance.TransferSyntaxUID in VIDEO_SYNTAXES


FILM = SingleHandler(VIDEO, takes=is_film, view=View.VIDEO, has_frames=True)
