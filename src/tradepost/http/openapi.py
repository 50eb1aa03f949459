"""The OpenAPI 3.1 document, from the operations themselves: schemas by msgspec, problems as each operation names."""

import http
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from tradepost.core.errors import Forbidden, NotFound, ShopError, Unauthenticated, Unavailable, ValidationFailed
from tradepost.http.answers import JSON
from tradepost.http.bodies import Amount, many_named
from tradepost.http.csrf import SAFE, CsrfFailed
from tradepost.http.problems import (
    BodyTooLarge,
    CardDataNotAllowed,
    EncodingNotSupported,
    IdempotencyKeyInvalid,
    IdempotencyKeyRequired,
    InternalError,
    InvalidHost,
    MalformedJson,
    MalformedRequest,
    NotAcceptable,
    Problem,
    RateLimited,
    UnsupportedMediaType,
    status_of,
)
from tradepost.http.routes import PUBLIC, Operation, is_open
from tradepost.idempotency import IdempotencyInFlight, IdempotencyKeyReused

Document = dict[str, Any]
_REF = "#/components/schemas/{name}"
_PARAMETER = re.compile(r"\{(\w+)\}")


def document(
    operations: Sequence[Operation], rights: Mapping[str, str], tags: Sequence[tuple[str, str]], *, version: str
) -> Document:
    """The whole document. Each operation shows its permission as `x-permission`, or that it is public."""
    types = [
        kind
        for operation in operations
        for kind in (operation.body, operation.query, operation.answer, operation.later)
        if kind
    ]
    schemas, components = msgspec.json.schema_components(
        [*types, Problem], ref_template=_REF, schema_hook=_amount_schema
    )
    components = {name: _shortened(component) for name, component in components.items()}
    by_type = dict(zip([str(kind) for kind in (*types, Problem)], schemas, strict=True))
    paths: defaultdict[str, Document] = defaultdict(dict)
    for operation in operations:
        paths[operation.path][operation.method.lower()] = _operation(
            operation, rights[operation.name], by_type, components
        )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tradepost",
            "version": version,
            "description": "Headless commerce and order management. Errors are RFC 9457 problem details.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": description} for name, description in tags],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted(components.items())),
            "securitySchemes": {
                "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "bearer": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "tradepost_access"},
                "orderToken": {"type": "apiKey", "in": "header", "name": "X-Order-Token"},
            },
        },
    }


def _shortened(schema: Any) -> Any:  # noqa: ANN401 - a schema, or a part of one
    """A schema with `x-short` in place of what it says at length, such as itself inside itself.

    Sets of ours take what is given twice, and count it once.
    """
    match schema:
        case {"x-short": short}:
            return short
        case dict():
            return {name: _shortened(part) for name, part in schema.items() if name != "uniqueItems"}
        case list():
            return [_shortened(part) for part in schema]
        case _:
            return schema


def _operation(operation: Operation, permission: str, by_type: Document, components: Document) -> Document:
    shown: Document = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": operation.description,
        "parameters": _parameters(operation, components),
        "responses": _successes(operation, by_type) | _problems(operation, permission),
        "x-permission": permission,
        "security": _security(permission),
    }
    if operation.body is not None:
        content: Document = {"schema": by_type[str(operation.body)]}
        if operation.example is not None:
            content["example"] = operation.example
        shown["requestBody"] = {"required": True, "content": {"application/json": content}}
    elif operation.takes is not None:
        shown["requestBody"] = {"required": True, "content": {operation.takes: {"schema": {"type": "string"}}}}
    elif operation.signature is not None:
        shown["requestBody"] = {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
    return shown


def _security(permission: str) -> list[Document]:
    """A session's cookie needs `X-CSRF-Token` beside it in all but GET: see docs/accounts.md."""
    keys: list[Document] = [{"apiKey": []}, {"bearer": []}, {"session": []}]
    return [{}, *keys, {"orderToken": []}] if is_open(permission) else keys


def _successes(operation: Operation, by_type: Document) -> Document:
    found = {str(operation.status): _success(operation, operation.status, operation.answer, by_type)}
    if operation.also is not None:
        found[str(operation.also)] = _success(operation, operation.also, operation.answer, by_type)
    if operation.later is not None:
        found["202"] = _success(operation, http.HTTPStatus.ACCEPTED, operation.later, by_type)
    if operation.kept_unless is not None:
        found["304"] = {"description": "The ETag is one of If-None-Match: you have it already"}
    return found


def _success(operation: Operation, status: int, kind: Any, by_type: Document) -> Document:  # noqa: ANN401 - a type
    shown: Document = {"description": http.HTTPStatus(status).phrase}
    if kind is not None:
        shown["content"] = {"application/json": {"schema": by_type[str(kind)]}}
    elif operation.media != JSON:
        shown["content"] = {operation.media: {"schema": {"type": "string"}}}
    return shown


def _parameters(operation: Operation, components: Document) -> list[Document]:
    found: list[Document] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in _PARAMETER.findall(operation.path)
    ]
    if operation.query is not None:
        schema = components[operation.query.__name__]
        found += [
            {"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": _lean(property_)}
            | ({"style": "deepObject", "explode": True} if name in many_named(operation.query) else {})
            for name, property_ in schema["properties"].items()
        ]
    found += [{"name": name, "in": "header", "schema": {"type": "string"}} for name in operation.headers]
    if operation.kept_unless is not None:
        found.append({"name": "If-None-Match", "in": "header", "schema": {"type": "string"}})
    if operation.later is not None:
        schema = {"type": "string", "examples": ["respond-async"]}
        found.append({"name": "Prefer", "in": "header", "schema": schema})
    if operation.signature is not None:
        schema = {"type": "string", "minLength": 1}
        found.append({"name": operation.signature, "in": "header", "required": True, "schema": schema})
    if operation.keyed:
        key = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"}
        found.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "The same key with the same request gets the same answer, and takes effect once.",
                "schema": key,
            }
        )
    return found


def _lean(schema: Document) -> Document:
    """A query parameter is absent rather than null."""
    options = [option for option in schema.get("anyOf", ()) if option != {"type": "null"}]
    if len(options) == 1:
        rest = {name: value for name, value in schema.items() if name not in ("anyOf", "default")}
        return {**options[0], **rest}
    return schema


def problems_of(operation: Operation, permission: str) -> list[type[ShopError]]:
    """Every refusal that an operation can answer with."""
    found: list[type[ShopError]] = [InvalidHost, MalformedRequest, Unauthenticated, ValidationFailed]
    found += [NotAcceptable, RateLimited, InternalError, Unavailable, *operation.problems]
    if permission != PUBLIC:
        found.append(Forbidden)
    if operation.method not in SAFE and not operation.signs_in:
        found.append(CsrfFailed)
    if _PARAMETER.search(operation.path) or not operation.problems:
        found.append(NotFound)
    if operation.body is not None or operation.signature is not None:
        found += [MalformedJson, BodyTooLarge, UnsupportedMediaType, EncodingNotSupported, CardDataNotAllowed]
    if operation.takes is not None:
        found += [UnsupportedMediaType, EncodingNotSupported]
    if operation.keyed:
        found += [IdempotencyKeyInvalid, IdempotencyKeyRequired, IdempotencyInFlight, IdempotencyKeyReused]
    return list(dict.fromkeys(found))


def _problems(operation: Operation, permission: str) -> Document:
    by_status: defaultdict[int, list[type[ShopError]]] = defaultdict(list)
    for problem in problems_of(operation, permission):
        by_status[status_of(problem)].append(problem)
    return {str(status): _problem(status, problems) for status, problems in sorted(by_status.items())}


def _problem(status: int, problems: Sequence[type[ShopError]]) -> Document:
    shown: Document = {
        "description": "\n".join(f"- `{problem.code}`: {problem.title}" for problem in problems),
        "content": {"application/problem+json": {"schema": {"$ref": _REF.format(name="Problem")}}},
    }
    if status in (status_of(Unavailable), status_of(RateLimited)):
        shown["headers"] = {"Retry-After": {"description": "Seconds", "schema": {"type": "integer"}}}
    return shown


def _amount_schema(kind: type) -> Document:
    if kind is not Amount:
        raise NotImplementedError  # how a hook of msgspec says that a type is not its own
    return {"type": ["string", "number"], "pattern": r"^-?\d{1,15}(\.\d{1,4})?$", "examples": ["19.99"]}
