"""Addresses: which there are, which methods each of them has, and what answers them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from tradepost.core.errors import NotFound
from tradepost.http.answers import Answer
from tradepost.http.asgi import Receive, Scope
from tradepost.http.problems import MethodNotAllowed

Responder = Callable[[Scope, Receive], Awaitable[Answer]]


class Resource(msgspec.Struct, frozen=True):
    """What is at an address such as `/orders/{order_id}`: a responder for each method."""

    path: str
    responders: Mapping[str, Responder]


def page(path: str, answer: Callable[[], Answer]) -> Resource:
    """A resource that can only be read, with an answer that depends on nothing in the request."""

    async def respond(_scope: Scope, _receive: Receive) -> Answer:
        return answer()

    return Resource(path, {"GET": respond})


class _Node:
    """One step of a path: by name, or any at all, which is then the value of a parameter."""

    __slots__ = ("any", "named", "parameters", "resource")

    def __init__(self) -> None:
        self.named: dict[str, _Node] = {}
        self.any: _Node | None = None
        self.resource: Resource | None = None
        self.parameters: Sequence[str] = ()


class Router:
    """Finds the resource of a path. A step that a resource names goes before one that is a parameter."""

    def __init__(self, resources: Sequence[Resource]) -> None:
        self._fixed = {resource.path: resource for resource in resources if "{" not in resource.path}
        self._root = _Node()
        for resource in resources:
            self._add(resource)

    async def respond(self, scope: Scope, receive: Receive) -> Answer:
        """The answer of the resource that the path leads to; `scope["path_params"]` has the path's values.

        Raises NotFound, MethodNotAllowed with the methods that there are (RFC 9110, 15.5.6), and what responders raise.
        """
        resource, scope["path_params"] = self._find(scope["path"])
        respond = resource.responders.get(scope["method"])
        if respond is not None:
            return await respond(scope, receive)
        allow = ", ".join(sorted({*resource.responders, "OPTIONS"}))
        if scope["method"] == "OPTIONS":
            return Answer(204, headers=[("allow", allow)])
        raise MethodNotAllowed(allow=allow)

    def _add(self, resource: Resource) -> None:
        node = self._root
        parameters: list[str] = []
        for step in _steps(resource.path):
            if step.startswith("{"):
                parameters.append(step[1:-1])
                node.any = node = node.any or _Node()
            else:
                node = node.named.setdefault(step, _Node())
        node.resource = resource
        node.parameters = parameters

    def _find(self, path: str) -> tuple[Resource, dict[str, Any]]:
        fixed = self._fixed.get(path)
        if fixed is not None:
            return fixed, {}
        node: _Node | None = self._root
        values: list[str] = []
        for step in _steps(path):
            found = node.named.get(step) if node else None
            if found is None and node and step:
                values.append(step)
                found = node.any
            node = found
        if node is None or node.resource is None:
            msg = "There is nothing at this address"
            raise NotFound(msg)
        return node.resource, dict(zip(node.parameters, values, strict=True))


def _steps(path: str) -> list[str]:
    """A slash at the end makes no difference."""
    return path.removesuffix("/").split("/")[1:]
