"""`tether templates`: whether the store's texts are right, and how one looks."""

from typing import Annotated, Any

import typer

from daemon.cli.frame import ConfigOption, Failure, JsonOption, app, as_json, need_the_file, read, settings_of, table
from daemon.cli.service import done
from outbox.model import Medium

templates = typer.Typer(no_args_is_help=True, help="Check all texts; preview one.")
app.add_typer(
    templates, name="templates", epilog="Example: tether templates preview order.ready --medium sms --locale de"
)


@templates.command(epilog="Example: tether templates check --json")
def check(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Find what is wrong with the texts. Names that don't exist, missing languages, texts over one SMS. Exits with 1 when one can't be sent."""
    from daemon.planner.check import check_templates

    settings = settings_of(config)
    need_the_file(settings, "templates check")
    findings = check_templates(settings)
    if json:
        as_json(findings)
    else:
        rows = [
            (one.severity, f"{one.file}{f':{one.line}' if one.line else ''}", one.problem, one.remedy)
            for one in findings
        ]
        table(("", "file", "what", "what to do"), rows, empty="all texts are in order")
    broken = sum(one.severity == "error" for one in findings)
    if broken:
        raise Failure(f"{broken} mistake{'s keep' if broken > 1 else ' keeps'} messages from being sent")


@templates.command(epilog="Example: tether templates preview order.ready --medium email --order B-1042")
def preview(
    template: Annotated[
        str, typer.Argument(help="An event type or a staff text, such as order.ready or staff.question.")
    ],
    medium: Annotated[Medium, typer.Option(help="For what it is made.")] = "sms",
    locale: Annotated[
        str | None, typer.Option(help="A language, such as de or en-GB. Default: the customer's, or the store's.")
    ] = None,
    order: Annotated[str | None, typer.Option(help="A known order's number. Default: sample data.")] = None,
    html: Annotated[bool, typer.Option("--html", help="Print an e-mail's HTML, to look at in a browser.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show a text as it would be sent, without sending it."""
    from daemon.planner.sms_text import dear_characters
    from daemon.wire.messages import Rendering
    from daemon.wire.requests import keeping

    wish: dict[str, Any] = {"template": template, "medium": medium}
    wish |= {key: value for key, value in (("locale", locale), ("order_ref", order)) if value}
    answer = done(settings_of(config), keeping.render(wish))
    if json:
        as_json(answer)
        return
    text = read(answer, Rendering)
    if html:
        print(text.html or "")
        return
    if text.subject:
        print(f"Subject: {text.subject}\n")
    print(text.text)
    if size := text.sms:
        dear = " ".join(dear_characters(text.text)) if size.encoding == "UCS-2" else ""
        why = f", because of {dear}" if dear else ""
        print(f"\n{size.parts} SMS, {size.units} units ({size.encoding}{why})")
