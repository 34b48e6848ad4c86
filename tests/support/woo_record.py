"""Asks a real WooCommerce what `woo_dialogue` asks, and keeps its answers: for whoever has WordPress with WooCommerce on this machine.

    python -m tests.support.woo_record FOLDER http://127.0.0.1:8899 ck_... cs_...

FOLDER is WordPress's own; it must hold the shop alone, since its orders are deleted. The server must take `X-Forwarded-Proto: https`
for TLS. Asked twice: with orders kept as posts, and in their own tables.
"""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import msgspec

from tests.support.woo_dialogue import LIST, MOVES, QUESTIONS, SEEDS, ZONE, Asked, asked, essence

RECORDINGS = Path(__file__).parents[1] / "sources" / "recordings"
SEED = r"""
$_SERVER += ['HTTP_HOST' => 'localhost', 'REQUEST_METHOD' => 'GET', 'REQUEST_URI' => '/'];
require $argv[1] . '/wp-load.php';
global $wpdb;
[, , $own, $zone, $seeds] = $argv;
update_option('timezone_string', $zone);
$all = array_merge(array_keys(wc_get_order_statuses()), ['trash', 'checkout-draft']);
foreach (wc_get_orders(['limit' => -1, 'status' => $all]) as $order) $order->delete(true);
if (get_option('woocommerce_custom_orders_table_enabled') !== $own) {
    wc_get_container()->get(Automattic\WooCommerce\Internal\DataStores\Orders\DataSynchronizer::class)->create_database_tables();
    $wpdb->query("DELETE FROM {$wpdb->posts} WHERE post_type LIKE 'shop_order%'");
    foreach (['wc_orders', 'wc_orders_meta'] as $table) $wpdb->query("DELETE FROM {$wpdb->prefix}$table");
    wp_cache_flush();
    update_option('woocommerce_custom_orders_table_enabled', $own);
    exit(9);
}
$ids = [];
foreach (json_decode($seeds, true) as $name => [$status, $when]) {
    $order = wc_create_order(['status' => $status === 'trash' ? 'processing' : $status]);
    $order->set_date_created(strtotime($when));
    $order->save();
    $id = $ids[$name] = $order->get_id();
    if ($status === 'trash') $order->delete(false);
    $gmt = gmdate('Y-m-d H:i:s', strtotime($when));
    if ($own === 'yes') $wpdb->update("{$wpdb->prefix}wc_orders", ['date_updated_gmt' => $gmt], ['id' => $id]);
    else $wpdb->update($wpdb->posts, ['post_modified' => get_date_from_gmt($gmt), 'post_modified_gmt' => $gmt], ['ID' => $id]);
}
wp_cache_flush();
echo "\n", json_encode(['ids' => $ids, 'version' => WC_VERSION, 'wordpress' => get_bloginfo('version')]);
"""
RESTORE = r"""
$_SERVER += ['HTTP_HOST' => 'localhost', 'REQUEST_METHOD' => 'GET', 'REQUEST_URI' => '/'];
require $argv[1] . '/wp-load.php';
$order = wc_get_order((int) $argv[2]);
if (method_exists($order, 'untrash') && $order->untrash()) exit;
wp_untrash_post((int) $argv[2]);
"""
HOOK = r"""
$_SERVER += ['HTTP_HOST' => 'localhost', 'REQUEST_METHOD' => 'GET', 'REQUEST_URI' => '/'];
require $argv[1] . '/wp-load.php';
wp_set_current_user(1);
$hook = new WC_Webhook();
$hook->set_user_id(1); $hook->set_topic('order.updated'); $hook->set_secret('s'); $hook->set_status('active');
$hook->set_delivery_url('http://127.0.0.1:9/');
$id = $hook->save();
$seen = [];
do {
    $hook = new WC_Webhook($id);
    $hook->deliver((int) $argv[2]);
    $seen[] = (new WC_Webhook($id))->get_status();
} while (end($seen) === 'active' && count($seen) < 20);
$hook->delete(true);
echo "\n", json_encode($seen);
"""


def php(code: str, *arguments: str) -> Any:
    done = subprocess.run(
        ["php", "-d", "display_errors=stderr", "-r", code, *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode == 9:
        return php(code, *arguments)
    if done.returncode:
        raise SystemExit(done.stderr or done.stdout)
    last = done.stdout.strip().rpartition("\n")[2]
    return msgspec.json.decode(last) if last else None


def fetch(base: str, ask: Asked, method: str = "GET", body: bytes | None = None) -> tuple[int, dict[str, str], bytes]:
    proto = {"X-Forwarded-Proto": "https"} if ask.is_tls else {}
    head = {**ask.headers, **proto, "Content-Type": "application/json"}
    try:
        with urlopen(Request(base + ask.target, data=body, headers=head, method=method)) as answer:
            return answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read()
    except HTTPError as error:
        return error.code, {k.lower(): v for k, v in error.headers.items()}, error.read()


def moves(folder: str, base: str, id: int, ask: Asked) -> dict[str, bool]:
    """Which deeds move `date_modified`."""
    found = {}
    for deed in MOVES:
        before = msgspec.json.decode(fetch(base, ask)[2])["date_modified_gmt"]
        time.sleep(1.2)
        there = msgspec.structs.replace(ask, target=ask.target + ("/refunds" if deed == "refund" else ""))
        match deed:
            case "edit":
                fetch(base, there, "PUT", b'{"billing": {"phone": "07400 123456"}}')
            case "status":
                fetch(base, there, "PUT", b'{"status": "on-hold"}')
            case "refund":
                fetch(base, there, "POST", b'{"amount": "0.00", "api_refund": false, "reason": "burst"}')
            case "trash":
                fetch(base, there, "DELETE")
            case "restore":
                php(RESTORE, folder, str(id))
        found[deed] = msgspec.json.decode(fetch(base, ask)[2])["date_modified_gmt"] != before
    return found


def record(folder: str, base: str, key: str, secret: str, own: str) -> dict[str, Any]:
    made = php(SEED, folder, own, ZONE, msgspec.json.encode(SEEDS).decode())
    ids, home = made["ids"], urlsplit(base).netloc
    names = {id: name for name, id in ids.items()}
    answers = {}
    for name, question in QUESTIONS.items():
        ask = asked(question, ids, key=key, secret=secret, home=home, at=round(time.time() * 1000))
        answers[name] = essence(*fetch(base, ask), names)
    ask = asked(QUESTIONS["one"], ids, key=key, secret=secret, home=home, at=0)
    return {
        "woocommerce": made["version"],
        "wordpress": made["wordpress"],
        "own tables": own == "yes",
        "answers": answers,
        "hook": php(HOOK, folder, str(ids["B"])),
        "moves": moves(folder, base, ids["A"], msgspec.structs.replace(ask, target=f"{LIST}/{ids['A']}")),
    }


def main() -> None:
    folder, base, key, secret = sys.argv[1:5]
    RECORDINGS.mkdir(exist_ok=True)
    for own, name in (("no", "posts"), ("yes", "tables")):
        found = record(folder, base.rstrip("/"), key, secret, own)
        path = RECORDINGS / f"woocommerce-{name}.json"
        path.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
        print(path)


if __name__ == "__main__":
    main()
