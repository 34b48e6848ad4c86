"""An address as it may be shown: enough to recognise one's own, not enough to use."""


def mask(address: str) -> str:
    """`+447700900123` as `+44•••••••0123`... the ends of a number, the first letter and the domain of a mail address."""
    if not address:
        return ""
    name, at, domain = address.partition("@")
    if at:
        return f"{name[:1]}•••@{domain}"
    if len(address) <= 6:
        return "•" * len(address)
    return address[:3] + "•" * (len(address) - 6) + address[-3:]
