"""What a shop's own developer would write: Flask takes an event into SQLite, a thread sends its text. The peer of `tests.bench.till`.

python -m tests.bench.flask_script DATABASE PROVIDER   prints its port
"""

import http.client
import json
import sqlite3
import sys
import threading
import time
from urllib.parse import urlencode, urlsplit

from flask import Flask, request
from werkzeug.serving import WSGIRequestHandler, make_server

DURABLE = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
TABLE = (
    "CREATE TABLE IF NOT EXISTS event (seq INTEGER PRIMARY KEY, id TEXT UNIQUE, body TEXT, state TEXT DEFAULT 'queued')"
)


def opened(path: str) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    db.executescript(DURABLE + TABLE)
    return db


def send_all(path: str, provider: str) -> None:
    """Take the oldest that waits, post its text, write down that it was sent: for ever."""
    db, where = opened(path), urlsplit(provider)
    line = http.client.HTTPConnection(where.hostname or "", where.port)
    while True:
        row = db.execute("SELECT seq, body FROM event WHERE state = 'queued' ORDER BY seq LIMIT 1").fetchone()
        if row is None:
            time.sleep(0.01)
            continue
        event = json.loads(row[1])
        text = f"Hi {event['customer']['name']}, your balloons (order {event['order']['ref']}) are ready to collect."
        form = urlencode({"To": event["customer"]["phone"], "From": "+15005550006", "Body": text})
        line.request("POST", "/Messages.json", form, {"Content-Type": "application/x-www-form-urlencoded"})
        line.getresponse().read()
        db.execute("UPDATE event SET state = 'sent' WHERE seq = ?", (row[0],))


class KeptOpen(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing: it would only cost it time."""


def main(path: str, provider: str) -> None:
    app = Flask(__name__)
    local = threading.local()

    @app.post("/v1/events")
    def take() -> tuple[dict[str, str], int]:
        if not hasattr(local, "db"):
            local.db = opened(path)
        told = request.get_json()
        rows = [(event["id"], json.dumps(event)) for event in (told if isinstance(told, list) else [told])]
        local.db.execute("BEGIN IMMEDIATE")
        local.db.executemany("INSERT OR IGNORE INTO event (id, body) VALUES (?, ?)", rows)
        local.db.execute("COMMIT")
        return {"status": "taken"}, 202

    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=KeptOpen)
    threading.Thread(target=send_all, args=(path, provider), daemon=True).start()
    print(server.port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
