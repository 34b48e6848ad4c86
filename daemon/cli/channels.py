"""`tether channels` and `tether uplink`: the ways out, and the line."""

from typing import Annotated, Literal

import typer

from daemon.cli.frame import (
    ConfigOption,
    Failure,
    JsonOption,
    app,
    as_json,
    hand_down,
    how_the_line_is,
    read,
    settings_of,
    settle,
    table,
    tell,
    texts_today,
    when,
)
from daemon.cli.service import done, got, is_running

channels = typer.Typer(invoke_without_command=True, help="Each way out: how it is; pause, resume, test.")
app.add_typer(channels, name="channels", epilog="Example: tether channels test twilio --to '+447700900123'")

NameArgument = Annotated[str, typer.Argument(help="The channel's name, such as twilio.")]


@channels.callback()
def list_channels(context: typer.Context, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Every enabled channel and the line."""
    if context.invoked_subcommand:
        hand_down(context, config=config, json=json)
        return
    settings = settings_of(config)
    answer = got(settings, "/v1/channels")
    if json:
        as_json(answer)
        return
    from daemon.wire.service import Channels

    shown = read(answer, Channels)
    running = settle(lambda: is_running(settings))
    print(f"line {how_the_line_is(shown.uplink, settings) if running else 'not watched: the service is stopped'}")
    print(f"texts: {texts_today(shown.sms, settings.store.currency)}\n")
    rows = [
        (
            row.name,
            row.medium,
            row.state,
            row.queued,
            f"{row.sent_today}{'' if row.daily_limit is None else '/' + str(row.daily_limit)}",
            when(row.last_success, settings),
            when(row.last_failure, settings),
            row.reason,
        )
        for row in shown.items
    ]
    headings = ("channel", "medium", "state", "queued", "today", "last success", "last failure", "why")
    table(headings, rows, empty="no channel is enabled: add a [channels.NAME] table to tether.toml")


@channels.command(epilog="Example: tether channels known twilio")
def known(
    name: Annotated[str | None, typer.Argument(help="One of them: prints what to write to use it.")] = None,
    json: JsonOption = False,
) -> None:
    """All channels that there are, or what to write to use one."""
    from daemon.appliance.catalogue import catalogue, example
    from daemon.config import ConfigError

    if name is not None:
        try:
            print(example(name))
        except ConfigError as error:
            raise Failure(str(error)) from error
        return
    rows = catalogue()
    if json:
        as_json({"items": rows})
        return
    table(("channel", "medium", "is", "page"), [(row.name, row.medium, row.title, row.page) for row in rows], empty="")


@channels.command(epilog="Example: tether channels test twilio --to '+447700900123'")
def test(
    name: NameArgument,
    to: Annotated[
        str | None, typer.Option(help="Send a real test message there. Default: only prove the credentials.")
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Prove that a channel works. Says in words what is wrong if it doesn't."""
    from daemon.wire.requests import channels as acts
    from daemon.wire.service import TestResult

    answer = done(settings_of(config), acts.try_channel(name, to or ""))
    result = read(answer, TestResult)
    if json:
        as_json(answer)
    elif result.ok:
        print(result.summary)
    if not result.ok:
        raise Failure(result.summary)


@channels.command(epilog="Example: tether channels pause twilio --reason 'bill not paid'")
def pause(
    name: NameArgument,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Send nothing by this channel until it is resumed. Its messages go to their next one, or wait."""
    from daemon.wire.requests import channels as acts

    tell(done(settings_of(config), acts.pause(name, reason)), f"{name} is paused", json=json)


@channels.command(epilog="Example: tether channels resume twilio")
def resume(name: NameArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Use a paused channel again."""
    from daemon.wire.requests import channels as acts

    tell(done(settings_of(config), acts.resume(name)), f"{name} is used again", json=json)


@app.command(epilog="Example: tether uplink down  (and `tether uplink auto` to let evidence decide again)")
def uplink(
    state: Annotated[Literal["up", "down", "auto"], typer.Argument(help="What it is; auto: evidence decides.")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Say that the line is up or down. It counts so, whatever it looks like, until `auto` takes that back."""
    from daemon.wire.requests import channels as acts

    answer = done(settings_of(config), acts.set_uplink(state), only="only the running service watches the line")
    words = "evidence decides" if state == "auto" else f"the line counts as {state} until `tether uplink auto`"
    tell(answer, words, json=json)
