"""The API reference: the OpenAPI document and a page that shows it, served by ourselves, without a network."""

from collections.abc import Callable
from functools import cache
from importlib.resources import files

import msgspec

from tradepost.core.errors import NotFound
from tradepost.http.answers import Answer
from tradepost.http.openapi import Document
from tradepost.http.resources import Resource, page

_FILES = {
    "swagger-ui.css": "text/css; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "start.js": "text/javascript; charset=utf-8",
}
_START = b"""window.ui = SwaggerUIBundle({
  url: "/openapi.json", dom_id: "#reference", deepLinking: true, validatorUrl: null, tryItOutEnabled: true,
  displayRequestDuration: true, filter: true
});
"""
_PAGE = b"""<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Tradepost API</title>
  <link rel="stylesheet" href="/docs/swagger-ui.css">
  <link rel="icon" href="data:,">
</head>
<body>
  <main id="reference"><noscript>The interactive reference needs JavaScript; the document is
    <a href="/openapi.json">openapi.json</a>.</noscript></main>
  <script src="/docs/swagger-ui-bundle.js"></script>
  <script src="/docs/start.js"></script>
</body>
</html>
"""
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; font-src data:; base-uri 'none'; frame-ancestors 'none'"
)
_PUBLIC = ("cache-control", "public, max-age=300")


def resources(document: Callable[[], Document]) -> list[Resource]:
    """`/docs`, its files, and the document as JSON and YAML, which is made when it is first asked for."""
    as_json = cache(lambda: msgspec.json.encode(document()))
    as_yaml = cache(lambda: msgspec.yaml.encode(document()))
    return [
        page("/docs", _page),
        *(page(f"/docs/{name}", _file(name)) for name in _FILES),
        page("/openapi.json", lambda: Answer(200, as_json(), headers=[_PUBLIC])),
        page("/openapi.yaml", lambda: Answer(200, as_yaml(), headers=[_PUBLIC], content_type="application/yaml")),
    ]


def _page() -> Answer:
    return Answer(200, _PAGE, headers=[("content-security-policy", _POLICY)], content_type="text/html; charset=utf-8")


def _file(name: str) -> Callable[[], Answer]:
    return lambda: Answer(200, _content(name), headers=[_PUBLIC], content_type=_FILES[name])


@cache
def _content(name: str) -> bytes:
    if name == "start.js":
        return _START
    file = files("tradepost.http") / "static" / name
    if not file.is_file():
        msg = "The reference page was not built: run 'make setup'"
        raise NotFound(msg)
    return file.read_bytes()
