"""What is changed in OHIF's files before they are served: OHIF is built to lie at the root of a host.

And the content security policy of its page, which goes by what stands in it.
"""

import base64
import hashlib
import re

_CONFIG_SCRIPT = re.compile(rb'<script[^>]*src="/app-config\.js"')
_USERS_SCRIPTS = b'<script src="/extension/configuring.js"></script><script src="/ohif.js"></script>'

# What is found where in the files of the one build that is shipped; a test looks for others.
_ROOTS: dict[str, tuple[tuple[re.Pattern[bytes], bytes], ...]] = {
    ".html": (
        (re.compile(rb'\b(href|src|content)="/(?!/)'), rb'\1="%s/'),
        (re.compile(rb'(window\.PUBLIC_URL)="/"'), rb'\1="%s/"'),
    ),
    ".css": ((re.compile(rb"(url)\(/(?!/)"), rb"\1(%s/"),),
    ".js": (
        (re.compile(rb'(__webpack_require__\.p) = "/"'), rb'\1 = "%s/"'),
        (re.compile(rb"(browserImportFunction\()'/"), rb"\1'%s/"),
    ),
    ".json": ((re.compile(rb'("src"): "/'), rb'\1: "%s/'),),
}

_INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


def rewrite(suffix: str, body: bytes, base: str) -> bytes:
    """Return a file of OHIF's as it is to lie below a path, with the user's configuration before ours.

    Args:
        suffix: of its name, such as ``.js``.
        base: as :attr:`Site.base`.
    """
    if suffix == ".html":
        body = _CONFIG_SCRIPT.sub(lambda match: _USERS_SCRIPTS + match[0], body)
    if base:
        for pattern, replacement in _ROOTS.get(suffix, ()):
            body = pattern.sub(replacement % base.encode(), body)
    return body


def place_below(metadata: bytes, base: str) -> bytes:
    """Return metadata as they are to be sent: those that are stored refer to frames and bulk data below the root.

    Args:
        metadata: JSON, in which a quotation mark within a value has a backslash before it.
        base: as :attr:`Site.base`.
    """
    if base:
        for begin in (b'"BulkDataURI":"', b'"url":"wadors:'):
            metadata = metadata.replace(begin + b"/dicom-web/", begin + base.encode() + b"/dicom-web/")
    return metadata


def make_policy(index: bytes) -> str:
    """Return the content security policy of the pages: of inline scripts, those of OHIF's own page alone may run.

    Args:
        index: OHIF's page, as it is served.
    """
    digests = [hashlib.sha256(script).digest() for script in _INLINE_SCRIPT.findall(index)]
    scripts = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return _POLICY.format(scripts=f"{scripts} " if scripts else "")


# What OHIF needs was found by having a browser report what it asks for while it shows each kind of object: it makes
# functions of texts to lay segmentations over images (ndarray), and in the decoders of its workers; it makes styles
# as it goes; PDF documents are blobs in frames.
_POLICY = (
    "default-src 'self'; "
    "script-src 'self' {scripts}'unsafe-eval'; "
    "worker-src 'self' blob:; "
    "style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; "
    "connect-src 'self' data: blob:; "
    "object-src 'self' blob:; "
    "frame-src 'self' blob:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
