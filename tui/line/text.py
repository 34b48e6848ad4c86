"""A line of text with a cursor. Pure."""

MOST = 500
"""Characters that it takes: more than any address or label has, and no more than is read between two keys."""


def one_line(text: str) -> str:
    """All of what was pasted, on one line."""
    return "".join(filter(str.isprintable, " ".join(text.split())))


class LineText:
    """Edited by one key at a time."""

    def __init__(self) -> None:
        self.text = ""
        self.cursor = 0

    def insert(self, text: str) -> None:
        """What there is no room for is left out."""
        text = text[: max(0, MOST - len(self.text))]
        self.text = self.text[: self.cursor] + text + self.text[self.cursor :]
        self.cursor += len(text)

    def clear(self) -> None:
        self.text, self.cursor = "", 0

    def edit(self, key: str) -> bool:
        """False: this is no key that edits a line."""
        match key:
            case "backspace" | "ctrl+h":
                self.text = self.text[: max(0, self.cursor - 1)] + self.text[self.cursor :]
                self.cursor = max(0, self.cursor - 1)
            case "delete":
                self.text = self.text[: self.cursor] + self.text[self.cursor + 1 :]
            case "left":
                self.cursor = max(0, self.cursor - 1)
            case "right":
                self.cursor = min(len(self.text), self.cursor + 1)
            case "home":
                self.cursor = 0
            case "end":
                self.cursor = len(self.text)
            case "ctrl+u" | "escape":
                self.clear()
            case _:
                return False
        return True
