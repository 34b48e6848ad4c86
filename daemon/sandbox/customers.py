"""The customers' phones: whose address is whose, and what they write back, posted to the store as the vendor would."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping

import aiohttp
import msgspec

from daemon.sandbox.callback import CustomerAct, Deed
from daemon.sandbox.line import Line
from daemon.sandbox.mailbox import Arrival, Mailbox
from daemon.sandbox.providers.base import Provider
from daemon.sandbox.stand_ins import StandIns
from outbox.clock import Clock

KEEP = 1000
PATIENCE = 10.0
"""Seconds that the store may take to answer."""
STRANGER = "twilio"
"""Who carries the text of a number that the store never wrote to."""


class NotSaid(Exception):
    """It did not reach the store: says why, and what to do."""


class Said(msgspec.Struct, frozen=True):
    """What a customer did, as the page shows it."""

    seq: int
    customer: str
    provider: str
    deed: Deed
    text: str
    at: int


class Customers:
    """`store`: where the store's hook listens, "" where nobody told. Who is who is told by whoever embeds the sandbox."""

    def __init__(self, mailbox: Mailbox, line: Line, stand_ins: StandIns, clock: Clock) -> None:
        self.store = ""
        self._mailbox = mailbox
        self._line = line
        self._stand_ins = stand_ins
        self._clock = clock
        self._names: dict[str, str] = {}
        self._said: deque[Said] = deque(maxlen=KEEP)
        self._count = 0

    def introduce(self, name: str, addresses: Iterable[str]) -> None:
        """These addresses are that customer's: they have one phone."""
        self._names.update(dict.fromkeys(addresses, name))

    @property
    def names(self) -> Mapping[str, str]:
        return self._names

    def said(self, since: int) -> list[Said]:
        return [word for word in self._said if word.seq > since]

    def forget(self) -> None:
        """What they said; who they are stays known."""
        self._said.clear()
        self._count = 0

    async def say(self, customer: str, text: str, deed: Deed = "writes", provider: str = "") -> Said:
        """Have them do it. Raises NotSaid."""
        if not self.store:
            raise NotSaid("no store is known to write to: tether sandbox --store http://127.0.0.1:8787")
        if not self._line.up:
            raise NotSaid("the line is cut: nothing reaches the store")
        answered = next(self._got(customer, provider, deed), None)
        vendor = self._stand_ins.teller(answered.provider if answered else provider or STRANGER, deed)
        if vendor is None or (answered is None and not customer.startswith("+")):
            raise NotSaid(f"nothing came to {customer} by a provider that tells the store when somebody {deed}")
        word = CustomerAct(
            customer=customer,
            to=answered.sender if answered else "",
            text=text,
            deed=deed,
            answers=answered.id if answered else "",
            at=self._clock.now(),
        )
        await self._post(vendor, word)
        self._count += 1
        said = Said(self._count, customer, vendor.name, deed, text, word.at)
        self._said.append(said)
        return said

    def _got(self, customer: str, provider: str, deed: Deed) -> Iterator[Arrival]:
        """What they were sent by a vendor that tells of such a deed, newest first."""
        for arrival in reversed(self._mailbox.select(to=customer, provider=provider)):
            if self._stand_ins.teller(arrival.provider, deed):
                yield arrival

    async def _post(self, vendor: Provider, word: CustomerAct) -> None:
        url = f"{self.store.rstrip('/')}/v1/receipts/{vendor.name}"
        callback = vendor.callback(word, url)
        timeout = aiohttp.ClientTimeout(total=PATIENCE)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(url, data=callback.body, headers=callback.headers, allow_redirects=False) as response,
            ):
                answer = await response.text()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise NotSaid(f"the store at {self.store} does not answer: {str(error) or type(error).__name__}") from error
        if response.status >= 300:
            raise NotSaid(f"the store refused it ({response.status}): {answer[:300]}")
