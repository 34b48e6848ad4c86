"""One file a vendor, written from the vendor's documentation: every module with a `Provider` of its own name is one. Nobody lists them."""

import pkgutil
from collections.abc import Mapping
from importlib import import_module

from daemon.sandbox.providers.auth import Auth
from daemon.sandbox.providers.base import Provider, World


def _found() -> Mapping[str, type[Provider]]:
    modules = (import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__))
    named = ((module.__name__.rpartition(".")[2], kind) for module in modules for kind in vars(module).values())
    return {
        name: kind
        for name, kind in named
        if isinstance(kind, type) and issubclass(kind, Provider) and kind.__dict__.get("name") == name
        if kind is not Auth
    }


PROVIDERS = _found()
"""The stand-ins by name."""


def make_providers(world: World) -> Mapping[str, Provider]:
    """All of them, by the first segment of their path."""
    made = {name: kind(world) for name, kind in PROVIDERS.items()}
    return {**made, Auth.name: Auth(world, made.values())}
