"""What text messages may cost: where to, at what price, within the store's day, and what looks like fraud. The pure part."""

from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from daemon.config import ConfigError, Settings, Sms, Store
from daemon.dispatch.sms.pumping import WINDOW_MS, Pumping
from daemon.dispatch.sms.spending import Spending
from daemon.dispatch.sms.tariff import Tariff
from daemon.planner.rules.destination import countries_of, destination, refusal

NEVER = {
    "Iridium": "+881612345678",
    "Thuraya": "+88216123456",
    "an international network": "+8821612345678",
    "Inmarsat": "+870773111632",
    "+883": "+883510012345",
    "international premium": "+97912345678",
    "international shared cost": "+80812345678",
    "GB premium": "+449012345678",
    "GB premium, a digit too few": "+44901234567",
    "GB premium, a digit too many": "+4490123456789",
    "GB 0871": "+448712345678",
    "GB 0845, shared": "+448451234567",
    "GB personal": "+447012345678",
    "GB personal, too short": "+44701234567",
    "GB pager": "+447640123456",
    "GB universal": "+445512345678",
    "US 1-900": "+19002345678",
    "US 1-900, unassigned": "+19000000000",
    "DE 0900": "+499001234567",
    "FR 0899": "+33899123456",
    "ES 803": "+34803123456",
    "short": "+4460060",
    "no number": "0900123456",
}
COUNTRIES = ("GB", "US", "DE", "FR", "ES")


@pytest.mark.parametrize("number", NEVER.values(), ids=NEVER.keys())
def test_no_text_goes_there_whoever_asks_for_it(number: str) -> None:
    """Whoever has a share in a number's price wants texts sent to it."""
    for anywhere in (False, True):
        refused = refusal(number, COUNTRIES, anywhere=anywhere)
        assert refused is not None
        assert refused.startswith("no text goes to")
        assert number not in refused


@pytest.mark.parametrize(
    ("number", "country"),
    [
        ("+447400123456", "GB"),
        ("+447700900123", "GB"),
        ("+15555550123", "US"),
        ("+14165550123", "CA"),
        ("+18765550123", "JM"),
        ("+447797712345", "JE"),
        ("+4915112345678", "DE"),
        ("+33612345678", "FR"),
        ("+441144960000", "GB"),
    ],
)
def test_the_country_of_a_number(number: str, country: str) -> None:
    assert destination(number).country == country
    assert refusal(number, (country,), anywhere=False) is None
    refused = refusal(number, ("ZA",), anywhere=False)
    assert refused is not None
    assert f"one of {country}, and texts go to ZA only" in refused
    assert refusal(number, ("ZA",), anywhere=True) is None, "the store's own people may be anywhere"


def test_countries_are_the_stores_own_unless_named() -> None:
    assert countries_of(Settings(store=Store(country="de"))) == ("DE",)
    assert countries_of(Settings(sms=Sms(countries=("gb", "IE")))) == ("GB", "IE")
    assert countries_of(Settings(sms=Sms(countries=()))) == ()
    with pytest.raises(ConfigError, match=r"sms\.countries"):
        countries_of(Settings(sms=Sms(countries=("UK",))))


def test_a_price_is_the_channels_then_the_stores_then_the_usual_one() -> None:
    tariff = Tariff(Sms(prices={"GB": "0.05", "twilio": {"GB": "0.03", "*": "0.50"}}))
    found = [tariff.price(*each) for each in (("twilio", "GB"), ("twilio", "FR"), ("modem", "GB"), ("modem", "FR"))]
    assert found == [Decimal("0.03"), Decimal("0.50"), Decimal("0.05"), Decimal("0.07")]
    assert tariff.price("modem", "ZA") == Decimal("0.12")
    assert Tariff(Sms(prices={"*": "0"})).price("modem", "ZA") == 0


@pytest.mark.parametrize(
    ("prices", "where"),
    [({"UK": "0.1"}, "sms.prices.UK"), ({"gb": "0.1"}, "sms.prices.gb"), ({"m": {"GB": "x"}}, "sms.prices.m.GB")],
)
def test_prices_that_can_not_be_meant(prices: dict[str, str | dict[str, str]], where: str) -> None:
    with pytest.raises(ConfigError, match=where):
        Tariff(Sms(prices=prices))


LONDON = ZoneInfo("Europe/London")
NOON = 1_795_521_600_000  # 2026-11-24T12:00:00Z


def test_a_day_has_so_many_parts_and_so_much_money_and_begins_anew_at_midnight() -> None:
    day = Spending(10, Decimal("1.00"), LONDON)
    assert day.exceeded_by(11, Decimal(0), NOON)
    spent = day.spend(9, Decimal("0.90"), NOON)
    assert day.exceeded_by(1, Decimal("0.10"), NOON) is None
    assert "daily_parts" in str(day.exceeded_by(2, Decimal("0.05"), NOON))
    assert "daily_cost" in str(day.exceeded_by(1, Decimal("0.11"), NOON))
    day.give_back(spent)
    assert (day.parts(NOON), day.cost(NOON)) == (0, 0)
    kept = day.spend(10, Decimal("1.00"), NOON)
    tomorrow = NOON + 12 * 3_600_000
    assert day.exceeded_by(1, Decimal("0.01"), tomorrow - 1)
    assert day.exceeded_by(1, Decimal("0.01"), tomorrow) is None
    day.give_back(kept)
    assert day.parts(tomorrow) == 0, "yesterday's is over with yesterday"


def test_many_of_one_block_in_an_hour_are_crowded() -> None:
    watch = Pumping(3)
    for last in range(3):
        assert not watch.is_crowded(f"+44740012000{last}", NOON)
        watch.note(f"+44740012000{last}", NOON)
        watch.note(f"+44740012000{last}", NOON)
    assert watch.is_crowded("+447400120009", NOON)
    assert not watch.is_crowded("+447400120000", NOON), "one of the three itself"
    assert not watch.is_crowded("+447400999999", NOON)
    assert not watch.is_crowded("+447400120009", NOON + WINDOW_MS)


def test_an_alarm_is_news_once_and_lasts_an_hour_after_the_last() -> None:
    watch = Pumping(3)
    assert watch.alarm("+447400120001", NOON)
    assert not watch.alarm("+447400120002", NOON + 1000)
    assert watch.alarms(NOON + WINDOW_MS) == ["+44740012"]
    assert watch.alarms(NOON + 1000 + WINDOW_MS) == []
    assert watch.alarm("+447400120003", NOON + 1000 + WINDOW_MS)


def test_no_limit_is_no_alarm() -> None:
    watch = Pumping(0)
    for last in range(100):
        watch.note(f"+4474001200{last:02}", NOON)
    assert not watch.is_crowded("+447400129999", NOON)


def test_no_number_is_kept_for_longer_than_an_hour() -> None:
    """A year of customers was some sixteen megabytes, in clear, and no forgetting reached them."""
    pumping = Pumping(3)
    for block in range(1000):
        pumping.note(f"+4477{block:04}0000", 0)
    pumping.note("+447700900123", WINDOW_MS)
    assert list(pumping._seen) == ["+44770090"]
