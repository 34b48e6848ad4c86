"""Lengths of time in words, for people."""


def spoken(seconds: float) -> str:
    """A length of time in its largest unit: "2 h", "3 days"."""
    for unit, name in ((86_400, "day"), (3600, "h"), (60, "min")):
        if seconds >= unit * (1 if name != "day" else 2):
            count = round(seconds / unit)
            return f"{count} {name}{'s' if name == 'day' else ''}"
    return f"{round(seconds)} s"
