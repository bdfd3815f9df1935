"""Commands about the input file: init, validate-input, schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from forgefield.app.checks import planned_structures
from forgefield.app.console import output, say
from forgefield.app.input import read_input
from forgefield.app.settings import all_settings
from forgefield.app.template import input_template
from forgefield.atoms.errors import ForgefieldError
from forgefield.workflow.spec import RunSpec

InputFile = Annotated[Path, typer.Argument(metavar="INPUT", help="Input file, YAML.")]


def init(
    species: Annotated[
        list[str] | None,
        typer.Option(
            "--species", "-s", help="Element, such as Si; for a compound its ions, such as Ti4+,O2-."
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Small numbers of everything: about 10 minutes for silicon.")
    ] = False,
    engine: Annotated[
        str,
        typer.Option(
            help="Reference engine: gpaw, espresso, cp2k, abinit, vasp, tblite, or ase:MODULE.CALLABLE for any "
            "ASE calculator."
        ),
    ] = "gpaw",
    output_file: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; by default named after the species.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if it is there.")] = False,
) -> None:
    """Write a commented input file to start from.

    Examples:

    - `forgefield init --species Si --quick`: silicon in about 10 minutes → si.yaml
    - `forgefield init -s Ti4+,O2- -o tio2.yaml`: all compounds of titanium(IV) and oxygen
    """
    symbols = [symbol for each in species or ["Si"] for symbol in each.replace(",", " ").split()]
    text = input_template(symbols, quick, engine)
    path = output_file or Path(f"{'-'.join(each.rstrip('0123456789+-') for each in symbols).lower()}.yaml")
    if path.is_dir():
        raise ForgefieldError(f"{path} is a folder", "name a file with --output")
    if path.exists() and not force:
        raise ForgefieldError(
            f"{path} is there already", "give another name with --output, or --force to overwrite it"
        )
    if not path.parent.is_dir():
        raise ForgefieldError(
            f"there is no folder {path.parent}", "make it, or name another file with --output"
        )
    path.write_text(text, encoding="utf-8")
    console = output()
    say(console, f"{path} is written; change what you like.", "green")
    say(console, f"Check it:  forgefield validate-input {path}\nRun it:    forgefield run {path}")


def validate_input(input_file: InputFile) -> None:
    """Check an input file and say what it asks for.

    All problems are reported at once, each with its line, key, value, cause and remedy. Nothing is computed.

    Example: `forgefield validate-input si.yaml`
    """
    spec = read_input(input_file)
    console = output()
    say(console, f"{input_file} is valid.", "green")
    table = Table.grid(padding=(0, 2))
    for name, content in _facts(spec).items():
        table.add_row(Text(name, style="bold"), Text(content))
    console.print(table)


def schema(
    describe: Annotated[
        bool, typer.Option("--describe", help="A readable table instead of JSON schema.")
    ] = False,
    key: Annotated[
        str,
        typer.Argument(metavar="[KEY]", help="With --describe: only this group or key, such as reference."),
    ] = "",
) -> None:
    """List every key of the input: JSON schema for editors, or with --describe a table for people.

    Examples:

    - `forgefield schema > forgefield.schema.json`
    - `forgefield schema --describe targets`
    """
    if not describe and not key:
        print(json.dumps(RunSpec.model_json_schema(), indent=2))
        return
    chosen = [each for each in all_settings() if not key or each.key == key or each.key.startswith(f"{key}.")]
    if not chosen:
        groups = ", ".join(each.key for each in all_settings() if each.is_group and "." not in each.key)
        raise ForgefieldError(
            f"the input has no key {key!r}", f"choose a group: {groups}, or one of their keys"
        )
    console = output()
    table = Table("key", "takes", "default", "meaning", header_style="bold", show_lines=False)
    for each in chosen:
        style = "bold" if each.is_group else ""
        takes = "" if each.is_group else each.kind
        meaning = each.description.replace("``", "`").replace("`", "")
        table.add_row(Text(each.key, style), Text(takes), Text(each.default), Text(meaning, style))
    console.print(table)


def _facts(spec: RunSpec) -> dict[str, str]:
    symbols = spec.system.symbols
    structures = f"about {planned_structures(spec.structures, symbols)} made"
    if spec.structures.files:
        structures += f", and those of {len(spec.structures.files)} files"
    limit = spec.budget.calculations
    how = {"structure", "max_atoms", "phases"}
    targets = [name for name, value in spec.targets if name not in how and value is not None]
    system = spec.system.id or "-".join(symbols)
    if spec.system.species and len(symbols) > 1:
        system = ", ".join(str(each) for each in spec.system.species)
    return {
        "system": system,
        "initial structures": structures,
        "reference": spec.reference.engine,
        "trainings": f"at most {spec.cycles.max}, {spec.selection.per_cycle} calculations between two",
        "hold-out": f"{spec.hold_out.configurations} configurations",
        "budget": f"{limit if limit is not None else 'any number of'} calculations"
        + (f", {spec.budget.hours:g} hours" if spec.budget.hours is not None else ""),
        "targets": ", ".join(targets) or "none",
    }
