"""A store and what headquarters publishes, on a real database and real files: what is taken, what is refused and why, and that what was in force
stays so whatever comes."""

import contextlib
import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from daemon.config import ConfigError, Settings, load
from daemon.fleet.bundle import Manifest, digest_of, encode, pack, sign
from daemon.fleet.bundle_store import BundleStore
from daemon.fleet.bundles import PROBATION_SECONDS, STARTS, TRIES, Bundles
from daemon.planner.routes import compile_routes
from daemon.runtime.trial import compare, trial
from daemon.runtime.verify import usable
from outbox import Outbox
from outbox.model import State, Transition
from outbox.reasons import Reason
from tests.fleet.test_bundle_format import KEY, PUBLISHER
from tests.support.fake_clock import FakeClock
from tests.support.outbox_box import accept_one, open_box, planned

READY = "templates/en/order.ready.sms.j2"
TEXTS = {READY: b"Hooray, {{ order.ref }} is ready!\n"}
OTHERS = {READY: b"At last, {{ order.ref }} is ready.\n"}
CONFIG = f"""[store]
name = "Balloon Loft"
[quiet_hours]
from = "22:00"
[channels.smtp]
host = "127.0.0.1"
from = "shop@loft.example"
[fleet]
store = "soho"
servers = ["tls://hq.example:443"]
publisher = "{PUBLISHER}"
"""


def bundle(
    version: int,
    files: dict[str, bytes] = TEXTS,
    *,
    group: str = "all",
    release: str = "",
    withdrawn: bool = False,
    key: Ed25519PrivateKey = KEY,
) -> bytes:
    raw = b"" if withdrawn else pack(files)
    digest = "" if withdrawn else digest_of(raw)
    manifest = Manifest(group=group, version=version, at=1, digest=digest, release=release, withdrawn=withdrawn)
    return encode(sign(manifest, raw, key))


@dataclass
class Store:
    """As the service has it: its own tether.toml, the outbox, and a configuration that is read anew when a bundle comes."""

    folder: Path
    box: Outbox
    clock: FakeClock
    in_a_process: bool = False
    refuses: str = ""
    """With what the next reload fails."""
    cut: bool = False
    """The power goes while the next bundle is tried."""
    settings: Settings = field(init=False)
    bundles: Bundles = field(init=False)

    async def start(self) -> None:
        self.settings = usable(load(self.folder / "tether.toml", {}))
        self.bundles = Bundles(
            lambda: self.settings, self.box, self.clock, release="0.1.0", put_in_force=self._reload, trial=self._trial,
            on_change=lambda: None,
        )  # fmt: skip
        await self.bundles.begin()

    async def _reload(self) -> Path | None:
        if self.refuses:
            why, self.refuses = self.refuses, ""
            raise ConfigError(why)
        self.settings = usable(load(self.folder / "tether.toml", {}))
        return self.settings.bundle

    async def _trial(self, settings: Settings, place: Path) -> Sequence[str]:
        if self.cut:
            raise OSError("the power is cut")
        if self.in_a_process:
            return await trial(settings, place)
        return compare(settings.alone or settings, place, anywhere=False)

    async def gets(self, *bodies: bytes | None, groups: Sequence[str] = ("all",)) -> None:
        self.bundles.offer(list(zip(groups, bodies, strict=True)))
        await self.bundles.look()

    async def breaks_a_text(self) -> None:
        message = await accept_one(self.box, planned())
        why = Reason("the text could not be made: order.ready.sms.j2, line 1", "text_broken", error="x")
        await self.box.spool.move(message.seq, Transition(state=State.FAILED, reason=why))

    @property
    def says(self) -> str:
        """Its text for an order that is ready, as far as headquarters wrote it."""
        own = self.settings.bundle
        return "" if own is None else (own / READY).read_text().partition(",")[0]

    async def record(self) -> list[str]:
        return [row.kind for row in (await self.box.audit.list(limit=50)).items if row.kind.startswith("bundle.")]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    (tmp_path / "tether.toml").write_text(CONFIG)
    clock = FakeClock()
    async with open_box(tmp_path, clock) as box:
        made = Store(tmp_path, box, clock)
        await made.start()
        yield made


async def test_a_bundle_is_in_force_and_on_record_and_so_after_a_restart(store: Store) -> None:
    store.in_a_process = True
    await store.gets(bundle(3))
    assert (store.says, store.bundles.name, store.bundles.problem) == ("Hooray", "all/3", "")
    assert await store.record() == ["bundle.applied"]
    await store.start()
    assert (store.says, store.bundles.name) == ("Hooray", "all/3")


async def test_the_stores_own_word_comes_before_headquarters_and_headquarters_before_what_ships(store: Store) -> None:
    (store.folder / "templates/en").mkdir(parents=True)
    (store.folder / "templates/en/order.delayed.sms.j2").write_text("Ours: {{ order.ref }}\n")
    (store.folder / "tether.toml").write_text(
        CONFIG + '[[route]]\non = "order.delayed"\nto = "customer"\nvia = ["smtp"]\npriority = "low"\n'
    )
    await store.gets(
        bundle(
            1,
            {
                **TEXTS,
                "templates/en/order.delayed.sms.j2": b"Theirs\n",
                "routes.toml": b'[[route]]\non = "order.*"\nto = "customer"\nvia = ["smtp"]\npriority = "high"\n',
                "settings.toml": b'[quiet_hours]\nfrom = "20:00"\nto = "07:00"\n[replies]\n"VENI" = "arrived"\n',
            },
        )
    )
    assert store.bundles.problem == ""
    settings = store.settings
    assert (settings.quiet_hours.from_, settings.quiet_hours.to) == (22 * 60, 7 * 60)
    assert settings.replies == {"VENI": "arrived"}
    routes = compile_routes(settings, {}, ("smtp",))
    assert [route.place for route in routes.matching("order.delayed")] == ["route[0] (on 'order.delayed')"]
    assert [route.place for route in routes.matching("order.ready")] == ["the bundle's route[0] (on 'order.*')"]
    from daemon.planner.render import Renderer

    files = Renderer(settings).files
    assert files.path("en/order.delayed.sms.j2") == store.folder / "templates/en/order.delayed.sms.j2"
    assert settings.bundle is not None
    assert files.path("en/order.ready.sms.j2") == settings.bundle / READY
    assert files.path("en/order.placed.sms.j2") == files.shipped / "en/order.placed.sms.j2"


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({READY: b"{{ order.reff }}"}, "templates/en/order.ready.sms.j2, line 1: order has no 'reff'"),
        ({READY: b"{% if %}"}, "order.ready.sms.j2, line 1"),
        ({READY: b"{{ order.ref }}\xff"}, "order.ready.sms.j2"),
        ({READY: b"{{ 1 / 0 }}"}, "division by zero"),
        ({READY: b"{{ order.ref.__class__.__mro__ }}"}, "order.ready.sms.j2"),
        ({READY: b"{% include 'en/order.ready.sms.j2' %}"}, "calls itself without end"),
        ({READY: b"{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}"}, "more than 10000 steps"),
        ({READY: b"{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}x"}, "more than 10000 steps"),
        ({READY: b"{{ '%0999999999d' % 1 }}"}, "too large"),
        ({READY: b"{{ 'x'.ljust(999999999) }}"}, "too large"),
        ({"routes.toml": b"[[route]"}, "routes.toml"),
        ({"routes.toml": b'[[route]]\non = "order.ready"\nto = "customer"\nvia = ["pigeon"]\n'}, "no channel 'pigeon'"),
        ({"routes.toml": b'[[route]]\non = "order.ready"\nto = "nobody"\nvia = ["smtp"]\n'}, "no audience 'nobody'"),
        ({"routes.toml": b'[[route]]\non = "order.ready"\nto = "customer"\nvia = ["twilio"]\n'}, "none of twilio is enabled"),
        ({"routes.toml": b'[hook]\nhost = "0.0.0.0"\n'}, "only [[route]] has a place"),
        ({"settings.toml": b'[hook]\nhost = "0.0.0.0"\n'}, "hook: not headquarters' to say"),
        ({"settings.toml": b'[fleet]\npublisher = "x"\n'}, "fleet: not headquarters' to say"),
        ({"settings.toml": b'[channels.smtp]\nhost = "evil.example"\n'}, "channels: not headquarters' to say"),
        ({"settings.toml": b'[sms]\ndaily_cost = "9999"\n'}, "sms.daily_cost: not headquarters' to say"),
        ({"settings.toml": b'[sms]\ncountries = ["*"]\n'}, "sms.countries: not headquarters' to say"),
        ({"settings.toml": b'[sms]\nprices = {"*" = "0.0001"}\n'}, "sms.prices: not headquarters' to say"),
        ({"settings.toml": b'[quiet_hours]\nfrm = "20:00"\n'}, "did you mean 'from'"),
    ],
)  # fmt: skip
async def test_what_a_store_could_not_be_run_with_leaves_the_old_in_force(
    store: Store, files: dict[str, bytes], why: str
) -> None:
    """A slip of who publishes, or a publisher who reaches for what is the store's own."""
    await store.gets(bundle(1))
    await store.gets(bundle(2, files))
    assert store.bundles.problem.startswith("all/2: ")
    assert why in store.bundles.problem
    assert str(store.folder) not in store.bundles.problem
    assert (store.says, store.bundles.name) == ("Hooray", "all/1")
    await store.gets(bundle(3, OTHERS))
    assert (store.says, store.bundles.problem) == ("At last", "")


async def test_a_text_that_takes_all_memory_is_tried_outside_of_the_service(store: Store) -> None:
    """A text that would take down every store of the chain at once."""
    store.in_a_process = True
    await store.gets(bundle(2, {READY: b"{{ 'x'|center(999999999) }}"}))
    assert store.bundles.problem.startswith("all/2: its texts could not be tried")
    assert store.settings.bundle is None


async def test_a_trial_that_does_not_end_is_ended(store: Store, tmp_path: Path) -> None:
    place = BundleStore(store.settings.database).put(Manifest(group="all", version=1, at=1), TEXTS)
    assert await trial(store.settings, place, seconds=0.01) == [
        "its texts could not be tried within 0 s: one of them never ends"
    ]
    assert await trial(store.settings, place) == []


async def test_a_stranger_and_an_old_bundle_are_refused(store: Store) -> None:
    """Who has NATS's servers puts there what they signed themselves, and then what the publisher signed long ago."""
    await store.gets(bundle(5))
    await store.gets(bundle(9, OTHERS, key=Ed25519PrivateKey.generate()))
    assert store.bundles.problem == "all: it is not signed by the fleet's publisher"
    await store.gets(bundle(4, OTHERS))
    assert "older than all/5" in store.bundles.problem
    await store.gets(bundle(7, OTHERS, group="london"))
    assert "london/7 is not meant for this group" in store.bundles.problem
    await store.start()
    await store.gets(bundle(4, OTHERS))
    assert "older than all/5" in store.bundles.problem, "and so after a restart"
    await store.gets(None)
    assert (store.says, store.bundles.name) == ("Hooray", "all/5"), (
        "that there is nothing is no word of the publisher's"
    )


async def test_another_one_of_the_same_number_is_not_taken_for_the_one_in_force(store: Store) -> None:
    """Headquarters' database was restored from before the first, and its next one has that number before the store was heard again."""
    await store.gets(bundle(5))
    await store.gets(bundle(5, OTHERS))
    assert store.bundles.problem == "all/5: another one of that number is in force here: publish it once more"
    assert store.says == "Hooray"


async def test_one_that_was_withdrawn_can_not_be_brought_back(store: Store) -> None:
    await store.gets(bundle(5))
    await store.gets(bundle(6, withdrawn=True))
    assert (store.settings.bundle, store.bundles.name) == (None, "")
    await store.gets(bundle(5))
    assert "older than all/6" in store.bundles.problem
    assert await store.record() == ["bundle.withdrawn", "bundle.applied"]


async def test_too_new_for_this_release(store: Store) -> None:
    await store.gets(bundle(1, release="0.2"))
    assert store.bundles.problem == "all: all/1 needs Tether 0.2, and this store has 0.1.0: upgrade it"
    await store.gets(bundle(2, release="0.1"))
    assert store.bundles.name == "all/2"


async def test_the_nearest_group_wins_and_the_next_one_when_it_is_withdrawn(store: Store) -> None:
    groups = ("soho", "london", "canary", "all")
    await store.gets(None, bundle(2, OTHERS, group="london"), None, bundle(3), groups=groups)
    assert (store.bundles.name, store.says) == ("london/2", "At last")
    await store.gets(None, bundle(4, group="london", withdrawn=True), None, bundle(3), groups=groups)
    assert (store.bundles.name, store.says) == ("all/3", "Hooray")
    await store.gets(bundle(5, OTHERS, group="soho"), bundle(6, group="london"), None, bundle(7), groups=groups)
    assert store.bundles.name == "soho/5"


async def test_a_reload_that_fails_puts_the_old_one_back(store: Store) -> None:
    await store.gets(bundle(1))
    store.refuses = "the engine would not start"
    await store.gets(bundle(2, OTHERS))
    assert store.bundles.problem == "all/2: the engine would not start"
    assert (store.says, store.bundles.name) == ("Hooray", "all/1")
    await store.start()
    assert store.says == "Hooray"


async def test_a_bundle_after_which_texts_fail_is_taken_back(store: Store) -> None:
    """What no sample order shows: a text that breaks on a real one."""
    await store.gets(bundle(1))
    await store.clock.advance(PROBATION_SECONDS + 1)
    await store.bundles.watch()
    await store.gets(bundle(2, OTHERS))
    await store.bundles.watch()
    assert store.says == "At last"
    await store.breaks_a_text()
    await store.bundles.watch()
    assert (store.says, store.bundles.name) == ("Hooray", "all/1")
    assert "all/2: messages failed for texts that worked before: order.ready" in store.bundles.problem
    assert (await store.record())[0] == "bundle.taken_back"
    await store.gets(bundle(2, OTHERS))
    assert store.says == "Hooray", "it is not tried again"
    await store.gets(bundle(3, OTHERS))
    assert store.bundles.name == "all/3"


async def test_a_taking_back_that_is_cut_off_is_gone_on_with_at_the_next_start(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The power goes, or the disk can't be written to, between the verdict and the switch."""
    await store.gets(bundle(1))
    await store.clock.advance(PROBATION_SECONDS + 1)
    await store.bundles.watch()
    await store.gets(bundle(2, OTHERS))
    await store.breaks_a_text()

    def cut(*_: object) -> None:
        raise OSError("the power is cut")

    with monkeypatch.context() as patch:
        patch.setattr(BundleStore, "switch", cut)
        with pytest.raises(OSError, match="power"):
            await store.bundles.watch()
    await store.start()
    assert (store.says, store.bundles.name) == ("Hooray", "all/1")
    assert "all/2: messages failed for texts that worked before: order.ready" in store.bundles.problem
    assert (await store.record())[0] == "bundle.taken_back"
    await store.gets(bundle(2, OTHERS))
    assert store.says == "Hooray", "it is not tried again"


async def test_what_failed_before_a_bundle_is_not_its_fault(store: Store) -> None:
    await store.breaks_a_text()
    await store.clock.advance(5)
    await store.gets(bundle(1))
    await store.bundles.watch()
    await store.clock.advance(PROBATION_SECONDS + 1)
    await store.bundles.watch()
    assert store.bundles.name == "all/1"


async def test_a_service_that_keeps_starting_anew_takes_its_new_bundle_back(store: Store) -> None:
    await store.gets(bundle(1))
    for _ in range(STARTS):
        await store.start()
    assert (store.settings.bundle, store.bundles.name) == (None, "")
    assert f"began {STARTS} times anew" in store.bundles.problem


async def test_a_bundle_whose_trial_is_cut_off_again_and_again_is_left(store: Store) -> None:
    store.cut = True
    for _ in range(TRIES):
        with pytest.raises(OSError, match="power"):
            await store.gets(bundle(1))
        await store.start()
    store.cut = False
    await store.gets(bundle(1))
    assert f"cut off {TRIES} times" in store.bundles.problem


async def test_a_power_cut_in_mid_switch_leaves_the_old_or_the_new_and_never_half(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call that changes the disk fails in turn, as if the power went there."""
    await store.gets(bundle(1))
    shelf = BundleStore(store.settings.database)
    for name in ("mkdir", "write", "rename", "symlink", "replace"):
        for nth in range(4):
            calls = 0

            def cut(*args: object, real: object = getattr(os, name), nth: int = nth, **more: object) -> object:
                nonlocal calls
                calls += 1
                if calls == nth + 1:
                    raise OSError("the power is cut")
                return real(*args, **more)  # type: ignore[operator]

            with monkeypatch.context() as patch:
                patch.setattr(os, name, cut)
                with contextlib.suppress(OSError):
                    shelf.switch(shelf.put(Manifest(group="all", version=2, at=1), OTHERS))
            settings = load(store.folder / "tether.toml", {})
            assert settings.bundle is not None
            said = (settings.bundle / READY).read_bytes()
            assert said == (TEXTS[READY] if settings.bundle.name == "all-1" else OTHERS[READY])
            shelf.switch(shelf.place_of("all/1"))


async def test_a_store_that_can_no_longer_be_run_with_its_bundle_starts_without_it(store: Store) -> None:
    """Its owner takes the only channel away that the bundle's routes name."""
    await store.gets(bundle(1, {"routes.toml": b'[[route]]\non = "order.ready"\nto = "customer"\nvia = ["smtp"]\n'}))
    assert store.settings.fleet_route
    (store.folder / "tether.toml").write_text(
        CONFIG.replace("[channels.smtp]", "[channels.webhook]")
        .replace('host = "127.0.0.1"', 'url = "https://x.example"')
        .replace('from = "shop@loft.example"\n', "")
    )
    await store.start()
    assert store.settings.bundle is None
    assert "all/1 can't be used with this store's own tether.toml" in store.bundles.problem
