"""Addresses of what lies elsewhere on the web."""

import re
from urllib.parse import urlsplit

from tradepost.core.errors import invalid

_PRINTABLE = re.compile(r"[!-~]+")
_LABEL = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")
_MOST_HOST = 253


def check_public_https(url: str, *, pointer: str) -> None:
    """ValidationFailed for what is no https address of a named host that anybody could reach.

    It looks at the form alone. A host is a name with a dot that does not end in digits: no way to write an IP address
    is left, nor `localhost`. No user, no password, and no port but the usual one.
    """
    if not _is_public_https(url):
        raise invalid(pointer, "url_not_allowed", "must be an https address of a public host")


def _is_public_https(url: str) -> bool:
    if not _PRINTABLE.fullmatch(url) or "\\" in url:
        return False
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    labels = host.split(".")
    return (
        parts.scheme == "https"
        and "@" not in parts.netloc
        and port in (None, 443)
        and len(host) <= _MOST_HOST
        and len(labels) > 1
        and all(_LABEL.fullmatch(label) for label in labels)
        and labels[-1][:1].isalpha()
        and labels[-1].lower() not in ("local", "localhost", "internal")
    )
