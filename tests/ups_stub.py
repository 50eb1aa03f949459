"""UPS on this machine: a server that speaks its wire format, is as strict as it is, and fails when it is told to."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

CLIENT_ID, CLIENT_SECRET, ACCOUNT = "tradepost-app", "s3cret/of:ups", "A1B2C3"
GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
PRICES = {"03": ("12.40", None), "02": ("31.05", "2"), "01": ("58.00", "1")}
NEGOTIATED = "9.99"
HANG, RESET, GARBAGE, HUGE, STALL, LATE = "hang", "reset", "garbage", "huge", "stall", "late"

Answer = tuple[int, Any]


class Refusal(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.answer: Answer = (status, {"response": {"errors": [{"code": code, "message": message}]}})


class Asked:
    """A request as it came in."""

    def __init__(self, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        self.method, self.path, self.headers, self.body = method, path, headers, body

    def json(self) -> Any:
        if self.headers.get("content-type") != "application/json":
            raise Refusal(415, "10001", "The content type is not application/json")
        return json.loads(self.body)


class Ups:
    """Its state, and what it does next instead of answering: a status, or one of the words above."""

    def __init__(self) -> None:
        self.tokens: set[str] = set()
        self.tokens_given = 0
        self.token_seconds = "14399"
        self.secret = CLIENT_SECRET
        self.shipments: dict[str, list[str]] = {}
        self.voided: list[str] = []
        self.activities: dict[str, list[dict[str, Any]]] = {}
        self.asked: list[Asked] = []
        self.next: list[int | str] = []
        self.next_token: list[int | str] = []
        self.negotiates = False
        self.released = asyncio.Event()
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def last(self) -> Any:
        """The body of the last call."""
        return json.loads(self.asked[-1].body)

    def forget_tokens(self) -> None:
        """They run out before their time."""
        self.tokens.clear()

    def scan(self, number: str, kind: str, code: str, text: str, *, status_code: str = "") -> None:
        """Something happens to a parcel, an hour after what happened before. The newest comes first."""
        scans = self.activities[number]
        at = datetime(2026, 3, 1, 9, tzinfo=UTC) + timedelta(hours=len(scans))
        status = {"type": kind, "code": code, "statusCode": status_code, "description": text}
        where = {"address": {"city": "Louisville", "stateProvince": "KY", "countryCode": "US"}, "slic": "4009"}
        local = at - timedelta(hours=5)
        scan = {"date": f"{local:%Y%m%d}", "time": f"{local:%H%M%S}", "gmtOffset": "-05:00", "location": where}
        gmt = {"gmtDate": f"{at:%Y%m%d}", "gmtTime": f"{at:%H:%M:%S}"}
        scans.insert(0, scan | gmt | {"status": status})

    def answer(self, asked: Asked) -> Answer:
        if asked.path == "/security/v1/oauth/token":
            return self._token(asked)
        self.asked.append(asked)
        if asked.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            raise Refusal(401, "250002", "Invalid Authentication Information.")
        for header in ("transid", "transactionsrc"):
            _demand(asked.headers.get(header), "10002", f"Missing {header}")
        routes: list[tuple[str, str, Callable[[Asked], Answer]]] = [
            ("POST", "/api/rating/v2409/Shop", self._rates),
            ("POST", "/api/shipments/v2409/ship", self._ship),
            ("GET", "/api/track/v1/details/", self._track),
            ("DELETE", "/api/shipments/v2409/void/cancel/", self._void),
        ]
        for method, path, does in routes:
            if asked.method == method and asked.path.startswith(path):
                return does(asked)
        raise Refusal(404, "10404", "No such resource")

    def _token(self, asked: Asked) -> Answer:
        wanted = base64.b64encode(f"{CLIENT_ID}:{self.secret}".encode()).decode()
        if asked.headers.get("authorization") != f"Basic {wanted}":
            raise Refusal(401, "10401", "ClientId is Invalid")
        form = (asked.headers.get("content-type"), asked.body)
        _demand(form == ("application/x-www-form-urlencoded", b"grant_type=client_credentials"), "10400", "Bad grant")
        self.tokens_given += 1
        token = f"token-{self.tokens_given}"
        self.tokens.add(token)
        return 200, {"token_type": "Bearer", "access_token": token, "expires_in": self.token_seconds}

    def _rates(self, asked: Asked) -> Answer:
        shipment = asked.json()["RateRequest"]["Shipment"]
        _check_shipment(shipment, box="PackagingType")
        _demand(_payer(shipment["PaymentDetails"]) == ACCOUNT, "111100", "Missing or invalid payer")
        return 200, {"RateResponse": {"RatedShipment": [self._rated(code) for code in PRICES]}}

    def _rated(self, code: str) -> dict[str, Any]:
        price, days = PRICES[code]
        rated: dict[str, Any] = {"Service": {"Code": code, "Description": ""}, "TotalCharges": _usd(price)}
        if days:
            rated["GuaranteedDelivery"] = {"BusinessDaysInTransit": days}
        return rated | self._discount()

    def _discount(self) -> dict[str, Any]:
        return {"NegotiatedRateCharges": {"TotalCharge": _usd(NEGOTIATED)}} if self.negotiates else {}

    def _ship(self, asked: Asked) -> Answer:
        request = asked.json()["ShipmentRequest"]
        shipment = request["Shipment"]
        _demand(request["LabelSpecification"]["LabelImageFormat"]["Code"] == "GIF", "120500", "Missing label format")
        _check_shipment(shipment, box="Packaging")
        _demand(shipment["Shipper"].get("Phone"), "120103", "Missing or invalid shipper phone number")
        _demand(shipment["ShipTo"].get("Phone"), "120209", "Missing or invalid ship to phone number")
        _demand(_payer(shipment["PaymentInformation"]) == ACCOUNT, "120124", "Missing or invalid shipper number")
        service = shipment["Service"]["Code"]
        said = "The requested service is unavailable between the selected locations."
        _demand(service in PRICES, "121210", said)
        count = len(shipment["Package"])
        start = sum(map(len, self.shipments.values())) + 1
        numbers = [f"1Z{ACCOUNT}{service}{start + at:08d}" for at in range(count)]
        self.shipments[numbers[0]] = numbers
        for number in numbers:
            self.activities[number] = []
            self.scan(number, "M", "MP", "Shipper created a label, UPS has not received the package yet.")
        image = {"ImageFormat": {"Code": "GIF"}, "GraphicImage": base64.b64encode(GIF).decode()}
        results = {
            "ShipmentIdentificationNumber": numbers[0],
            "ShipmentCharges": {"TotalCharges": _usd(PRICES[service][0])},
            "PackageResults": [{"TrackingNumber": number, "ShippingLabel": image} for number in numbers],
        }
        return 200, {"ShipmentResponse": {"ShipmentResults": results | self._discount()}}

    def _track(self, asked: Asked) -> Answer:
        number = asked.path.rpartition("/")[2]
        if number not in self.activities:
            raise Refusal(404, "TW0001", "Tracking Information Not Found")
        package = {"trackingNumber": number, "activity": self.activities[number], "packageCount": 1}
        return 200, {"trackResponse": {"shipment": [{"inquiryNumber": number, "package": [package]}]}}

    def _void(self, asked: Asked) -> Answer:
        number = asked.path.rpartition("/")[2]
        if number not in self.shipments:
            raise Refusal(400, "190102", "No shipment found within the allowed void period")
        if number in self.voided:
            raise Refusal(400, "190118", "The shipment has already been voided.")
        if len(self.activities[number]) > 1:
            raise Refusal(400, "190109", "Time for voiding has expired.")
        self.voided.append(number)
        return 200, {"VoidShipmentResponse": {"SummaryResult": {"Status": {"Code": "1", "Description": "Voided"}}}}


@asynccontextmanager
async def ups_stub() -> AsyncIterator[Ups]:
    """The server, on a free port, in this event loop. What hangs is let go at its end."""
    ups = Ups()
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            while (asked := await _read(reader)) and await _serve(ups, asked, writer):
                pass
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    ups.port = server.sockets[0].getsockname()[1]
    try:
        yield ups
    finally:
        ups.released.set()
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    start, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, target, _ = start.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Asked(method, target, headers, await reader.readexactly(int(headers.get("content-length", "0"))))


async def _serve(ups: Ups, asked: Asked, writer: asyncio.StreamWriter) -> bool:
    """Whether the connection lives on."""
    plans = ups.next_token if asked.path.endswith("/token") else ups.next
    plan = plans.pop(0) if plans else None
    if plan == HANG:
        await ups.released.wait()
        return False
    if plan == LATE:
        await ups.released.wait()
        plan = None
    if plan == RESET:
        writer.transport.abort()
        return False
    if isinstance(plan, str):
        return await _misanswer(ups, plan, writer)
    try:
        status, answer = (plan, {"note": "told to"}) if plan else ups.answer(asked)
    except Refusal as refusal:
        status, answer = refusal.answer
    body = json.dumps(answer).encode()
    writer.write(_head(status, len(body)) + body)
    await writer.drain()
    return True


async def _misanswer(ups: Ups, plan: str, writer: asyncio.StreamWriter) -> bool:
    if plan == GARBAGE:
        writer.write(_head(200, 20) + b"<html>Welcome</html>")
    elif plan == STALL:
        writer.write(_head(200, 20) + b"{")
        await ups.released.wait()
    else:
        writer.write(_head(200, 1 << 30))
        for _ in range(1 << 10):
            writer.write(b" " * (1 << 16))
            await writer.drain()
    await writer.drain()
    return plan == GARBAGE


def _head(status: int, length: int) -> bytes:
    return f"HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n".encode()


def _usd(value: str) -> dict[str, str]:
    return {"CurrencyCode": "USD", "MonetaryValue": value}


def _payer(payment: dict[str, Any]) -> str:
    (charge,) = payment["ShipmentCharge"]
    return str(charge["BillShipper"]["AccountNumber"]) if charge["Type"] == "01" else ""


def _demand(true: object, code: str, message: str) -> None:
    if not true:
        raise Refusal(400, code, message)


def _check_shipment(shipment: dict[str, Any], *, box: str) -> None:
    _demand(shipment["Shipper"].get("ShipperNumber") == ACCOUNT, "111101", "Missing or invalid shipper number")
    for who, words in (("Shipper", "shipper"), ("ShipFrom", "ship from"), ("ShipTo", "ship to")):
        _check_party(shipment[who], words)
    _demand(0 < len(shipment["Package"]) <= 200, "120400", "Missing packages")
    for package in shipment["Package"]:
        _demand(package[box]["Code"] == "02", "120412", "Missing or invalid packaging type")
        weight = package["PackageWeight"]
        units = "LBS" if shipment["ShipFrom"]["Address"]["CountryCode"] == "US" else "KGS"
        _demand(weight["UnitOfMeasurement"]["Code"] == units, "111057", "Missing or invalid unit of weight")
        _demand(0 < float(weight["Weight"]) <= 150, "111035", "The maximum per package weight is 150.00 pounds.")


def _check_party(party: dict[str, Any], words: str) -> None:
    address = party["Address"]
    lines = address["AddressLine"]
    _demand(0 < len(party["Name"]) <= 35, "120200", f"Missing or invalid {words} name")
    fits = len(lines) in range(1, 4) and all(0 < len(line) <= 35 for line in lines)
    _demand(fits, "120205", f"Missing or invalid {words} address line 1")
    _demand(address["CountryCode"], "120208", f"Missing or invalid {words} country code")
    code, state = address.get("PostalCode", ""), address.get("StateProvinceCode", "")
    if address["CountryCode"] == "US":
        _demand(state.isupper() and len(state) == 2, "111286", f"{state} is not a valid state for United States.")
        good = len(code) == 5 and code.isdigit() and code != "00000"
        _demand(good, "111285", f"The postal code {code} is invalid for {state} United States.")
