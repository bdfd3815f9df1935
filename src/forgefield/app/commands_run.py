"""The commands run, learn and relax."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from forgefield.app.console import messages, output, say
from forgefield.app.input import read_input, read_text
from forgefield.app.progress import duration, progress_on
from forgefield.app.relaxation_table import relaxation_table
from forgefield.app.run_options import Known, Place, Workers, place_named, side_by_side
from forgefield.app.verdict_table import summary_line, verdict_table
from forgefield.report.build import build_report
from forgefield.structures.spec import StructuresSpec
from forgefield.workflow.folder import RunFolder
from forgefield.workflow.loop import Job, RunOutcome
from forgefield.workflow.loop import run as run_workflow
from forgefield.workflow.pools import open_pools
from forgefield.workflow.spec import RunSpec

_Input = Annotated[Path, typer.Argument(metavar="INPUT", help="Input file, YAML.")]


def run(
    input_file: _Input,
    folder: Annotated[
        Path | None, typer.Option("--folder", "-f", help="Run folder; for si.yaml it is si-run beside it.")
    ] = None,
    restart_from: Annotated[
        str | None,
        typer.Option("--from", metavar="STEP", help="Begin again from this step: explore, 2/train …"),
    ] = None,
    workers: Workers = None,
    executor: Place = "local",
    labels: Known = None,
) -> None:
    """Run an input, or go on where an earlier run was stopped.

    Structures, reference calculations, training, exploration, selection and the verdict, cycle after cycle,
    until every target holds or the budget is spent. Everything lies in the run folder; no calculation is ever
    done twice. After Ctrl-C, a crash or a power cut, the same command goes on.

    The steps of a cycle are train, hold-out (once), verify and explore; with `exploration.method: md` also select
    and label. Before the first one come 0/structures, 0/label, 0/targets and, on the fly, 0/explore. What --from
    replaces is kept under set-aside/ in the run folder.

    Examples:

    - `forgefield run si.yaml`
    - `forgefield run si.yaml --from explore`: explore again in the latest cycle, with changed settings
    - `forgefield run si.yaml --from 2/train --workers 8`
    - `forgefield run si.yaml --labels earlier.xyz`: with what `forgefield export` wrote of another run
    """
    outcome = _carried_out(
        "run",
        read_input(input_file),
        input_file,
        folder,
        workers,
        executor,
        restart_from,
        words=[word for file in labels or () for word in ("--labels", str(file))],
        labels=labels or (),
    )
    results = output()
    if outcome.verdict is not None:
        results.print(verdict_table(outcome.verdict))
        say(results, summary_line(outcome.verdict), "green" if outcome.verdict.holds else "yellow")
    say(results, f"The run ended because {outcome.reason}.")
    say(results, f"{outcome.calculations} reference calculations, {duration(outcome.seconds)}. Potential:")
    say(results, f"  {outcome.folder / 'potential'}")
    say(results, f"Report:  {build_report(outcome.folder)}")


def learn(
    input_file: _Input,
    folder: Annotated[
        Path | None, typer.Option("--folder", "-f", help="Run folder; for si.yaml it is si-learn beside it.")
    ] = None,
    workers: Workers = None,
    executor: Place = "local",
) -> None:
    """Learn a Bayesian potential on the fly: molecular dynamics that calls DFT only where it does not know.

    The same input as `forgefield run`, of which the groups system, structures, reference, exploration, surrogate,
    selection and budget count. The initial structures are computed; then trajectories start from them, and every
    frame whose force uncertainty exceeds a threshold that adapts itself is computed and learned at once. No
    verdict and no network: use `forgefield run` for these. After Ctrl-C, a crash or a power cut, the same command
    goes on, to the bit.

    Examples:

    - `forgefield learn si.yaml`
    - `forgefield learn si.yaml --folder si-hot --workers 4`
    """
    outcome = _carried_out("learn", read_input(input_file), input_file, folder, workers, executor)
    results = output()
    say(results, f"Learning ended because {outcome.reason}.")
    say(results, f"{outcome.calculations} reference calculations, {duration(outcome.seconds)}. Potential:")
    say(results, f"  {outcome.folder / 'potential'}")
    say(results, f"Report:  {build_report(outcome.folder)}")


def relax(
    input_file: _Input,
    structures: Annotated[
        list[Path],
        typer.Argument(metavar="STRUCTURE…", help="Structure files, in any format that ASE reads."),
    ],
    folder: Annotated[
        Path | None, typer.Option("--folder", "-f", help="Run folder; for si.yaml it is si-relax beside it.")
    ] = None,
    fixed_cell: Annotated[bool, typer.Option("--fixed-cell", help="Move atoms only.")] = False,
    workers: Workers = None,
    executor: Place = "local",
) -> None:
    """Relax structures to DFT forces with few DFT calculations.

    They move on a Bayesian potential that all of them share and that learns from every calculation; DFT is asked
    where it is unsure, and for the last word: a structure has converged when its DFT forces (and, where the cell moves,
    its virial per atom) are below `relaxation.force_tolerance`. Of INPUT the groups system, reference, surrogate,
    relaxation and budget count. The same command goes on after Ctrl-C.

    Examples:

    - `forgefield relax si.yaml rattled.xyz`
    - `forgefield relax tio2.yaml POSCAR-1 POSCAR-2 --fixed-cell --folder relaxed`
    """
    spec = read_input(input_file)
    files = tuple(path.absolute() for path in structures)
    changed = spec.relaxation.model_copy(update={"cell": spec.relaxation.cell and not fixed_cell})
    spec = spec.model_copy(update={"structures": StructuresSpec.only(files), "relaxation": changed})
    run_folder = folder or default_folder(input_file, "relax")
    words = [*map(str, structures), *(["--fixed-cell"] if fixed_cell else [])]
    outcome = _carried_out("relax", spec, input_file, run_folder, workers, executor, words=words)
    results = output()
    results.print(relaxation_table(outcome.folder))
    say(results, f"{outcome.reason[0].upper()}{outcome.reason[1:]}.")
    say(results, f"{outcome.calculations} reference calculations, {duration(outcome.seconds)}. Structures:")
    say(results, f"  {RunFolder(outcome.folder).relaxed}")


def _carried_out(
    command: Job,
    spec: RunSpec,
    input_file: Path,
    folder: Path | None,
    workers: int | None,
    executor: str,
    restart_from: str | None = None,
    words: Sequence[str] = (),
    labels: Sequence[Path] = (),
) -> RunOutcome:
    """Run the workflow, or a part of it, with a bar; Ctrl-C says how to go on."""
    run_folder = folder or default_folder(input_file, command)
    place = place_named(executor)
    count = workers or side_by_side(place)
    if executor != "local":
        words = [*words, "--executor", executor]
    console = messages()
    what = "-".join(spec.system.symbols) or spec.system.id
    say(console, f"{what} with {spec.reference.engine}, {count} workers, in {run_folder}")
    try:
        with open_pools(place, count, run_folder) as pools, progress_on(console) as progress:
            outcome = run_workflow(
                spec,
                run_folder,
                input_text=read_text(input_file),
                workers=count,
                pools=pools,
                progress=progress,
                restart_from=restart_from,
                job=command,
                labels=labels,
            )
    except KeyboardInterrupt as error:
        say(
            console,
            f"Stopped. What is computed is kept; go on with:\n  {again(input_file, folder, workers, command, words)}",
            "yellow",
        )
        raise typer.Exit(130) from error
    return outcome


def default_folder(input_file: Path, command: str = "run") -> Path:
    """Run folder of an input: ``si.yaml`` → ``si-run`` beside it."""
    return input_file.with_name(f"{input_file.stem}-{command}")


def again(
    input_file: Path,
    folder: Path | None,
    workers: int | None,
    command: str = "run",
    words: Sequence[str] = (),
) -> str:
    """The command that goes on with a stopped run; `words` stand behind the input."""
    line = ["forgefield", command, str(input_file), *words]
    line += ["--folder", str(folder)] if folder is not None else []
    line += ["--workers", str(workers)] if workers is not None else []
    return shlex.join(line)
