"""ASGI's three words, and an application's beginning and end (the ASGI specification 3.0, lifespan 2.0)."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import structlog

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]
Lifespan = Callable[[], AbstractAsyncContextManager[None]]

log = structlog.get_logger()


async def live(lifespan: Lifespan, receive: Receive, send: Send) -> None:
    """Holds the lifespan's context from the server's start to its stop. A failed start is reported, and is the end."""
    await receive()
    started = False
    try:
        async with lifespan():
            started = True
            await send({"type": "lifespan.startup.complete"})
            await receive()
    except Exception as error:
        phase = "shutdown" if started else "startup"
        log.exception("lifespan_failed", phase=phase, error=type(error).__name__)
        await send({"type": f"lifespan.{phase}.failed", "message": str(error)})
    else:
        await send({"type": "lifespan.shutdown.complete"})
