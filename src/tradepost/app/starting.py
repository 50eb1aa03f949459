"""What `tradepost serve` does before anything heavy is loaded: it should fail at once, or be ready soon."""

import signal
import socket

from tradepost.core.errors import Conflict


class PortTaken(Conflict):
    """Somebody else listens there."""

    title = "The port is taken"


def check_port(host: str, port: int) -> None:
    """PortTaken with what to do about it, before anything is started."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            msg = f"{host}:{port} cannot be listened on ({error.strerror}): set TRADEPOST_PORT"
            if error.errno == 98:  # noqa: PLR2004 - EADDRINUSE
                msg = f"port {port} is taken: set TRADEPOST_PORT"
            raise PortTaken(msg) from None


def stop_cleanly_on_sigterm() -> None:
    """So that `finally` blocks run and the embedded server stops, also before the workers are up."""
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(SystemExit(0)))
