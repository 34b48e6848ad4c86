"""The stand-ins that serve, by name: what each carries, and what of its customers' deeds it tells the store."""

from collections.abc import Mapping

from daemon.sandbox.callback import Deed
from daemon.sandbox.providers import make_providers
from daemon.sandbox.providers.base import Provider, World
from outbox.model import Medium


class StandIns:
    def __init__(self, world: World) -> None:
        self._world = world
        self._providers = make_providers(world)

    def renew(self) -> None:
        """As new: none of them knows anybody."""
        self._providers = make_providers(self._world)

    def get(self, name: str) -> Provider | None:
        return self._providers.get(name)

    @property
    def media(self) -> Mapping[str, Medium]:
        """Each stand-in, and what it carries."""
        return {**{name: provider.medium for name, provider in self._providers.items()}, "smtp": "email"}

    def teller(self, name: str, deed: Deed) -> Provider | None:
        """The stand-in of that name, if it tells the store of such a deed."""
        provider = self._providers.get(name)
        return provider if provider is not None and deed in provider.tells else None

    @property
    def deeds(self) -> Mapping[str, frozenset[Deed]]:
        """What of their customers' deeds they tell the store."""
        return {name: provider.tells for name, provider in self._providers.items() if provider.tells}
