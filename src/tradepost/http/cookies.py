"""Cookies: read (RFC 6265, 5.4) and set, never readable by a script."""

from collections.abc import Mapping


def read(headers: Mapping[bytes, bytes], name: str) -> str | None:
    """The value of a cookie. None where it is sent twice: a neighbouring host may have tossed one of them in."""
    prefix = f"{name}=".encode()
    found = [part[len(prefix) :] for part in _parts(headers) if part.startswith(prefix)]
    return found[0].decode("latin-1") if len(found) == 1 else None


def _parts(headers: Mapping[bytes, bytes]) -> list[bytes]:
    return [part.strip() for part in headers.get(b"cookie", b"").split(b";")]


class CookieJar:
    """How this installation names and sets its cookies.

    Under HTTPS they are Secure, and those for the whole site have the prefix __Host-, which browsers let nobody else
    set (RFC 6265bis, 4.1.3). Those for one path cannot have that, and have __Secure-.
    """

    def __init__(self, *, secure: bool) -> None:
        self._secure = secure

    def name(self, name: str, *, path: str = "/") -> str:
        if not self._secure:
            return name
        return f"__Host-{name}" if path == "/" else f"__Secure-{name}"

    def set(self, name: str, value: str, *, seconds: int, path: str = "/", same_site: str = "Lax") -> tuple[str, str]:
        """The header that sets it; no seconds at all takes it away."""
        secure = "; Secure" if self._secure else ""
        text = f"{self.name(name, path=path)}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite={same_site}"
        return "set-cookie", text + secure
