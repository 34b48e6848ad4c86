"""Bech32 (BIP-173), in which age writes its keys. Pure."""

_CHARS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


def bech32(prefix: str, content: bytes) -> str:
    """`content` under a prefix in lower case, with its checksum."""
    bits = int.from_bytes(content, "big") << -len(content) * 8 % 5
    groups = -(-len(content) * 8 // 5)
    data = [bits >> 5 * place & 31 for place in reversed(range(groups))]
    expanded = [*(ord(char) >> 5 for char in prefix), 0, *(ord(char) & 31 for char in prefix)]
    check = _polymod([*expanded, *data, *[0] * 6]) ^ 1
    return (
        prefix
        + "1"
        + "".join(_CHARS[value] for value in [*data, *(check >> 5 * (5 - place) & 31 for place in range(6))])
    )


def _polymod(values: list[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for place, generator in enumerate(_GENERATOR):
            check ^= generator if top >> place & 1 else 0
    return check
