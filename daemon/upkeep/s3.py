"""The little of Amazon's S3 that backups need, as any compatible store speaks it: put, get, list, remove.

https://docs.aws.amazon.com/AmazonS3/latest/API/ ; addresses are path-style, which all of them take. Files are streamed: a Pi has
better uses for its memory.
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from daemon.channels._sigv4 import Keys, sign
from daemon.config import Backup, ConfigError
from daemon.http import Request, read_up_to
from daemon.upkeep.errors import BackupError
from outbox.clock import Clock

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

CONNECT_SECONDS = 15.0
SILENCE_SECONDS = 60.0
"""How long the other side may say nothing."""
CHUNK = 256 * 1024
MAX_LISTING = 4 * 2**20
MOST_PAGES = 100
"""Of a listing: 100,000 names."""
_PLACE = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(/[\w.\-/]*)?")
_EMPTY = hashlib.sha256(b"").hexdigest()

REMEDIES: Mapping[str, str] = {
    "SignatureDoesNotMatch": "copy the secret key again",
    "InvalidAccessKeyId": "copy the access key again",
    "AccessDenied": "let this key list, get, put and delete in that bucket",
    "NoSuchBucket": "make the bucket, or correct [backup] to",
    "RequestTimeTooSkewed": "this machine's clock is wrong: `timedatectl`",
    "PermanentRedirect": "set [backup] region to the bucket's own",
    "AuthorizationHeaderMalformed": "set [backup] region to the bucket's own",
}


class Bucket:
    """One bucket, below one prefix. All methods raise BackupError."""

    def __init__(
        self, session: aiohttp.ClientSession, endpoint: str, bucket: str, prefix: str, keys: Keys, clock: Clock
    ) -> None:
        self._session = session
        self._endpoint = endpoint.rstrip("/")
        self._bucket = bucket
        self._prefix = prefix
        self._keys = keys
        self._clock = clock

    async def names(self) -> Sequence[str]:
        """What lies below the prefix, without it."""
        found: list[str] = []
        more = ""
        for _ in range(MOST_PAGES):
            query = [("list-type", "2"), ("prefix", self._prefix), *([("continuation-token", more)] if more else [])]
            async with self._call("GET", f"/{self._bucket}", query=query) as answer:
                text = (await answer.content.read(MAX_LISTING)).decode("utf-8", "replace")
                while chunk := await answer.content.read(MAX_LISTING):
                    text += chunk.decode("utf-8", "replace")
                    if len(text) > MAX_LISTING:
                        raise BackupError("its listing is longer than a listing can be")
            page = _xml(text)
            if page is None:
                raise BackupError("its listing is not the XML of one")
            found += [
                key.removeprefix(self._prefix) for entry in _all(page, "Contents") if (key := _text(entry, "Key"))
            ]
            more = _text(page, "NextContinuationToken")
            if not more:
                return found
        raise BackupError(f"its listing has no end: after {MOST_PAGES} pages it was given up")

    async def put(self, file: Path, name: str) -> None:
        digest = await asyncio.to_thread(_sha256, file)
        with file.open("rb") as body:
            async with self._call("PUT", self._path(name), body=body, digest=digest):
                pass

    async def get(self, name: str, target: Path, *, most: int | None = None) -> None:
        """`most`: bytes that it may have."""
        left = most
        async with self._call("GET", self._path(name)) as answer:
            with target.open("wb") as file:
                async for chunk in answer.content.iter_chunked(CHUNK):
                    left = None if left is None else left - len(chunk)
                    if left is not None and left < 0:
                        raise BackupError(
                            f"{name} is larger there than the {most} bytes that it may have here: make room, or see whose bucket it is"
                        )
                    file.write(chunk)

    async def remove(self, name: str) -> None:
        async with self._call("DELETE", self._path(name)):
            pass

    def _path(self, name: str) -> str:
        return f"/{self._bucket}/{self._prefix}{name}"

    @asynccontextmanager
    async def _call(
        self,
        method: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        body: object = None,
        digest: str = _EMPTY,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        plain = Request(method=method, path=path, query=query, headers={"X-Amz-Content-Sha256": digest})
        request = sign(plain, self._endpoint, self._keys, self._clock.now(), digest=digest)
        try:
            url = URL(self._endpoint + request.target, encoded=True)
            async with self._session.request(
                method, url, data=body, headers=request.headers, allow_redirects=False
            ) as answer:
                if answer.status >= 300:
                    raise _refusal(
                        answer.status, (await read_up_to(answer.content, 64 * 1024)).decode("utf-8", "replace")
                    )
                yield answer
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            host = urlsplit(self._endpoint).hostname
            raise BackupError(f"{host} can't be reached: {str(error) or type(error).__name__}") from error
        except ValueError as error:
            raise BackupError(
                f"{self._endpoint} can't be asked ({error}): correct [backup] endpoint or region"
            ) from error


def _refusal(status: int, body: str) -> BackupError:
    error = _xml(body)
    told = {} if error is None else {each.tag.rpartition("}")[2]: each.text or "" for each in error.iter()}
    code, words = told.get("Code", ""), told.get("Message", "")[:200]
    said = " ".join(part for part in (str(status), code, words) if part)
    return BackupError(f"the bucket refused: {said}" + (f": {REMEDIES[code]}" if code in REMEDIES else ""))


def _xml(text: str) -> "Element | None":
    """What a store answers; None where it is no XML, or has a document type: without one there is nothing to expand."""
    from xml.etree.ElementTree import ParseError, XMLParser  # 0.3 MiB that only a store with a bucket needs

    if "<!" in text.replace("<!--", "").replace("<![CDATA[", ""):
        return None
    parser = XMLParser()  # noqa: S314 - see above
    try:
        parser.feed(text)
        root: Element = parser.close()
    except ParseError:
        return None
    return root


def _all(parent: "Element", name: str) -> Iterator["Element"]:
    """Its children of that name, in whatever namespace: stores differ in it."""
    return (child for child in parent if child.tag.rpartition("}")[2] == name)


def _text(parent: "Element", name: str) -> str:
    return next((child.text or "" for child in _all(parent, name)), "")


def _sha256(file: Path) -> str:
    with file.open("rb") as body:
        return hashlib.file_digest(body, "sha256").hexdigest()


@asynccontextmanager
async def open_bucket(backup: Backup, secrets: Mapping[str, str], clock: Clock) -> AsyncIterator[Bucket]:
    """The bucket of `[backup] to`. Raises ConfigError for what is missing or can't be meant."""
    place = _PLACE.fullmatch(backup.to)
    if place is None or ".." in backup.to:
        raise ConfigError(
            f'backup.to: {backup.to!r} is no bucket; write it like "s3://bucket/prefix" (letters, digits, . _ - /)'
        )
    endpoint = backup.endpoint or f"https://s3.{backup.region}.amazonaws.com"
    if urlsplit(endpoint).scheme not in ("https", "http") or not urlsplit(endpoint).hostname:
        raise ConfigError(f'backup.endpoint: {endpoint!r} is no address; write it like "https://s3.example.com"')
    prefix = (place[2] or "").strip("/")
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS)
    async with aiohttp.ClientSession(
        timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), headers={"User-Agent": "Tether"}, auto_decompress=False
    ) as session:
        yield Bucket(session, endpoint, place[1], f"{prefix}/" if prefix else "", _keys(backup, secrets), clock)


def _keys(backup: Backup, secrets: Mapping[str, str]) -> Keys:
    """The backups' own keys, else those of the mail channel: an owner may have but one pair."""
    for family in ("BACKUP", "AWS"):
        access, secret = secrets.get(f"{family}_ACCESS_KEY_ID", ""), secrets.get(f"{family}_SECRET_ACCESS_KEY", "")
        if access and secret:
            return Keys(access, secret, secrets.get(f"{family}_SESSION_TOKEN", ""), backup.region, "s3")
    raise ConfigError("backup.to: a bucket needs BACKUP_ACCESS_KEY_ID and BACKUP_SECRET_ACCESS_KEY in .env")
