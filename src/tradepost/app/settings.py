"""Every setting, once. Read from TRADEPOST_… in the environment, or from the file that TRADEPOST_…_FILE names."""

import re
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from tradepost.core.errors import Invalid
from tradepost.core.rates import Rate, rate

PREFIX = "TRADEPOST_"
PROVIDERS = ("manual", "stripe", "fake")
_PUBLIC_URL = re.compile(r"https?://(?:[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?")
_LAST_PORT = 65535


class SettingsInvalid(Invalid):
    """One or more settings are not valid; the detail has a line for each."""

    title = "Some settings are not valid"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    database_url: str | None = None
    """A PostgreSQL 15 or newer; without one, an embedded server is used."""
    data_dir: str = ".tradepost"
    """Where the embedded database keeps its data."""
    host: str = "127.0.0.1"
    """The address to listen on."""
    port: Annotated[int, Meta(ge=1, le=65535)] = 8000
    """The port to listen on."""
    workers: Annotated[int, Meta(ge=1, le=64)] = 2
    """API processes."""
    hosts: str = ""
    """Host names that are answered, separated by commas; empty for any."""
    trusted_proxies: str = ""
    """Networks (CIDR), separated by commas, whose X-Forwarded-For is believed; without them nobody's is."""
    cors_origins: str = ""
    """Origins of web pages, separated by commas, that may call the API from a browser."""
    rate_limit_auth: str = "100/15m"
    """Sign-ins and the like for each address, and for each account name; empty for no limit."""
    rate_limit_write: str = "600/1m"
    """Requests that change something, for each guest's address and each account; empty for no limit."""
    rate_limit_read: str = "6000/1m"
    """Requests that only read, for each guest's address and each account; empty for no limit."""
    rate_limit_key: str = ""
    """Requests of each API key, whatever they do; empty for no limit."""
    redis_url: str | None = None
    """A Redis on which all processes count for rate limits together; without one, each counts for itself."""
    pool_size: Annotated[int, Meta(ge=2, le=100)] = 8
    """Connections of each of a process's two pools."""
    statement_seconds: Annotated[float, Meta(ge=1, le=600)] = 10.0
    """How long a statement may take; one that hangs two seconds longer costs its connection and is a 503."""
    batch_size: Annotated[int, Meta(ge=1, le=1000)] = 128
    """Orders that one transaction takes at most."""
    turn_wait_seconds: Annotated[float, Meta(gt=0, le=60)] = 5.0
    """How long a batch waits for its turn before its callers are asked to come back."""
    turn_frozen_seconds: Annotated[float, Meta(gt=0, le=60)] = 2.0
    """How long a frozen process may keep the turn."""
    keep_seconds: Annotated[float, Meta(ge=0, le=0.9)] = 0.5
    """How long answers that are the same for all shoppers are kept before they are made, or looked at, again; 0 is not
    at all."""
    require_idempotency_key: bool = False
    """Refuse writes of money and stock that have no Idempotency-Key."""
    public_url: str = "http://localhost:8000"
    """Where shoppers reach the shop, without a path: links in mails lead there, whatever host a request names. Without
    it, this machine and `port`."""
    mail_url: str | None = None
    """The SMTP server that mails leave through; without one, they are shown on the terminal."""
    mail_from: str = "Tradepost <no-reply@localhost>"
    """Whom mails are from."""
    carriers: str = ""
    """Carriers whose rates and labels are offered, separated by commas: fake, ups."""
    shipping_table: str = ""
    """Rates as JSON, for where no carrier is asked or none answers."""
    ship_from: str = ""
    """The address, as JSON, that parcels come from."""
    ups_client_id: str = ""
    """The application that UPS knows this shop by."""
    ups_client_secret: str = ""
    """Its secret."""
    ups_account: str = ""
    """The UPS account that pays."""
    ups_url: str = "https://onlinetools.ups.com"
    """Where UPS is asked; https://wwwcie.ups.com is its test system."""
    track_minutes: Annotated[float, Meta(ge=0, le=10080)] = 30.0
    """How often a parcel's carrier is asked where it is; 0 is never."""
    sweep_seconds: Annotated[float, Meta(ge=0, le=3600)] = 2.0
    """How often payments, labels, parcels and imports that wait, and orders that expire, are looked at; 0 is never."""
    import_mib: Annotated[int, Meta(ge=1, le=1024)] = 256
    """How many mebibytes a spreadsheet may have that is imported."""
    search_seconds: Annotated[float, Meta(ge=0, le=3600)] = 0.5
    """How often search looks for what has changed; 0 is never."""
    cart_days: Annotated[int, Meta(ge=1, le=3650)] = 30
    """After so many days an open cart that nobody touches is forgotten."""
    hold_minutes: Annotated[int, Meta(ge=0, le=1440)] = 10
    """How long stock that a shopper reserves is held for his cart; 0 is not at all."""
    hold_units: Annotated[int, Meta(ge=1, le=1000000)] = 100
    """Units that one customer, or one address of guests, may have reserved at once."""
    unpaid_minutes: Annotated[int, Meta(ge=0, le=525600)] = 0
    """After so long an order that nobody pays for is cancelled; 0 is never."""
    action_minutes: Annotated[int, Meta(ge=0, le=525600)] = 60
    """After so long a payment that its buyer has not finished (3-D Secure) is let go; 0 is never."""
    payments: str = "manual"
    """Payment providers, separated by commas: manual (cash, bank transfer), stripe, and fake to try things out. The
    first that takes a method is asked."""
    tax_provider: str = "table"
    """Who says what tax is due: table (the shop's own rates), or fake to try a service out."""
    stripe_secret_key: str | None = None
    """Stripe's secret key; stripe needs it."""
    stripe_webhook_secrets: str = ""
    """Signing secrets of Stripe's webhook endpoint, separated by commas: the new and the old one while they change."""
    stripe_url: str = "https://api.stripe.com"
    """Where Stripe is; for tests."""
    stripe_seconds: Annotated[float, Meta(gt=0, le=30)] = 15.0
    """How long Stripe is waited for; after that nobody knows what it did, until it is asked again."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """What is logged."""
    unsafe_database: bool = False
    """For tests only: accept a PostgreSQL that may lose confirmed orders (fsync or full_page_writes off)."""

    @property
    def allowed_hosts(self) -> frozenset[str]:
        return frozenset(host.lower() for host in _listed(self.hosts))

    @property
    def carrier_names(self) -> list[str]:
        return _listed(self.carriers)

    @property
    def trusted_networks(self) -> list[IPv4Network | IPv6Network]:
        return _networks(self.trusted_proxies)

    @property
    def allowed_origins(self) -> frozenset[str]:
        return _origins(self.cors_origins)

    @property
    def payment_providers(self) -> list[str]:
        return _providers(self.payments)

    @property
    def webhook_secrets(self) -> list[str]:
        return _listed(self.stripe_webhook_secrets)

    @property
    def rates(self) -> dict[str, Rate | None]:
        """The limits of each class of operation, and of an API key."""
        return {
            "auth": _rate(self.rate_limit_auth),
            "write": _rate(self.rate_limit_write),
            "read": _rate(self.rate_limit_read),
            "key": _rate(self.rate_limit_key),
        }


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _rate(text: str) -> Rate | None:
    return rate(text) if text.strip() else None


def _networks(text: str) -> list[IPv4Network | IPv6Network]:
    return [ip_network(part) for part in _listed(text)]


def _origins(text: str) -> frozenset[str]:
    return frozenset(_origin(part) for part in _listed(text))


def _origin(text: str) -> str:
    """An origin as browsers write it (RFC 6454, 6.2): anything else would never be equal to one."""
    parts = urlsplit(text)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    default = parts.port == {"http": 80, "https": 443}.get(parts.scheme)
    written = f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port and not default else "")
    if parts.scheme not in ("http", "https") or not host or "*" in host or text != written or not text.isascii():
        msg = f"{text!r} is not an origin: write it as https://shop.example"
        raise ValueError(msg)
    return text


def _providers(text: str) -> list[str]:
    names = _listed(text)
    if wrong := [name for name in names if name not in PROVIDERS or names.count(name) > 1]:
        msg = f"{wrong[0]!r} is none of {', '.join(PROVIDERS)}, or is given twice"
        raise ValueError(msg)
    return names


def _redis(text: str) -> None:
    if text and not text.startswith(("redis://", "rediss://")):
        msg = "is not a Redis address, such as redis://host:6379/0"
        raise ValueError(msg)
    if text and find_spec("redis") is None:
        msg = "needs a library that is not installed: pip install 'tradepost[redis]'"
        raise ValueError(msg)


def _ups_url(text: str) -> None:
    """Secrets go there, so only this machine is asked in the clear."""
    if text and not re.fullmatch(r"(https://[A-Za-z0-9.-]+|http://(127\.0\.0\.1|localhost))(:[0-9]{1,5})?", text):
        raise ValueError("is not of the form https://onlinetools.ups.com, without a path")


_MEANINGS: dict[str, Callable[[str], object]] = {
    "trusted_proxies": _networks,
    "cors_origins": _origins,
    "rate_limit_auth": _rate,
    "rate_limit_write": _rate,
    "rate_limit_read": _rate,
    "rate_limit_key": _rate,
    "redis_url": _redis,
    "ups_url": _ups_url,
    "payments": _providers,
}
"""Settings whose text must mean something; ValueError says what is wrong with it."""


def load(environment: Mapping[str, str]) -> Settings:
    """The settings of this environment. SettingsInvalid names every problem at once."""
    problems: list[str] = []
    values = _values(environment, problems)
    for field in msgspec.structs.fields(Settings):
        if field.name in values:
            try:
                msgspec.convert(values[field.name], field.type, strict=False)
                _check(field.name, values[field.name])
            except (msgspec.ValidationError, ValueError) as error:
                problems.append(f"{PREFIX}{field.name.upper()}: {error}")
    problems += _senseless(values)
    problems += _missing(values)
    if problems:
        raise SettingsInvalid("\n".join(problems))
    if "public_url" not in values and "port" in values:
        values["public_url"] = f"http://localhost:{values['port']}"
    return msgspec.convert(values, Settings, strict=False)


def _check(name: str, value: str) -> None:
    """ValueError for what a type cannot say."""
    if name == "public_url":
        _check_public_url(value)
    elif name in ("mail_url", "mail_from"):
        from tradepost import mail  # noqa: PLC0415 - slow to load, and rarely set where a fast start matters

        (mail.server_of if name == "mail_url" else mail.sender_of)(value)
    elif value and name in ("carriers", "shipping_table", "ship_from"):
        from tradepost.shipping import carriers  # noqa: PLC0415 - see above

        if name == "carriers":
            carriers.check_names(_listed(value))
        else:
            (carriers.table_of if name == "shipping_table" else carriers.place_of)(value)
    elif name == "tax_provider":
        from tradepost import tax  # noqa: PLC0415 - see above

        tax.check_name(value)


def _check_public_url(url: str) -> None:
    match = _PUBLIC_URL.fullmatch(url)
    if match is None or int(match["port"] or 0) > _LAST_PORT:
        raise ValueError("is not of the form https://shop.example.com, without a path or a / at its end")


def _senseless(values: Mapping[str, str]) -> Iterator[str]:
    for name, meaning in _MEANINGS.items():
        try:
            meaning(values.get(name, ""))
        except ValueError as error:
            yield f"{PREFIX}{name.upper()}: {error}"


def _missing(values: Mapping[str, str]) -> Iterator[str]:
    """What one setting asks of others."""
    names = _listed(values.get("carriers", ""))
    wanted = ["ship_from"] if names else []
    if "ups" in names:
        wanted += ["ups_client_id", "ups_client_secret", "ups_account"]
    for name in wanted:
        if not values.get(name):
            yield f"{PREFIX}{name.upper()}: is needed, as {PREFIX}CARRIERS is {', '.join(names)}"
    if "stripe" in _listed(values.get("payments", "")) and not values.get("stripe_secret_key"):
        yield f"{PREFIX}STRIPE_SECRET_KEY: is needed where {PREFIX}PAYMENTS has stripe"


def _values(environment: Mapping[str, str], problems: list[str]) -> dict[str, str]:
    known = {field.name for field in msgspec.structs.fields(Settings)}
    values: dict[str, str] = {}
    for variable, value in environment.items():
        if not variable.startswith(PREFIX):
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name in known:
            values[name] = value
        elif name.removesuffix("_file") in known:
            if variable.removesuffix("_FILE") in environment:
                problems.append(f"{variable.removesuffix('_FILE')} and {variable} are both given: choose one")
            try:
                values[name.removesuffix("_file")] = Path(value).read_text("utf-8").strip()
            except OSError as error:
                problems.append(f"{variable}: {error.strerror}: {value}")
            except UnicodeDecodeError:
                problems.append(f"{variable}: {value} is not text")
        elif not name.startswith("test_"):
            problems.append(f"{variable} is not a setting; 'tradepost doctor' lists them all")
    return values
