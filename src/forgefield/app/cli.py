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
