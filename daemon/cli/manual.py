"""`tether manual` and `tether completion`: the manual page and the shells' completions, made from the command line itself."""

from collections.abc import Iterator
from enum import StrEnum
from importlib import import_module
from typing import Annotated, Any, NamedTuple

import typer

from daemon import VERSION
from daemon.cli import VERBS, modules
from daemon.cli.frame import TRACEBACK, app


class Shell(StrEnum):
    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


class Verb(NamedTuple):
    """A command by its words; a group that can be called by itself is one too. `below`: the words that may follow."""

    words: tuple[str, ...]
    command: Any
    below: tuple[str, ...]


@app.command(epilog="Example: tether completion bash > ~/.local/share/bash-completion/completions/tether")
def completion(shell: Annotated[Shell, typer.Argument(help="Which shell's.")]) -> None:
    """Print a shell's completions. The Debian package brings them."""
    made = {Shell.BASH: _bash, Shell.ZSH: _zsh, Shell.FISH: _fish}[shell]
    print(made(list(verbs())), end="")


@app.command(epilog="Example: tether manual > tether.1 && man ./tether.1")
def manual() -> None:
    """Print the manual page (tether.1)."""
    print("\n".join(_page(list(verbs()))))


def verbs() -> Iterator[Verb]:
    """All of them, the program itself first."""
    for module in modules():
        import_module(f"daemon.cli.{module}")
    program: Any = typer.main.get_command(app)
    program.commands = {name: program.commands[name] for name in VERBS}
    yield from _below(program, ())


def _below(command: Any, words: tuple[str, ...]) -> Iterator[Verb]:
    below = {name: each for name, each in getattr(command, "commands", {}).items() if not each.hidden}
    yield Verb(words, command, tuple(below))
    for name, each in below.items():
        yield from _below(each, (*words, name))


def _options(verb: Verb) -> list[str]:
    return [
        *(name for option in verb.command.params for name in (*option.opts, *option.secondary_opts) if name[0] == "-"),
        "--help",
    ]


# ---------------------------------------------------------------- completions


def _bash(found: list[Verb]) -> str:
    """Static: no process is started while somebody types."""
    paths = "|".join(f'"{" ".join(verb.words)}"' for verb in found if verb.words)
    cases = "\n".join(
        f'    "{" ".join(verb.words)}") words="{" ".join((*verb.below, *_options(verb)))}" ;;' for verb in found
    )
    return f"""# bash completion for tether: made by `tether completion bash`
_tether_words() {{
  local current="${{COMP_WORDS[COMP_CWORD]}}" path="" word words=""
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case "${{path:+$path }}$word" in
    {paths}) path="${{path:+$path }}$word" ;;
    esac
  done
  case "$path" in
{cases}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -o default -F _tether_words tether
"""


def _zsh(found: list[Verb]) -> str:
    return f"#compdef tether\nautoload -U +X bashcompinit && bashcompinit\n{_bash(found)}"


def _fish(found: list[Verb]) -> str:
    lines = ["# fish completion for tether: made by `tether completion fish`"]
    for verb in found:
        if verb.words:
            seen = " && ".join(f"__fish_seen_subcommand_from {word}" for word in verb.words)
        else:
            seen = "__fish_use_subcommand"
        lines += [f"complete -c tether -f -n '{seen}' -a {word}" for word in verb.below]
        for option in verb.command.params:
            for name in option.opts:
                if name.startswith("--"):
                    lines.append(f"complete -c tether -n '{seen}' -l {name[2:]} -d {_quoted(option.help or '')}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


# ---------------------------------------------------------------- the manual page


def _page(found: list[Verb]) -> Iterator[str]:
    yield f'.TH TETHER 1 "" "tether {VERSION}" "User Commands"'
    yield from (".SH NAME", f"tether \\- {_troff(_sentence(found[0].command.help))}")
    yield from (".SH SYNOPSIS", ".B tether", "[\\fB\\-\\-config\\fR \\fIFILE\\fR] \\fIVERB\\fR ...")
    yield from (".SH DESCRIPTION", _troff(found[0].command.help), ".PP", _troff(found[0].command.epilog))
    yield ".SH VERBS"
    for verb in found[1:]:
        if not verb.below or verb.command.invoke_without_command:
            yield from _of_verb(verb)
    yield from (
        ".SH EXIT STATUS",
        "0 done; 1 a failure that is explained; 2 wrong use; 78 a configuration that can't be used.",
    )
    yield ".SH FILES"
    yield from _terms(
        (
            "./tether.toml, /etc/tether/tether.toml",
            "What the store wants; every key is in /usr/share/doc/tether/configuration.md.",
        ),
        (".env beside it", "The secrets, for the owner's eyes only."),
        ("/var/lib/tether/tether.db", "Everything that happened."),
    )
    yield ".SH ENVIRONMENT"
    yield from _terms(
        ("TETHER_CONFIG", "Which tether.toml to read."),
        ("TETHER_TOKEN, TETHER_URL", "Where the counter's screen finds a service elsewhere."),
        (TRACEBACK, "Show a failure that nobody foresaw in full."),
    )
    yield from (".SH SEE ALSO", "/usr/share/doc/tether/owner.md, /usr/share/doc/tether/operations.md")


def _of_verb(verb: Verb) -> Iterator[str]:
    arguments = [option for option in verb.command.params if option.param_type_name == "argument"]
    shown = " ".join(f"[\\fI{_troff(each.human_readable_name)}\\fR]" for each in arguments)
    yield f".SS tether {_troff(' '.join(verb.words))} {shown}".rstrip()
    yield _troff(verb.command.help or "")
    for option in verb.command.params:
        if option.name == "context":
            continue
        names = (
            ", ".join((*option.opts, *option.secondary_opts)) if option not in arguments else option.human_readable_name
        )
        yield from _terms((names, option.help or ""))
    if verb.command.epilog:
        yield from (".PP", ".nf", _troff(verb.command.epilog), ".fi")


def _terms(*terms: tuple[str, str]) -> Iterator[str]:
    for term, words in terms:
        yield from (".TP", f"\\fB{_troff(term)}\\fR", _troff(words))


def _troff(text: str) -> str:
    """Text that means nothing to troff."""
    lines = (" ".join(line.split()) for line in text.replace("\\", "\\e").replace("-", "\\-").splitlines())
    return "\n".join(f"\\&{line}" if line[:1] in (".", "'") else line for line in lines if line)


def _sentence(text: str) -> str:
    return text.strip().rstrip(".").split(". ")[0]
