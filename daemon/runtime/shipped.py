"""The texts that come with Tether, for whoever writes others in their place."""

from collections.abc import Sequence

from daemon.planner.template_files import SHARED, shipped_templates


def shipped_text(name: str) -> str:
    """Of `en/order.ready.sms.j2`; "" where none ships."""
    try:
        return (shipped_templates() / name).read_text(encoding="utf-8")
    except OSError:
        return ""


def shipped_names() -> Sequence[str]:
    """All of them but what the languages share."""
    folder = shipped_templates()
    names = sorted(path.relative_to(folder).as_posix() for path in folder.glob("*/*.j2"))
    return [name for name in names if not name.startswith(f"{SHARED}/")]
