"""What a file lies on: this computer, a disc, a stick or a share. Standard library only."""

from .model import THIS_COMPUTER, Medium, MediumKind, at_another_mount
from .mounts import find_medium, mounted_media
from .risks import library_risk

__all__ = [
    "THIS_COMPUTER",
    "Medium",
    "MediumKind",
    "at_another_mount",
    "find_medium",
    "library_risk",
    "mounted_media",
]
