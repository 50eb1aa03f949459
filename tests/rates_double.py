"""The bank's file of the day, from a server on this machine that misbehaves when it is told to."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from typing_extensions import override

RATES = {"USD": "1.0843", "JPY": "162.55", "GBP": "0.8341"}
_FILE = """<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01"
                 xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
  <gesmes:subject>Reference rates</gesmes:subject>
  <Cube><Cube time="{day}">{rates}</Cube></Cube>
</gesmes:Envelope>
"""


def file_of(rates: dict[str, str] = RATES, *, day: str = "2026-11-20") -> bytes:
    cubes = "".join(f'<Cube currency="{currency}" rate="{rate}"/>' for currency, rate in rates.items())
    return _FILE.format(day=day, rates=cubes).encode()


class Bank:
    """What it answers: a status, a body, and headers; or nothing for as long as `hangs` is not set free."""

    def __init__(self) -> None:
        self.status = 200
        self.body = file_of()
        self.headers: dict[str, str] = {}
        self.is_endless = False
        self.hangs = False
        self.released = threading.Event()
        self.asked: list[str] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/eurofxref-daily.xml"


@contextmanager
def open_bank() -> Iterator[Bank]:
    bank = Bank()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            bank.asked.append(self.path)
            if bank.hangs:
                bank.released.wait(30)
                return
            self.send_response(bank.status)
            for name, value in bank.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(bank.body)
            while bank.is_endless:
                try:
                    self.wfile.write(b" " * 65_536)
                except OSError:
                    return

        @override
        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    bank.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield bank
    finally:
        bank.released.set()
        bank.is_endless = False
        server.shutdown()
        server.server_close()
        thread.join()
