"""National language tables that phones may use in what they send us (3GPP TS 23.038 A.2 and A.3), as data.

Only the Latin ones: Turkish (1), Spanish (2), Portuguese (3). A message in another table is read by the default alphabet.
"""

from collections.abc import Mapping

from daemon.gsm_alphabet import BASIC, EXTENSION

TURKISH, SPANISH, PORTUGUESE = 1, 2, 3


def _table(codes: str) -> dict[int, str]:
    """ "05ê 09ç": each code in hex with its character."""
    return {int(entry[:2], 16): entry[2:] for entry in codes.split()}


def _locking(changes: str) -> str:
    return "".join((dict(enumerate(BASIC)) | _table(changes)).values())


def _single(additions: str) -> dict[int, str]:
    return {code: character for character, code in EXTENSION.items()} | _table(additions)


LOCKING: Mapping[int, str] = {
    TURKISH: _locking("04€ 07ı 0BĞ 0Cğ 1CŞ 1Dş 40İ 60ç"),
    PORTUGUESE: _locking(
        "04ê 06ú 07í 08ó 09ç 0BÔ 0Cô 0EÁ 0Fá 12ª 13Ç 14À 15∞ 16^ 17\\ 18€ 19Ó 1A| 1CÂ 1Dâ 1EÊ 24º "
        "40Í 5BÃ 5CÕ 5DÚ 5EÜ 60~ 7Bã 7Cõ 7D`"
    ),
}
"""Instead of the default alphabet: 128 characters in the order of their codes."""

SINGLE: Mapping[int, Mapping[int, str]] = {
    TURKISH: _single("47Ğ 49İ 53Ş 63ç 67ğ 69ı 73ş"),
    SPANISH: _single("09ç 41Á 49Í 4FÓ 55Ú 61á 69í 6Fó 75ú"),
    PORTUGUESE: _single(
        "05ê 09ç 0BÔ 0Cô 0EÁ 0Fá 12Φ 13Γ 15Ω 16Π 17Ψ 18Σ 19Θ 1FÊ 41À 49Í 4FÓ 55Ú 5BÃ 5CÕ 61Â 69í 6Fó 75ú 7Bã 7Cõ 7Fâ"
    ),
}
"""Instead of the default extension table, after an escape."""
