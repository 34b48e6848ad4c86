"""A bucket on loopback that checks each signature with Amazon's own library, pages its listings, and can refuse."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from xml.sax.saxutils import escape

from aiohttp import web
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

ACCESS, SECRET, REGION = "AKIATEST", "secret/with+signs", "eu-central-1"


class FakeBucket:
    """`objects` by key. `refuse`: the code of the next answers. `listing`: what it says it has, instead of the truth. `tail`: what
    it gives behind each object. Keys are path-style: /bucket/key."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.objects: dict[str, bytes] = {}
        self.refuse = ""
        self.listing = ""
        self.tail = b""
        self.page = 2
        self.url = ""

    async def handle(self, request: web.BaseRequest) -> web.Response:
        body = await request.read()
        if self.refuse:
            return _error(403, self.refuse, "no & <never>")
        if not self._is_signed(request, body):
            return _error(403, "SignatureDoesNotMatch", "The signature does not match.")
        _, bucket, *rest = request.path.split("/", 2)
        if bucket != self.name:
            return _error(404, "NoSuchBucket", "The specified bucket does not exist")
        key = rest[0] if rest else ""
        match request.method:
            case "PUT":
                self.objects[key] = body
                return web.Response()
            case "GET" if not key:
                return self._listing(request)
            case "GET" if key in self.objects:
                return web.Response(body=self.objects[key] + self.tail)
            case "DELETE":
                self.objects.pop(key, None)
                return web.Response(status=204)
            case _:
                return _error(404, "NoSuchKey", "The specified key does not exist.")

    def _listing(self, request: web.BaseRequest) -> web.Response:
        prefix, start = request.query.get("prefix", ""), int(request.query.get("continuation-token", "0"))
        keys = sorted(key for key in self.objects if key.startswith(prefix))
        some = keys[start : start + self.page]
        more = start + self.page < len(keys)
        token = f"<NextContinuationToken>{start + self.page}</NextContinuationToken>" if more else ""
        inside = "".join(f"<Contents><Key>{escape(key)}</Key><Size>1</Size></Contents>" for key in some)
        text = f"<?xml version='1.0'?><ListBucketResult>{inside}<IsTruncated>{str(more).lower()}</IsTruncated>{token}</ListBucketResult>"
        return web.Response(text=self.listing or text, content_type="application/xml")

    def _is_signed(self, request: web.BaseRequest, body: bytes) -> bool:
        given = request.headers.get("Authorization", "")
        if (
            request.headers.get("X-Amz-Content-SHA256") != hashlib.sha256(body).hexdigest()
            or "SignedHeaders=" not in given
        ):
            return False
        names = given.split("SignedHeaders=")[1].split(",")[0].split(";")
        again = AWSRequest(request.method, self.url + request.raw_path, {name: request.headers[name] for name in names})
        again.context["timestamp"] = request.headers["X-Amz-Date"]
        auth = S3SigV4Auth(Credentials(ACCESS, SECRET), "s3", REGION)
        text = auth.string_to_sign(again, auth.canonical_request(again))
        return given.endswith(f"Signature={auth.signature(text, again)}") and f"Credential={ACCESS}/" in given


def _error(status: int, code: str, words: str) -> web.Response:
    text = f"<Error><Code>{code}</Code><Message>{escape(words)}</Message></Error>"
    return web.Response(status=status, text=text, content_type="application/xml")


@asynccontextmanager
async def bucket(name: str = "shop-backups") -> AsyncIterator[FakeBucket]:
    fake = FakeBucket(name)
    runner = web.ServerRunner(web.Server(fake.handle, access_log=None), shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield fake
    finally:
        await runner.cleanup()
