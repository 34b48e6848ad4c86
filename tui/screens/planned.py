"""How messages that would go out are described, wherever something is about to be sent."""

from daemon.wire.steps import Planned, Preview
from tui.shop.session import NOBODY, Hears, Session
from tui.widgets.paint import Line, Span, wrap
from tui.wording.words import BAD, DIM, WARN

MOST_TEXT = 6
"""Lines of a text that are shown at most."""
NOT_YET = frozenset({"held", "line_down", "limit_used", "no_channel", "template_broken"})
"""Cautions that mean that nobody knows when it goes out."""


def hears(found: Preview | None, name: str) -> Hears:
    """Whether, and when, the customer of that name will be told, as far as that can be foreseen."""
    mine = [each for each in found.messages if each.tells_customer and each.reaches] if found else []
    sure = [each for each in mine if NOT_YET.isdisjoint(caution.code for caution in each.warnings)]
    return Hears(name, min(map(_earliest, sure))) if sure else NOBODY


def _earliest(planned: Planned) -> int:
    """When it can go out (ms): not in quiet hours."""
    quiet = (caution.until or 0 for caution in planned.warnings if caution.code == "quiet_hours")
    return max(planned.due_at or 0, *quiet, 0)


def planned_lines(found: Preview, name: str | None, session: Session, width: int) -> list[Line]:
    """`name`: the customer's. Their message with its text, then in a line each who else hears of it, and the systems that note it."""
    t, lines = session.t, list[Line]()
    mine = [each for each in found.messages if each.tells_customer]
    others = [each for each in found.messages if each.audience != "customer" and each.medium != "crm"]
    systems = [each for each in found.messages if each.medium == "crm"]
    for planned in mine:
        lines += _customer(planned, session, name, width)
    if not mine:
        lines.append([Span(t("The customer gets no message about this."), DIM)])
    for planned in others:
        who = session.words.audience(planned.audience).capitalize()
        way = session.words.channel(planned.channel) if planned.medium == "chat" else _way(planned, session)
        hears = t("{who} hears by {way}", who=who, way=way)
        lines += [[Span(part, DIM)] for part in wrap(hears, width)]
        lines += _cautions(planned, session, width)
    if systems:
        names = ", ".join(dict.fromkeys(session.words.channel(planned.channel) for planned in systems))
        lines += [[Span(part, DIM)] for part in wrap(t("Noted in {systems}", systems=names), width)]
    return lines


def _customer(planned: Planned, session: Session, name: str | None, width: int) -> list[Line]:
    t, words = session.t, session.words
    if not planned.reaches:
        return _not_told(planned, session, name, width)
    name = name or t("The customer")
    when = session.times.until(_earliest(planned), session.now())
    told = t(
        "{name} will be told {when} by {medium} to {to}",
        name=name,
        when=when,
        medium=_way(planned, session),
        to=planned.to,
    )
    if others := words.ways(planned.via)[1:]:
        told += f" ({t('then {way}', way=', '.join(others))})"
    lines: list[Line] = [[Span(part)] for part in wrap(told + ":", width)]
    lines = [*_cautions(planned, session, width), *lines]
    if planned.subject:
        lines.append([Span(f"  {planned.subject}", "strong")])
    lines += [[Span(f"  {part}", "accent")] for part in wrap(_dense(f"“{planned.text}”"), width - 2, MOST_TEXT)]
    size = words.sms_size(planned.sms)
    if size.words:
        lines.append([Span(f"  {size.words}", size.tone)])
    return lines


def _way(planned: Planned, session: Session) -> str:
    """As people call it; who carries it is for the Line page."""
    return session.words.way(planned.channel) if planned.channel else session.words.medium(planned.medium)


def _not_told(planned: Planned, session: Session, name: str | None, width: int) -> list[Line]:
    """That nothing will arrive, and why: said first, instead of a promise."""
    name = name or session.t("The customer")
    lines: list[Line] = [[Span(part, BAD)] for part in wrap(session.t("{name} will NOT be told.", name=name), width)]
    if not planned.warnings:
        said = session.t("There is no telephone number or e-mail address.")
        return [*lines, *([Span(part, WARN)] for part in wrap(said, width))]
    return [*lines, *_cautions(planned, session, width)]


def _dense(text: str) -> str:
    """Without the empty lines of a mail."""
    return "\n".join(line for line in text.splitlines() if line.strip())


def _cautions(planned: Planned, session: Session, width: int) -> list[Line]:
    lines: list[Line] = []
    for caution in planned.warnings:
        said = session.words.caution(caution, session.times.at(caution.until, session.now()))
        lines += [[Span(part, WARN)] for part in wrap(f"! {said}", width)]
    return lines
