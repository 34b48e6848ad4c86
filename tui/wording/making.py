"""What an order asks for, in a few words: what to make first, and how much there is besides. Pure."""

from collections.abc import Sequence

from daemon.wire.orders import Item, Order


def item_words(item: Item) -> str:
    """ "Helium bouquet", "2 × Number 7 gold"."""
    return item.name if item.quantity in {1, "1"} else f"{item.quantity} × {item.name}"


def all_items(items: Sequence[Item]) -> str:
    return ", ".join(item_words(item) for item in items)


def first_of(order: Order) -> str:
    """For a card: "2 × Helium bouquet +1"; "" where the shop doesn't say."""
    if order.first_item is None or not order.first_item.name:
        return ""
    more = f" +{order.item_count - 1}" if order.item_count > 1 else ""
    return f"{item_words(order.first_item)}{more}"
