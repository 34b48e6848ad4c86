"""`tether orders`: orders now, one order's story, and what staff do with one."""

import textwrap
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from daemon.cli.frame import ConfigOption, JsonOption, app, as_json, hand_down, read, settings_of, table, tell, when
from daemon.cli.service import done, got, listed, segment
from daemon.wire.stages import Stage

if TYPE_CHECKING:
    from daemon.config import Settings
    from daemon.wire.orders import Entry


class OrdersGroup(TyperGroup):
    """`tether orders B-1042` is `tether orders show B-1042`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        is_ref = bool(args) and args[0] not in self.commands and not args[0].startswith("-")
        return super().resolve_command(ctx, ["show", *args] if is_ref else args)


orders = typer.Typer(
    cls=OrdersGroup,
    invoke_without_command=True,
    no_args_is_help=False,
    help="Orders now; one order's story; hold and release.",
)
app.add_typer(orders, name="orders", epilog="Example: tether orders show B-1042")

RefArgument = Annotated[str, typer.Argument(help="The order's number.")]
ReasonOption = Annotated[str, typer.Option(help="Why, for the record.")]

ECHO = "event.accepted"
"""The record's entry of an event of staff's own, which stands in the story already."""

LONGEST = 200
"""Characters of a line of the story: a whole e-mail would hide the rest of it (`tether messages ID` shows it)."""


@orders.callback()
def list_orders(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    stage: Annotated[Stage | None, typer.Option(help="Only those that stand there.")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Orders, the newest change first."""
    if context.invoked_subcommand:
        hand_down(context, config=config, json=json)
        return
    settings = settings_of(config)
    items = listed(settings, "/v1/orders", most=limit, stage=stage)
    if json:
        as_json(items)
        return
    from daemon.wire.orders import Order

    rows = [
        (
            row.ref,
            row.customer.name,
            row.status,
            _promised(row.promised_at, settings),
            row.told.state if row.told else None,
            "held" if row.held else "",
        )
        for row in read(items, list[Order])
    ]
    table(("order", "customer", "status", "promised", "told", ""), rows, empty="no orders yet")


def _promised(moment: int | None, settings: "Settings") -> str:
    """A day that is promised without a time is its midnight."""
    return when(moment, settings).removesuffix(" 00:00:00")


@orders.command(epilog="Example: tether orders show B-1042")
def show(ref: RefArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """One order's whole story."""
    settings = settings_of(config)
    answer = got(settings, f"/v1/orders/{segment(ref)}")
    if json:
        as_json(answer)
        return
    from daemon.wire.orders import OrderDetail

    order = read(answer, OrderDetail)
    customer = order.customer
    print(f"{order.ref}  {order.status}{'  (held)' if order.held else ''}")
    print(f"customer  {customer.name or '-'}  {customer.phone or '-'}  {customer.email or '-'}")
    promised = _promised(order.promised_at, settings)
    print(f"promised  {promised}   total {order.total or '-'} {order.currency or ''}\n")
    for entry in order.timeline:
        if entry.kind == "override" and entry.type == ECHO:
            continue
        indent = "  " if entry.kind in ("attempt", "receipt") else ""
        print(f"{when(entry.at, settings)}  {indent}{_line(entry)}")


def _line(entry: "Entry") -> str:
    words = (
        entry.type, entry.source, entry.channel, entry.outcome, entry.state, entry.text, entry.detail, entry.reason, entry.actor,
    )  # fmt: skip
    told = "  ".join(" ".join(str(word).split()) for word in words if word)
    kind = "by hand" if entry.kind == "override" else entry.kind
    return f"{kind:8} {textwrap.shorten(told, LONGEST, placeholder=' ...')}"


@orders.command(
    epilog="Example: tether orders status B-1042 order.out_of_stock --item 'Gold star' --alternative 'Silver star'"
)
def status(
    ref: RefArgument,
    type: Annotated[
        str, typer.Argument(help="The new status, such as order.ready, return.requested or refund.issued.")
    ],
    silent: Annotated[bool, typer.Option("--silent", help="Tell nobody.")] = False,
    question: Annotated[str | None, typer.Option(help="order.customization_needed: what to ask the customer.")] = None,
    item: Annotated[str | None, typer.Option(help="order.out_of_stock: what is not there.")] = None,
    alternative: Annotated[
        list[str] | None, typer.Option(help="order.out_of_stock: what there is instead; may be given more than once.")
    ] = None,
    amount: Annotated[str | None, typer.Option(help='refund.issued: how much, like "48.50".')] = None,
    message: Annotated[str | None, typer.Option(help="A sentence for the customer, in the usual text.")] = None,
    text: Annotated[str | None, typer.Option(help="Your own words instead of the usual text.")] = None,
    promised: Annotated[str | None, typer.Option(help='The new time, like "2026-11-24T17:00:00Z".')] = None,
    note: Annotated[str | None, typer.Option(help="Why, for the order's story.")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Set an order's status; who is to hear of it, hears."""
    from daemon.wire.requests import orders as acts

    data = _given(question=question, item=item, alternatives=alternative, amount=amount, message=message)
    wish = {"status": type, "silent": silent, "grace": 0}
    wish |= _given(data=data, text=text, promised_at=promised, note=note)
    tell(done(settings_of(config), acts.set_status(ref, wish)), f"{ref} is {type}", json=json)


def _given(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value}


@orders.command(epilog="Example: tether orders hold B-1042 --reason 'customer on the phone'")
def hold(ref: RefArgument, reason: ReasonOption = "", config: ConfigOption = None, json: JsonOption = False) -> None:
    """Stop an order's automatic messages."""
    from daemon.wire.requests import orders as acts

    tell(done(settings_of(config), acts.hold(ref, reason)), f"{ref} is on hold", json=json)


@orders.command(epilog="Example: tether orders release B-1042")
def release(ref: RefArgument, reason: ReasonOption = "", config: ConfigOption = None, json: JsonOption = False) -> None:
    """Let an order's automatic messages go on."""
    from daemon.wire.requests import orders as acts

    tell(done(settings_of(config), acts.release(ref, reason)), f"{ref} goes on", json=json)
