from typing import Literal

from tradepost.core.errors import NotFound
from tradepost.core.states import InvalidTransition
from tradepost.http import Answer, Call, In, Out, Routes
from tradepost.http.problems import MalformedJson
from tradepost.payments.inbox import StripeInbox
from tradepost.payments.provider import Providers
from tradepost.payments.providers.fake import Fake
from tradepost.payments.signatures import SignatureExpired, SignatureInvalid

SIGNATURE = "Stripe-Signature"
routes = Routes("Payments", "What payment providers tell us, and a provider to try things out with.")


class ReceivedOut(Out):
    """`duplicate`: it had come before, and nothing more happens."""

    received: bool
    duplicate: bool


@routes.act(
    "POST",
    "/webhooks/stripe",
    signature=SIGNATURE,
    answer=ReceivedOut,
    limit="read",
    keyed=False,
    problems=[SignatureInvalid, SignatureExpired, MalformedJson],
)
async def receive_stripe_event(call: Call, body: bytes) -> Answer:
    """Receive a message of Stripe, signed in the header `Stripe-Signature`.

    It is kept and answered at once; what it is about is fetched from Stripe afterwards.
    """
    signature = call.headers.get(SIGNATURE.lower().encode(), b"").decode("latin-1")
    is_new = await call.service(StripeInbox).receive(call.db, body, signature)
    return call.json(ReceivedOut(received=True, duplicate=not is_new))


class ConfirmIn(In):
    """What the buyer's bank decides."""

    outcome: Literal["approve", "decline"]


class ConfirmOut(Out):
    ref: str
    outcome: str


@routes.act(
    "POST",
    "/payments/fake/{ref}/confirm",
    body=ConfirmIn,
    answer=ConfirmOut,
    keyed=False,
    problems=[NotFound, InvalidTransition],
    example={"outcome": "approve"},
)
async def confirm_fake_payment(call: Call, body: ConfirmIn) -> Answer:
    """Play the buyer's bank: approve or decline a payment that the fake provider asks 3-D Secure for.

    Only where the fake provider is on, as in the demo.
    """
    fake = call.service(Providers).get(Fake.name)
    assert isinstance(fake, Fake)  # noqa: S101 - for the type checker: it has the name
    decide = fake.approve if body.outcome == "approve" else fake.decline
    await decide(call.param("ref"))
    return call.json(ConfirmOut(call.param("ref"), body.outcome))
