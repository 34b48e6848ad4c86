"""The alphabet of text messages (3GPP TS 23.038 with its extension), as the vendors count with it."""

import re

_ALPHABET = re.compile(r"[@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,\-./0-9:;<=>?¡A-ZÄÖÑÜ§¿a-zäöñüà^{}\\\[~\]|€]*")


def is_gsm(text: str) -> bool:
    return _ALPHABET.fullmatch(text) is not None
