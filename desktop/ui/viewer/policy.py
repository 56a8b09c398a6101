"""What pages may ask for and where links lead. Pure decisions; Qt's classes only carry them out."""

import re
from dataclasses import dataclass
from enum import Enum
from urllib.parse import parse_qs, urlsplit

_INSIDE = frozenset({"about", "blob", "chrome", "chrome-extension", "data", "qrc"})
"""Schemes that never leave the web engine: its PDF viewer is made of them."""

_OUTSIDE = frozenset({"http", "https", "mailto"})
"""Schemes that the system's own programs may open, if the user agrees."""


_OF_JSON = re.compile(r"/studies/([0-9.]{1,64})/ohif-dicom-json")


def studies_of_address(url: str) -> tuple[str, ...]:
    """Return the UIDs of the studies that a page of OHIF's shows, by its address."""
    query = {name.lower(): values for name, values in parse_qs(urlsplit(url).query).items()}
    found = [uid for text in query.get("url", ()) for uid in _OF_JSON.findall(text)]
    for text in query.get("studyinstanceuids", ()):
        found += [uid for uid in text.split(",") if uid]
    return tuple(dict.fromkeys(found))


def mode_of_address(url: str) -> str:
    """Return the mode of the viewer in which a page of OHIF's shows something, by its address."""
    return urlsplit(url).path.strip("/").partition("/")[0]


class Verdict(Enum):
    """What to do with a request or a link."""

    OWN = "our server: allow, with the token"
    INSIDE = "within the web engine: allow"
    ASK = "elsewhere: ask the user, then let the system open it"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Policy:
    """Decides for one server.

    Attributes:
        origin: such as ``http://127.0.0.1:4711``.
    """

    origin: str

    def is_own(self, url: str) -> bool:
        """Whether a URL is of our server: scheme, host and port must all be the same."""
        parts = urlsplit(url)
        # The user part could make another host look like ours.
        return "@" not in parts.netloc and f"{parts.scheme}://{parts.netloc}" == self.origin

    def request(self, url: str) -> Verdict:
        """Decide on what a page asks for by itself: anything elsewhere is refused."""
        if self.is_own(url):
            return Verdict.OWN
        return Verdict.INSIDE if urlsplit(url).scheme in _INSIDE else Verdict.REFUSE

    def link(self, url: str) -> Verdict:
        """Decide on a link that wants a new window, or to leave the page."""
        verdict = self.request(url)
        if verdict is Verdict.REFUSE and urlsplit(url).scheme in _OUTSIDE:
            return Verdict.ASK
        return verdict
