"""Which taxes are on what goes where, beside a naive model; and prices without the tax that they contain."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from uuid import UUID

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tradepost.accounts.addresses import rules
from tradepost.core.places import Place
from tradepost.pricing import TaxRate
from tradepost.tax import Exempt, Exemptions, Rates, net_unit

NEW_YEAR = datetime(2027, 1, 1, tzinfo=UTC)
SPRING = datetime(2027, 4, 1, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)
SLOTS = [(None, NEW_YEAR), (NEW_YEAR, SPRING), (SPRING, None), (None, None), (SPRING, SPRING)]
OWN = (TaxRate("Own", 80_000),)

Row = tuple[str, str | None, str | None, str, str, int, int, datetime | None, datetime | None]


def rate(
    name: str,
    *,
    country: str = "US",
    state: str | None = None,
    prefix: str | None = None,
    tax_class: str = "standard",
    layer: int = 0,
    ppm: int = 100_000,
    time: tuple[datetime | None, datetime | None] = (None, None),
) -> Row:
    return (country, state, prefix, tax_class, name, ppm, layer, *time)


def names(rows: list[Row], place: Place | None, tax_class: str = "standard", at: datetime = NEW_YEAR) -> list[str]:
    return [tax.name for tax in Rates(rows).of(place, tax_class, at, default=OWN)]


def test_the_longest_postal_code_holds_then_the_state_then_the_country() -> None:
    rows = [
        rate("country"),
        rate("state", state="CA"),
        rate("short", prefix="9"),
        rate("long", prefix="902"),
        rate("both", prefix="902", state="CA"),
    ]
    assert names(rows, Place("US", "CA", "90210")) == ["both"]
    assert names(rows, Place("US", "NV", "90210")) == ["long"]
    assert names(rows, Place("US", "CA", "91000")) == ["short"]
    assert names(rows, Place("US", "CA", "10001")) == ["state"]
    assert names(rows, Place("US", "CA")) == ["state"]
    assert names(rows, Place("US")) == ["country"]


def test_a_place_is_the_same_however_it_is_written() -> None:
    rows = [rate("town", country="GB", prefix="SW1Y4"), rate("country", country="GB")]
    for written in ("SW1Y 4JH", "sw1y4jh", " SW1Y-4JH "):
        assert names(rows, Place("GB", None, written)) == ["town"]
    assert names([rate("state", state="NEW YORK")], Place("US", " new  york ")) == ["state"]


def test_the_place_of_an_address_has_codes_where_its_country_has_them() -> None:
    assert rules.whereabouts("US", " california ", "90210-1234") == Place("US", "CA", "902101234")
    assert rules.whereabouts("US", "Utopia", " ") == Place("US", "UTOPIA")
    assert rules.whereabouts("XX", None, None) == Place("XX")


def test_layers_add_up_in_their_order() -> None:
    rows = [rate("city", prefix="902", layer=1), rate("state", state="CA"), rate("district", prefix="9021", layer=2)]
    assert names(rows, Place("US", "CA", "90210")) == ["state", "city", "district"]
    assert names(rows, Place("US", "CA", "90310")) == ["state"]


def test_a_class_without_a_rate_is_standard_and_zero_has_to_be_said() -> None:
    rows = [rate("standard"), rate("reduced", tax_class="reduced"), rate("nothing", tax_class="zero", ppm=0)]
    assert names(rows, Place("US"), "reduced") == ["reduced"]
    assert names(rows, Place("US"), "books") == ["standard"]
    assert Rates(rows).of(Place("US"), "zero", NEW_YEAR) == (TaxRate("nothing", 0),)


def test_a_rate_of_the_class_goes_before_a_closer_one_of_the_standard_class() -> None:
    rows = [rate("books", tax_class="books"), rate("town", prefix="90210")]
    assert names(rows, Place("US", None, "90210"), "books") == ["books"]


def test_the_stores_own_tax_holds_only_where_the_country_has_no_rate_at_that_moment() -> None:
    rows = [rate("state", state="CA", time=(NEW_YEAR, SPRING))]
    assert names(rows, None) == ["Own"]
    assert names(rows, Place("DE")) == ["Own"]
    assert names(rows, Place("US", "CA"), at=NEW_YEAR - INSTANT) == ["Own"]
    assert names(rows, Place("US", "CA")) == ["state"]
    assert names(rows, Place("US", "OR")) == []
    assert names(rows, Place("US", "CA"), at=SPRING) == ["Own"]


def test_at_the_instant_in_which_rates_change_there_is_exactly_one() -> None:
    rows = [rate("old", time=(None, NEW_YEAR)), rate("new", time=(NEW_YEAR, None))]
    assert names(rows, Place("US"), at=NEW_YEAR - INSTANT) == ["old"]
    assert names(rows, Place("US"), at=NEW_YEAR) == ["new"]


def test_what_was_asked_before_is_answered_for_its_own_moment_and_default() -> None:
    rates = Rates([rate("old", time=(None, NEW_YEAR))])
    place, other = Place("US"), (TaxRate("Other", 1),)
    assert [tax.name for tax in rates.of(place, "standard", NEW_YEAR - INSTANT, default=OWN)] == ["old"]
    assert rates.of(place, "standard", NEW_YEAR, default=OWN) == OWN
    assert rates.of(place, "standard", NEW_YEAR, default=other) == other


class Case(msgspec.Struct, frozen=True):
    rows: list[Row]
    place: Place
    tax_class: str
    at: datetime


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Rates of which no two of one place, class and layer overlap, as the shop takes them, in any order."""
    keys = draw(
        st.sets(
            st.tuples(
                st.sampled_from(["US", "DE"]),
                st.sampled_from([None, "CA", "NY"]),
                st.sampled_from([None, "9", "90", "902", "1"]),
                st.sampled_from(["standard", "reduced", "books"]),
                st.integers(0, 2),
            ),
            max_size=14,
        )
    )
    rows: list[Row] = []
    for country, state, prefix, tax_class, layer in sorted(keys, key=str):
        times = draw(st.sampled_from([SLOTS[:3], SLOTS[:1], SLOTS[1:2], SLOTS[2:3], SLOTS[3:4], SLOTS[4:]]))
        for begin, end in times:
            name = f"{state} {prefix} {tax_class} {layer} {begin} {end}"
            ppm = draw(st.integers(0, 10**6))
            rows.append((country, state, prefix, tax_class, name, ppm, layer, begin, end))
    place = Place(
        draw(st.sampled_from(["US", "DE", "FR"])),
        draw(st.sampled_from([None, "CA", "NY", "OR"])),
        draw(st.sampled_from([None, "90210", "90", "10001", "55555"])),
    )
    at = draw(st.sampled_from([NEW_YEAR, SPRING])) + draw(st.sampled_from([-INSTANT, timedelta(), INSTANT]))
    return Case(draw(st.permutations(rows)), place, draw(st.sampled_from(["standard", "reduced", "other"])), at)


def expected(case: Case) -> list[tuple[str, int]]:
    """By looking for each kind of rate in turn, from the one that goes before all others."""
    there = [
        row
        for row in case.rows
        if row[0] == case.place.country and not (row[7] and case.at < row[7]) and not (row[8] and case.at >= row[8])
    ]
    if not there:
        return [(tax.name, tax.rate_ppm) for tax in OWN]
    found: list[tuple[str, int]] = []
    code = case.place.postal_code or ""
    prefixes: list[str | None] = [code[:length] for length in range(len(code), 0, -1)]
    for layer in range(3):
        order = [
            (tax_class, prefix, state)
            for tax_class in (case.tax_class, "standard")
            for prefix in [*prefixes, None]
            for state in ([case.place.state, None] if case.place.state else [None])
        ]
        for tax_class, prefix, state in order:
            hit = [row for row in there if (row[3], row[2], row[1], row[6]) == (tax_class, prefix, state, layer)]
            if hit:
                found.append((hit[0][4], hit[0][5]))
                break
    return found


@given(cases())
def test_any_rates_answer_as_a_naive_model_does(case: Case) -> None:
    rates = Rates(case.rows)
    for _ in range(2):  # the second time from what is remembered
        taxes = rates.of(case.place, case.tax_class, case.at, default=OWN)
        assert [(tax.name, tax.rate_ppm) for tax in taxes] == expected(case)


ADA, GRACE = UUID(int=1), UUID(int=2)


def test_an_exemption_holds_in_its_country_within_its_time() -> None:
    rows = [(ADA, "DE", "reverse charge", NEW_YEAR, SPRING), (ADA, None, "embassy", SPRING, None)]
    exemptions = Exemptions(rows)
    assert exemptions.of(ADA, Place("DE"), NEW_YEAR - INSTANT) is None
    assert exemptions.of(ADA, Place("DE"), NEW_YEAR) == Exempt("reverse charge")
    assert exemptions.of(ADA, Place("FR"), NEW_YEAR) is None
    assert exemptions.of(ADA, None, NEW_YEAR) is None
    assert exemptions.of(ADA, Place("DE"), SPRING) == Exempt("embassy")
    assert exemptions.of(ADA, None, SPRING) == Exempt("embassy")
    assert exemptions.of(GRACE, Place("DE"), NEW_YEAR) is None
    assert exemptions.of(None, Place("DE"), NEW_YEAR) is None


@pytest.mark.parametrize(
    ("price", "ppms", "net"),
    [(1999, [190_000], 1680), (119, [190_000], 100), (1, [1_000_000], 1), (100, [], 100), (1000, [62_500, 8_875], 933)],
)
def test_a_unit_without_its_tax(price: int, ppms: list[int], net: int) -> None:
    assert net_unit(price, tuple(TaxRate("T", ppm) for ppm in ppms)) == net


@given(st.integers(0, 10**12), st.lists(st.integers(0, 300_000), max_size=3))
@example(3, [1_000_000])
def test_a_unit_without_its_tax_is_the_exact_quotient_rounded_half_up(price: int, ppms: list[int]) -> None:
    exact = Fraction(price) / (1 + sum(Fraction(ppm, 10**6) for ppm in ppms))
    assert net_unit(price, tuple(TaxRate("T", ppm) for ppm in ppms)) == int(exact + Fraction(1, 2))
