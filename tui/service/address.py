"""Where the service is: its unix socket (guarded by file permissions, no token), or a URL and a token."""

from pathlib import Path

import msgspec


class Address(msgspec.Struct, frozen=True):
    """`socket` or `url` is set, never both. The token is in no repr."""

    socket: Path | None = None
    url: str = ""
    token: str = ""

    @classmethod
    def parse(cls, where: str | Path, token: str = "") -> "Address":
        """A path, `unix:PATH`, or an http(s) URL. Raises ValueError that says how to write it."""
        text = str(where)
        if text.startswith(("http://", "https://")):
            return cls(url=text.rstrip("/"), token=token)
        path = text.removeprefix("unix:")
        if ":" in path.partition("/")[0]:
            raise ValueError(f'{text}: the service is reached at "http://host:port" or by the path of its socket')
        return cls(socket=Path(path))

    @property
    def base(self) -> str:
        """What requests are addressed to. Over the socket the host means nothing."""
        return self.url or "http://tether"

    def __str__(self) -> str:
        return str(self.socket) if self.socket else self.url

    def __repr__(self) -> str:
        return f"Address({self})"
