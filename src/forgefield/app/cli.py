"""The command `forgefield`: a table of commands, each loaded only when it is called."""

from __future__ import annotations

import errno
import importlib
import sys
import traceback
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from forgefield import __version__
from forgefield.app.console import messages, say, show_error
from forgefield.app.problems import InputError
from forgefield.atoms.errors import ForgefieldError

_COMMANDS = {
    "init": ("commands_input:init", "Write a commented input file to start from."),
    "validate-input": ("commands_input:validate_input", "Check an input file and say what it asks for."),
    "schema": ("commands_input:schema", "List every key of the input, its default and its meaning."),
    "run": ("commands_run:run", "Run an input, or go on where an earlier run was stopped."),
    "learn": ("commands_run:learn", "Learn a potential on the fly, calling DFT only where it does not know."),
    "relax": ("commands_run:relax", "Relax structures to DFT forces with few DFT calculations."),
    "status": (
        "commands_results:status",
        "Show how far a run is, what it cost, what failed, and what is ahead.",
    ),
    "report": ("commands_results:report", "Write a run's report: one HTML page."),
    "train": ("commands_train:train", "Train a potential on labelled structures of your own."),
    "evaluate": ("commands_evaluate:evaluate", "Compare a potential with the labels in a structure file."),
    "md": ("commands_md:md", "Run molecular dynamics with a potential."),
    "validate": ("commands_validate:validate", "Lay a potential's properties beside DFT's."),
    "convert": (
        "commands_convert:convert",
        "Turn a potential or a structure file into another program's format.",
    ),
    "dataset": ("commands_dataset:dataset", "Check the labels of a run, or repair a damaged database."),
    "export": ("commands_results:export", "Hand over the labelled data set or the potential of a run."),
}
"""Name → where the function is, and one line about it."""

_EPILOG = """Start with:  forgefield init --species Si --quick  and then:  forgefield run si.yaml
or, with labelled structures of your own:  forgefield train data.xyz

Exit status: 0 done, 1 the run or a file failed, 2 the input or the
command line is wrong, 130 stopped by Ctrl-C."""


class _LazyCommand(TyperCommand):
    """A command whose module is imported when it is called, so that `forgefield --help` answers at once."""

    def __init__(self, name: str, target: str, summary: str) -> None:
        super().__init__(name=name, help=summary, rich_markup_mode="markdown")
        self.target = target

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Load the command, which takes over from here."""
        module, _, function = self.target.partition(":")
        single = typer.Typer(add_completion=False, rich_markup_mode="markdown")
        single.command(self.name)(getattr(importlib.import_module(f"forgefield.app.{module}"), function))
        return typer.main.get_command(single).make_context(info_name, args, parent=parent, **extra)


class _Commands(TyperGroup):
    """All commands; turns errors that users can act on into messages."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, (target, summary) in _COMMANDS.items():
            self.add_command(_LazyCommand(name, target, summary), name)

    def list_commands(self, ctx: Any) -> list[str]:
        """In the order of use."""
        return list(_COMMANDS)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Let --debug stand behind the command too, where it is usually added."""
        if "--debug" in args and "--" not in args:
            args = ["--debug", *(each for each in args if each != "--debug")]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Call the command."""
        try:
            return super().invoke(ctx)
        except ForgefieldError as error:
            _show(str(error), ctx.params.get("debug", False))
            raise typer.Exit(2 if isinstance(error, InputError) else 1) from error
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise
            _show(
                f"{error.strerror or error}: {error.filename or 'no file named'}",
                ctx.params.get("debug", False),
            )
            raise typer.Exit(1) from error
        except KeyboardInterrupt as error:
            say(messages(), "Stopped.", "yellow")
            raise typer.Exit(130) from error


def _show(text: str, debug: bool) -> None:
    if debug:
        traceback.print_exc(file=sys.stderr)
    show_error(text)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"forgefield {__version__}")
        raise typer.Exit


app = typer.Typer(
    cls=_Commands,
    invoke_without_command=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _forgefield(
    context: typer.Context,
    debug: bool = typer.Option(
        False, "--debug", help="Show the traceback of an error (also after the command)."
    ),
    version: bool = typer.Option(
        False, "--version", help="Print the version.", callback=_print_version, is_eager=True
    ),
) -> None:
    """Machine-learned interatomic potentials, from a chemical question to a proven potential."""
    if context.invoked_subcommand is None:
        print(context.get_help())


def main() -> None:
    """Entry point of the command `forgefield`."""
    app()
