"""A tax service may be slow, down or mad: there is an answer in time, and it says whose it is."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from tests.shop import open_shop
from tradepost.app.settings import Settings, SettingsInvalid, load
from tradepost.core.places import Place
from tradepost.pricing import TaxRate
from tradepost.tax import Answered, Line, Provider, Question, TaxService, TaxServiceUnavailable, ask, service_of
from tradepost.tax.providers.fake import FakeService, Whim

pytestmark = pytest.mark.anyio

AT = datetime(2026, 11, 21, tzinfo=UTC)
TABLE = {"standard": (TaxRate("By the table", 190_000),), "zero": ()}
NONSENSE = [Whim.FORGETS_A_CLASS, Whim.IS_NEGATIVE, Whim.IS_ABSURD]


def question(postal_code: str = "90210", *classes: str, state: str | None = "CA") -> Question:
    asked = classes or ("standard", "zero")
    lines = tuple(Line(one, 1000, 2) for one in asked)
    return Question(Place("US", state, postal_code), "USD", AT, asked, lines)


async def for_ever(_seconds: float) -> None:
    await asyncio.Event().wait()


async def at_once(_seconds: float) -> None:
    pass


@pytest.fixture(params=["fake"])
def provider(request: pytest.FixtureRequest) -> Provider:
    """Each tax service there is, and is to come, keeps this contract."""
    return {"fake": FakeService(sleep=at_once)}[request.param]


async def test_a_service_answers_each_class_that_is_asked_for(provider: Provider) -> None:
    for classes in (("standard",), ("standard", "reduced", "zero"), ("never-heard-of",)):
        answered = await TaxService(provider).answer(question("90210", *classes))
        assert answered.source == provider.name
        assert list(answered.rates) == list(classes)
        for rates in answered.rates.values():
            assert all(rate.name and 0 <= rate.rate_ppm <= 1_000_000 for rate in rates)


async def test_a_service_answers_the_same_question_the_same(provider: Provider) -> None:
    assert await provider.rates(question()) == await provider.rates(question())


async def test_a_service_answers_without_a_state_and_a_postal_code(provider: Provider) -> None:
    bare = Question(Place("DE"), "EUR", AT, ("standard",))
    assert (await TaxService(provider).answer(bare)).rates["standard"]


async def test_a_service_that_is_closed_twice_is_closed(provider: Provider) -> None:
    await provider.close()
    await provider.close()


async def test_without_a_service_the_table_answers() -> None:
    service = service_of("table")
    assert service.is_table
    assert await ask(service, question(), TABLE) == Answered(TABLE, "table")
    with pytest.raises(TaxServiceUnavailable):
        await service.answer(question())


async def test_a_slow_service_is_waited_for() -> None:
    answered = await ask(TaxService(FakeService(sleep=at_once)), question(Whim.IS_SLOW), TABLE)
    assert answered.source == "fake"


@pytest.mark.parametrize("whim", [Whim.IS_DOWN, Whim.CRASHES, *NONSENSE])
async def test_whatever_a_service_does_the_table_answers(whim: Whim) -> None:
    assert await ask(TaxService(FakeService()), question(whim), TABLE) == Answered(TABLE, "table")


async def test_a_service_that_hangs_is_given_up() -> None:
    service = TaxService(FakeService(sleep=for_ever), within=0.01)
    assert await ask(service, question(Whim.HANGS), TABLE) == Answered(TABLE, "table")


@pytest.mark.parametrize("whim", [Whim.IS_DOWN, Whim.CRASHES, *NONSENSE])
async def test_a_service_that_fails_again_and_again_is_left_alone(whim: Whim) -> None:
    fake = FakeService()
    service = TaxService(fake)
    for _ in range(5):
        await ask(service, question(whim), TABLE)
    assert fake.asked == 5
    assert await ask(service, question(), TABLE) == Answered(TABLE, "table")
    assert fake.asked == 5


class _Answers:
    """A service that says what it was given, of whatever type that is."""

    name = "mad"

    def __init__(self, said: object) -> None:
        self._said = said

    async def rates(self, question: Question) -> Mapping[str, tuple[TaxRate, ...]]:
        return self._said  # pyrefly: ignore[bad-return]

    async def close(self) -> None:
        pass


@pytest.mark.parametrize(
    "said",
    [
        None,
        [],
        {},
        {"standard": None, "zero": ()},
        {"standard": (TaxRate("VAT", 1_000_001),), "zero": ()},
        {"standard": (TaxRate("VAT", 600_000), TaxRate("City", 600_000)), "zero": ()},
        {"standard": (TaxRate(" ", 10_000),), "zero": ()},
        {"standard": (TaxRate("x" * 101, 10_000),), "zero": ()},
        {"standard": (TaxRate("VAT", "many"),), "zero": ()},  # pyrefly: ignore[bad-argument-type]
        {1: (), "standard": (), "zero": ()},
    ],
)
async def test_an_answer_that_makes_no_sense_is_none(said: object) -> None:
    assert (await ask(TaxService(_Answers(said)), question(), TABLE)).source == "table"


async def test_more_than_was_asked_for_is_left_out() -> None:
    said = {"standard": (TaxRate("VAT", 1),), "zero": (), "books": ()}
    assert await ask(TaxService(_Answers(said)), question(), TABLE) == Answered(
        {"standard": (TaxRate("VAT", 1),), "zero": ()}, "mad"
    )


async def test_a_lookup_says_whose_word_it_is(database_url: str) -> None:
    async with open_shop(database_url, Settings(unsafe_database=True, tax_provider="fake")) as shop:
        path = "/tax-rates/lookup?country=US&state=CA&taxClass=standard&postalCode="
        found = (await shop.guest("GET", path + "90210")).json()
        assert (found["source"], found["rate"]) == ("fake", "11.25")
        found = (await shop.guest("GET", path + Whim.IS_DOWN)).json()
        assert (found["source"], found["rate"]) == ("table", "8")


def test_a_service_that_there_is_not_is_a_bad_setting() -> None:
    with pytest.raises(SettingsInvalid, match="TRADEPOST_TAX_PROVIDER: 'avalara' is no tax service"):
        load({"TRADEPOST_TAX_PROVIDER": "avalara"})
