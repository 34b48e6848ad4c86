"""Asking an owner: each answer is checked when it is given, and kept, so that a set-up that was broken off goes on where it was."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import typer

Check = Callable[[str], str]
"""What is wrong with an answer, in a sentence; "" for nothing."""


class Interview:
    """Answers by their question. `ask` False: nothing is asked, guesses count. As a context it forgets them once all is written."""

    def __init__(self, folder: Path, *, ask: bool) -> None:
        self.file = folder / ".tether-init.json"
        self.ask = ask
        self._kept: dict[str, str] = self._read() if ask else {}
        if self._kept:
            print("Going on from where it was broken off: Enter takes what was answered then.\n")

    def answer(self, key: str, words: str, guess: str, check: Check) -> str:
        """Ask until the answer will do."""
        if not self.ask:
            return guess
        while True:
            text = str(
                typer.prompt(words, default=self._kept.get(key, guess), show_default=bool(self._kept.get(key, guess)))
            )
            text = text.strip()
            if not (trouble := check(text)):
                self._keep(key, text)
                return text
            print(f"  {trouble}")

    def secret(self, name: str) -> str:
        """Not shown, nor what was kept of it. What does not look as it should is asked for once more, and then taken."""
        from daemon.appliance import setup

        kept, doubted = self._kept.get(name, ""), ""
        words = f"  {name} (not shown{'; Enter keeps the one given before' if kept else ''})"
        while True:
            typed = typer.prompt(words, default="", show_default=False, hide_input=sys.stdin.isatty())
            text = str(typed).strip() or kept
            trouble = setup.secret_trouble(name, text) if text else ""
            if not trouble or text == doubted:
                self._keep(name, text)
                return text
            print(f"  {trouble}; give it again, or the same once more to keep it")
            doubted = text

    def done(self) -> None:
        """All of it is written where it belongs."""
        self.file.unlink(missing_ok=True)

    def _keep(self, key: str, text: str) -> None:
        import msgspec

        if not text or self._kept.get(key) == text:
            return
        self._kept[key] = text
        self.file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.encode(self._kept))

    def _read(self) -> dict[str, str]:
        import msgspec

        try:
            return msgspec.json.decode(self.file.read_bytes(), type=dict[str, str])
        except (FileNotFoundError, msgspec.DecodeError):
            return {}


def country_of(text: str) -> str:
    """Its code in capitals; what people say for the United Kingdom is that."""
    return "GB" if text.strip().upper() in ("UK", "ENG") else text.strip().upper()


def check_country(text: str) -> str:
    from daemon.iso import country_trouble

    return country_trouble(country_of(text))


def check_currency(text: str) -> str:
    from daemon.iso import currency_trouble

    return currency_trouble(text)


def check_zone(text: str) -> str:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return f'{text!r} is no time zone; write it like "Europe/London"'
    return ""


def check_locale(text: str) -> str:
    from daemon.planner.template_files import locale_chain

    if not text or locale_chain(text, "en")[:1] != (text,):
        return f"{text!r} is no language; write en, de, es or fr (others need texts of your own)"
    return ""


def check_name(text: str) -> str:
    return "" if text else "the name stands under every text: give one"


def key_of(channel: str, table: Mapping[str, Any], key: str, text: str) -> tuple[Any, str]:
    """The value as the channel's table wants it, and what is wrong with it."""
    from daemon.appliance import setup
    from daemon.channels import registry
    from daemon.config import ConfigError

    if not text:
        return None, ""
    if key.endswith("url") and not text.startswith(("http://", "https://")):
        return None, f"{text!r} is no address; write it with https:// in front"
    trouble = ""
    for value in (text, setup.number_of(text)):
        try:
            registry.check(channel, {**table, key: value})
        except ConfigError as error:
            trouble = trouble or str(error).removeprefix(f"channels.{channel}: ")
        else:
            return value, ""
    return None, trouble
