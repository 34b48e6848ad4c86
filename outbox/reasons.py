"""Why a message stands where it does: an English sentence that also knows its code and parameters, so that it can be told in other
languages and told apart by programs. `daemon.wire.reasons` has the sentences by code; nobody parses the English one.
"""

from typing import Any

import msgspec

_args = msgspec.json.Decoder(dict[str, Any])


class Reason(str):
    """A sentence, with what it says as a code and parameters (JSON values, or further reasons)."""

    __slots__ = ("args", "code")

    code: str
    args: dict[str, Any]

    def __new__(cls, sentence: str, code: str = "", /, **args: Any) -> "Reason":
        made = super().__new__(cls, sentence)
        made.code = code
        made.args = args
        return made

    def __repr__(self) -> str:
        return f"Reason({str(self)!r}, {self.code!r}, {self.args!r})"


NO_REASON = Reason("")
"""Nothing to say: what is usual has no reason."""

ON_HOLD = Reason("the order is on hold", "on_hold")
FORGOTTEN = Reason("the person is forgotten", "forgotten")
UNDELIVERED = Reason("it could not be delivered", "undelivered")


def joined(reasons: list[Reason]) -> Reason:
    """Several at once as one; none is `NO_REASON`."""
    if len(reasons) < 2:
        return reasons[0] if reasons else NO_REASON
    return Reason("; ".join(reasons), "several", reasons=reasons)


def encode_args(reason: Reason) -> str:
    """A reason's parameters as they are stored: JSON, or nothing where there are none."""
    return msgspec.json.encode(whole_args(reason)).decode() if reason.args else ""


def whole_args(reason: Reason) -> dict[str, Any]:
    """A reason's parameters as JSON values."""
    return {name: _whole(value) for name, value in reason.args.items()}


def decode_args(args: str) -> dict[str, Any]:
    """Stored parameters. A reason among them stays a plain value."""
    return _args.decode(args) if args else {}


def plain(value: object) -> object:
    """For encoders (an `enc_hook`): a reason is its sentence. Raises NotImplementedError for what else they don't know."""
    if isinstance(value, Reason):
        return str(value)
    raise NotImplementedError(f"{type(value).__name__} can't be stored")


def _whole(value: Any) -> Any:
    """Parameters as JSON values: a reason within them becomes `{"code", "args", "sentence"}`."""
    if isinstance(value, Reason):
        return {"code": value.code, "args": _whole(value.args), "sentence": str(value)}
    if isinstance(value, dict):
        return {name: _whole(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_whole(each) for each in value]
    return value
