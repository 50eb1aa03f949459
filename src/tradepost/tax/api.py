from tradepost.core.errors import NotFound, ReferenceNotFound, Stale
from tradepost.db import Tx
from tradepost.http import Answer, Call, PageOut, Routes, page_out, window
from tradepost.http.call import etag
from tradepost.pricing import TaxRate
from tradepost.stores import Store, store_of
from tradepost.tax import actions
from tradepost.tax.asking import TaxService, ask
from tradepost.tax.choosing import Rates, wanted
from tradepost.tax.model import TaxRateOverlaps, TooManyTaxRates
from tradepost.tax.provider import Question
from tradepost.tax.store import exemptions, rates
from tradepost.tax.wire import (
    LookupOut,
    LookupQuery,
    TaxExemptionIn,
    TaxExemptionOut,
    TaxExemptionPatch,
    TaxExemptionsQuery,
    TaxRateIn,
    TaxRateOut,
    TaxRatePatch,
    TaxRatesQuery,
    changes_of,
    draft_of,
    exemption_changes_of,
    exemption_draft_of,
    exemption_out,
    filter_of,
    lookup_out,
    place_of,
    rate_out,
)

routes = Routes("Taxes", "What is taxed how, where, and who is not.")


@routes.get("/tax-rates", query=TaxRatesQuery, answer=PageOut[TaxRateOut])
async def list_tax_rates(call: Call, query: TaxRatesQuery) -> Answer:
    """List tax rates, newest first; those that have ended too, unless `activeAt` says when they shall be valid."""
    async with call.db.read() as db:
        page = await rates.page(db, call.actor.store_id, filter_of(query), window=window(call, query))
    return call.json(page_out(call, query, page, rate_out))


@routes.get("/tax-rates/lookup", query=LookupQuery, answer=LookupOut)
async def look_up_tax(call: Call, query: LookupQuery) -> Answer:
    """Look up what tax would be on goods of a class that go to a place, at this moment.

    A tax service is asked where the shop has one; where it does not answer, the shop's own rates do.
    """
    store, place = store_of(call), place_of(query)
    statement, params = wanted(store.id, [place.country])
    async with call.db.read() as db:
        table, at = Rates(await db.rows(statement, params)), await rates.now(db)
    fallback = {query.tax_class: table.of(place, query.tax_class, at, default=_own(store))}
    question = Question(place, store.currency, at, (query.tax_class,), tax_included=store.tax_included)
    answered = await ask(call.service(TaxService), question, fallback)
    return call.json(lookup_out(place, query.tax_class, answered, tax_included=store.tax_included))


@routes.write(
    "POST",
    "/tax-rates",
    body=TaxRateIn,
    answer=TaxRateOut,
    status=201,
    problems=[TaxRateOverlaps, TooManyTaxRates],
    example={"name": "VAT", "country": "DE", "taxClass": "reduced", "rate": "7", "validFrom": "2026-01-01T00:00:00Z"},
)
async def create_tax_rate(call: Call, tx: Tx, body: TaxRateIn) -> Answer:
    """Create a tax rate for a country or a part of it. Those of different layers add up, as a state's and a city's."""
    rate = await actions.add_rate(tx, draft_of(body), actor=call.actor)
    location = ("location", f"/api/v1/tax-rates/{rate.id}")
    return call.json(rate_out(rate), status=201, headers=[location, etag(rate.version)])


@routes.get("/tax-rates/{tax_rate_id}", answer=TaxRateOut, problems=[NotFound])
async def read_tax_rate(call: Call) -> Answer:
    """Read one tax rate."""
    async with call.db.read() as db:
        rate = await rates.get(db, call.actor.store_id, call.id("tax_rate_id"))
    return call.json(rate_out(rate), headers=[etag(rate.version)])


@routes.write(
    "PATCH",
    "/tax-rates/{tax_rate_id}",
    body=TaxRatePatch,
    answer=TaxRateOut,
    problems=[NotFound, Stale, TaxRateOverlaps],
    example={"validTo": "2027-01-01T00:00:00Z"},
)
async def change_tax_rate(call: Call, tx: Tx, body: TaxRatePatch) -> Answer:
    """Change some fields of a tax rate. Orders keep what they were placed with.

    For a rate that changes at a certain time, let this one end then, and create another that begins.
    """
    changes, expected = changes_of(body), call.expected_version()
    rate = await actions.change_rate(tx, call.id("tax_rate_id"), changes, actor=call.actor, expected_version=expected)
    return call.json(rate_out(rate), headers=[etag(rate.version)])


@routes.write("DELETE", "/tax-rates/{tax_rate_id}", status=204, problems=[NotFound, Stale])
async def end_tax_rate(call: Call, tx: Tx) -> Answer:
    """Let a tax rate end at this moment. It stays readable."""
    expected = call.expected_version()
    await actions.end_rate(tx, call.id("tax_rate_id"), actor=call.actor, expected_version=expected)
    return Answer(204)


@routes.get("/tax-exemptions", query=TaxExemptionsQuery, answer=PageOut[TaxExemptionOut])
async def list_tax_exemptions(call: Call, query: TaxExemptionsQuery) -> Answer:
    """List who pays no tax, newest first; those that have ended too."""
    async with call.db.read() as db:
        page = await exemptions.page(db, call.actor.store_id, customer_id=query.customer_id, window=window(call, query))
    return call.json(page_out(call, query, page, exemption_out))


@routes.write(
    "POST",
    "/tax-exemptions",
    body=TaxExemptionIn,
    answer=TaxExemptionOut,
    status=201,
    problems=[ReferenceNotFound],
    example={
        "customerId": "01a1fbff-2141-7000-8b59-f93f8f5c99d6",
        "country": "NL",
        "reason": "Business in another country of the Union: the buyer owes the tax",
        "vatNumber": "NL004495445B01",
    },
)
async def create_tax_exemption(call: Call, tx: Tx, body: TaxExemptionIn) -> Answer:
    """Let a customer pay no tax, in a country or everywhere. Of a VAT number the form is checked, not who has it."""
    exemption = await actions.add_exemption(tx, exemption_draft_of(body), actor=call.actor)
    location = ("location", f"/api/v1/tax-exemptions/{exemption.id}")
    return call.json(exemption_out(exemption), status=201, headers=[location, etag(exemption.version)])


@routes.get("/tax-exemptions/{exemption_id}", answer=TaxExemptionOut, problems=[NotFound])
async def read_tax_exemption(call: Call) -> Answer:
    """Read one exemption."""
    async with call.db.read() as db:
        exemption = await exemptions.get(db, call.actor.store_id, call.id("exemption_id"))
    return call.json(exemption_out(exemption), headers=[etag(exemption.version)])


@routes.write(
    "PATCH",
    "/tax-exemptions/{exemption_id}",
    body=TaxExemptionPatch,
    answer=TaxExemptionOut,
    problems=[NotFound, Stale],
    example={"certificate": "RC-2026-118", "validTo": "2027-01-01T00:00:00Z"},
)
async def change_tax_exemption(call: Call, tx: Tx, body: TaxExemptionPatch) -> Answer:
    """Change some fields of an exemption."""
    changes, expected = exemption_changes_of(body), call.expected_version()
    exemption = await actions.change_exemption(
        tx, call.id("exemption_id"), changes, actor=call.actor, expected_version=expected
    )
    return call.json(exemption_out(exemption), headers=[etag(exemption.version)])


@routes.write("DELETE", "/tax-exemptions/{exemption_id}", status=204, problems=[NotFound, Stale])
async def end_tax_exemption(call: Call, tx: Tx) -> Answer:
    """Let an exemption end at this moment. It stays readable."""
    expected = call.expected_version()
    await actions.end_exemption(tx, call.id("exemption_id"), actor=call.actor, expected_version=expected)
    return Answer(204)


def _own(store: Store) -> tuple[TaxRate, ...]:
    """The store's own tax, which holds where a country has no rates."""
    return (TaxRate(store.tax_name, store.tax_rate_ppm),) if store.tax_rate_ppm else ()
