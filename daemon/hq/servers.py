"""NATS's configuration as HQ wants it: one file a server, complete, so that nobody has to know the settings that matter.

`sync_interval: always` is the one that the archive's promise stands on: with NATS's own default an acknowledged record can be lost when
the power fails on all servers.
"""

import json
from collections.abc import Sequence

import msgspec

MAX_PAYLOAD = 1_048_576
STORAGE = 64 * 2**30
MEMORY = 2**30


class Server(msgspec.Struct, frozen=True):
    """One of NATS's servers. `client` and `route`: ports."""

    name: str
    host: str
    client: int
    route: int
    listen: str = "0.0.0.0"  # noqa: S104 - stores connect from anywhere; who is nobody's is refused in the handshake


class Trust(msgspec.Struct, frozen=True):
    """What all servers believe: the operator's claim, and the accounts' by their public keys."""

    operator: str
    system_account: str
    accounts: dict[str, str]


def server_config(server: Server, others: Sequence[Server], trust: Trust, *, data: str, folder: str) -> str:
    """`data`: where it keeps its streams and claims; `folder`: where its certificate, key and the authority's certificate lie."""
    tls = f'cert_file: "{folder}/{server.name}.pem", key_file: "{folder}/{server.name}.key", min_version: "1.3", timeout: 5'
    preload = "\n".join(f"  {account}: {claim}" for account, claim in trust.accounts.items())
    routes = ", ".join(f'"tls://{other.host}:{other.route}"' for other in others)
    cluster = f"""
cluster {{
  name: tether
  listen: "{server.listen}:{server.route}"
  routes: [{routes}]
  tls {{ {tls}, ca_file: "{folder}/ca.pem", verify: true }}
}}
"""
    return f"""# Written by `tether hq init`. `sync_interval: always` must stay: an acknowledged record is on the disk of most servers.
server_name: {json.dumps(server.name)}
listen: "{server.listen}:{server.client}"
max_payload: {MAX_PAYLOAD}
ping_interval: "20s"
ping_max: 2
write_deadline: "60s"
tls {{ {tls}, handshake_first: true }}
jetstream {{
  store_dir: "{data}/streams"
  sync_interval: always
  max_file_store: {STORAGE}
  max_memory_store: {MEMORY}
}}
operator: {trust.operator}
system_account: {trust.system_account}
resolver {{ type: full, dir: "{data}/claims", allow_delete: false, interval: "1m", limit: 100 }}
resolver_preload {{
{preload}
}}
{cluster if others else ""}"""
