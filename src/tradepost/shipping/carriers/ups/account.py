import msgspec


class UpsAccount(msgspec.Struct, frozen=True):
    """Who pays, and the application that UPS knows us by. Its secrets are never shown."""

    url: str
    account: str
    client_id: str
    client_secret: str

    def __repr__(self) -> str:
        return f"UpsAccount({self.url!r})"
