"""`tether messages`, `retry`, `cancel`: the outbox by hand."""

from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli.frame import ConfigOption, JsonOption, app, as_json, read, settings_of, table, tell, when
from daemon.cli.service import done, got, listed, segment
from outbox.model import State

if TYPE_CHECKING:
    from daemon.config import Settings
    from daemon.wire.messages import MessageDetail

IdArgument = Annotated[str, typer.Argument(help="The message's id, as `tether messages` shows it.")]


@app.command(epilog="Example: tether messages --state failed --order B-1042")
def messages(
    id: Annotated[str | None, typer.Argument(help="One message, with its attempts.")] = None,
    state: Annotated[
        list[State] | None, typer.Option(help="Only those in this state; may be given more than once.")
    ] = None,
    channel: Annotated[str | None, typer.Option(help="Only this channel.")] = None,
    order: Annotated[str | None, typer.Option(help="Only this order.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """The outbox, the newest first. With an id: one message, with its attempts."""
    settings = settings_of(config)
    answer = (
        listed(settings, "/v1/messages", most=limit, state=state, channel=channel, order=order)
        if id is None
        else got(settings, f"/v1/messages/{segment(id)}")
    )
    if json:
        as_json(answer)
    elif id is not None:
        from daemon.wire.messages import MessageDetail

        _show(read(answer, MessageDetail), settings)
    else:
        from daemon.wire.messages import Message

        rows = [
            (row.id, row.order_ref, row.audience, row.to, row.channel, row.state, row.reason)
            for row in read(answer, list[Message])
        ]
        table(("message", "order", "who", "to", "channel", "state", "why"), rows, empty="no messages")


def _show(message: "MessageDetail", settings: "Settings") -> None:
    print(f"{message.id}  {message.state}{'  possible duplicate' if message.possible_duplicate else ''}")
    print(f"order {message.order_ref}, {message.template or 'free text'}, to {message.audience} {message.to}")
    due, expires = when(message.due_at, settings), when(message.expires_at, settings)
    print(f"via {', '.join(message.via)}   due {due}   expires {expires}")
    if message.reason:
        print(message.reason)
    print()
    rows = [
        (
            row.n,
            row.channel,
            when(row.started_at, settings),
            row.outcome,
            row.receipt,
            row.code,
            row.detail,
        )
        for row in message.attempts
    ]
    table(("#", "channel", "started", "outcome", "receipt", "code", "detail"), rows, empty="not tried yet")
    sent = next((row.sent for row in reversed(message.attempts) if row.sent), None)
    if sent:
        print(f"\n{sent.text}")


@app.command(epilog="Example: tether retry mabc234 --channel sendgrid")
def retry(
    id: IdArgument,
    channel: Annotated[str | None, typer.Option(help="By this channel instead of the first.")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Send a message again. One that failed, got too late or was stopped."""
    from daemon.wire.requests import messages as acts

    tell(done(settings_of(config), acts.retry(id, channel or "")), f"{id} waits to be sent", json=json)


@app.command(epilog="Example: tether cancel mabc234 --reason 'told by phone'")
def cancel(
    id: IdArgument,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Stop a message that has not been sent yet."""
    from daemon.wire.requests import messages as acts

    tell(done(settings_of(config), acts.cancel(id, reason)), f"{id} is stopped", json=json)
