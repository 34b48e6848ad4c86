"""`tether hq demo`: a chain's day. Real servers of NATS, a real PostgreSQL and headquarters, five real services that joined it with codes, each on a
sandbox of its own; `stage` puts it up, `performance` plays."""

from daemon.demo.fleet.stage import main

__all__ = ["main"]
