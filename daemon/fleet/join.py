"""Joining: a code from headquarters, good once and for an hour, is traded for this store's right.

The key is made here and never leaves; with it the same code is good again, should the answer be lost. The code carries who to trust (the
fleet's certificate authority, by its fingerprint), so a stranger in between can neither read nor answer. Consent keys come sealed for the key.
"""

import asyncio
import base64
import ssl
from collections.abc import Mapping

import aiohttp
import msgspec

from daemon.fleet.join_code import Code, JoinRefused, JoinWish, Welcome
from daemon.fleet.nkey import KeyPair
from daemon.fleet.seal import Unsealable, key_of, public_text, unseal
from daemon.http import read_up_to

SECONDS = 60.0
MOST = 256 * 1024


class Joined(msgspec.Struct, frozen=True):
    welcome: Welcome
    key: KeyPair
    consent_keys: Mapping[str, bytes]

    @property
    def written_keys(self) -> str:
        """The consent keys as `.env` has them."""
        return " ".join(f"{kid}:{base64.b64encode(secret).decode()}" for kid, secret in self.consent_keys.items())


async def join(code: Code, key: KeyPair) -> Joined:
    """Raises JoinRefused."""
    try:
        async with asyncio.timeout(SECONDS):
            authority = await _authority(code)
            answer = await _trade(code, key, authority)
    except TimeoutError as error:
        raise JoinRefused(
            f"{code.url} did not answer within {SECONDS:.0f} s: is this box online, and does HQ run?"
        ) from error
    except aiohttp.ClientError as error:
        raise JoinRefused(_why(code, error)) from error
    if not code.names(answer.ca):
        raise JoinRefused(
            "headquarters names another certificate authority than its code does: nothing was kept; ask HQ"
        )
    try:
        keys = {kid: unseal(sealed, key_of(key.seed), f"{answer.store} {kid}") for kid, sealed in answer.keys.items()}
    except Unsealable as error:
        raise JoinRefused("the fleet's consent key could not be opened; ask HQ for a new code") from error
    return Joined(answer, key, keys)


async def _authority(code: Code) -> str:
    """The fleet's certificate, known by its fingerprint: how it came doesn't matter."""
    blind = ssl.create_default_context()
    blind.check_hostname = False
    blind.verify_mode = ssl.CERT_NONE
    async with aiohttp.ClientSession() as session, session.get(f"{code.url}/v1/join/ca", ssl=blind) as answer:
        text = (await read_up_to(answer.content, MOST)).decode("ascii", "replace")
    try:
        matches = answer.status == 200 and code.names(text)
    except ValueError:
        matches = False
    if not matches:
        raise JoinRefused(
            f"what answers at {code.url} is not the headquarters that made this code. Check the address; if it is right, somebody "
            "may be in between: tell HQ"
        )
    return text


async def _trade(code: Code, key: KeyPair, authority: str) -> Welcome:
    trusting = ssl.create_default_context()
    trusting.load_verify_locations(cadata=authority)
    sealing = public_text(key_of(key.seed))
    signature = base64.b64encode(key.sign(JoinWish.signed(code.secret, sealing))).decode()
    wish = JoinWish(code.secret, key.public, sealing, signature)
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{code.url}/v1/join", data=msgspec.json.encode(wish), ssl=trusting) as answer,
    ):
        body = await read_up_to(answer.content, MOST)
    if answer.status != 200:
        try:
            detail = msgspec.json.decode(body, type=dict[str, object]).get("detail", "")
        except (msgspec.MsgspecError, UnicodeDecodeError):
            detail = ""
        raise JoinRefused(str(detail)[:300] or f"headquarters answered {answer.status}")
    try:
        return msgspec.json.decode(body, type=Welcome)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise JoinRefused(f"headquarters answered what this release can't read: {error}") from error


def _why(code: Code, error: aiohttp.ClientError) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError) and "not yet valid" in str(error):
        return "this box's clock is behind: set it (timedatectl), then try again with the same code"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"{code.url} shows a certificate that can't be trusted: {error.certificate_error}"
    return f"{code.url} can't be reached: {error}"
