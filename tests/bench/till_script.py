"""The peer of a till's single request: what a shop's developer would write in an afternoon, with Flask and SQLite.

It reads a bearer token, decodes the event, keeps it, and answers once that is synced; one thread beside it sends a text for each and marks it sent.
python -m tests.bench.till_script FOLDER PROVIDER
"""

import http.client
import queue
import sqlite3
import sys
import threading
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from flask import Flask, Response, jsonify, request
from werkzeug.serving import WSGIRequestHandler, make_server

SCHEMA = """
CREATE TABLE IF NOT EXISTS events (id TEXT PRIMARY KEY, type TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS messages (id INTEGER PRIMARY KEY, phone TEXT NOT NULL, text TEXT NOT NULL, sent INTEGER NOT NULL);
"""


class Waiting(queue.Queue[tuple[int, str, str]]):
    """Messages by number, with whom they are for and what they say. One connection serves both threads: two would wait for each other's
    commits, ten milliseconds at a time."""


def connect(file: Path) -> sqlite3.Connection:
    database = sqlite3.connect(file, check_same_thread=False, timeout=10)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.executescript(SCHEMA)
    return database


def send(database: sqlite3.Connection, lock: threading.Lock, provider: str, waiting: Waiting) -> None:
    """A text for each, one after the other."""
    line = http.client.HTTPConnection(urlsplit(provider).netloc, timeout=10)
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": "Basic x"}
    while True:
        number, phone, text = waiting.get()
        form = urlencode({"To": phone, "From": "+15005550006", "Body": text})
        line.request("POST", "/2010-04-01/Accounts/AC0/Messages.json", form, headers)
        line.getresponse().read()
        with lock, database:
            database.execute("UPDATE messages SET sent = 1 WHERE id = ?", (number,))


def app(database: sqlite3.Connection, lock: threading.Lock, waiting: Waiting) -> Flask:
    flask = Flask(__name__)

    @flask.post("/v1/events")
    def take() -> tuple[Response, int]:
        if request.headers.get("Authorization") != "Bearer check":
            return jsonify(error="no such token"), 401
        event = request.get_json()
        phone, ref = event["customer"]["phone"], event["order"]["ref"]
        text = f"Hi {event['customer']['name']}, your balloons (order {ref}) are ready to collect."
        with lock, database:
            database.execute(
                "INSERT INTO events VALUES (?, ?, ?)", (event["id"], event["type"], request.get_data(as_text=True))
            )
            number = database.execute(
                "INSERT INTO messages (phone, text, sent) VALUES (?, ?, 0)", (phone, text)
            ).lastrowid
        assert number is not None
        waiting.put((number, phone, text))
        return jsonify(event_id=event["id"]), 202

    return flask


class Quiet(WSGIRequestHandler):
    def log_request(self, *_: object, **__: object) -> None:
        """A line for each request would slow the peer."""


def main(folder: str, provider: str) -> None:
    database, lock, waiting = connect(Path(folder) / "script.db"), threading.Lock(), Waiting()
    server = make_server("127.0.0.1", 0, app(database, lock, waiting), threaded=True, request_handler=Quiet)
    threading.Thread(target=send, args=(database, lock, provider, waiting), daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
