"""The families that exist, and how a stored potential finds its own."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.spec import Spec
from forgefield.potentials import committee, repulsion
from forgefield.potentials.bayesian import io as bayesian_io
from forgefield.potentials.bayesian.closed_form import fit_in_closed_form
from forgefield.potentials.bayesian.potential import BayesianPotential
from forgefield.potentials.bayesian.spec import BayesianSpec
from forgefield.potentials.contract import Potential
from forgefield.potentials.density import io as density_io
from forgefield.potentials.density.fit import DensityProblem
from forgefield.potentials.density.potential import DensityPotential
from forgefield.potentials.density.spec import DensitySpec
from forgefield.potentials.hdnnp import io as hdnnp_io
from forgefield.potentials.hdnnp.definition import ATOMIC_UNITS, UNITS, Units
from forgefield.potentials.hdnnp.fit import HdnnpProblem
from forgefield.potentials.hdnnp.potential import HdnnpPotential
from forgefield.potentials.hdnnp.spec import HdnnpSpec
from forgefield.potentials.nep import io as nep_io
from forgefield.potentials.nep.fit import NepProblem
from forgefield.potentials.nep.potential import NepPotential
from forgefield.potentials.nep.spec import NepSpec
from forgefield.potentials.training import TrainingResult


@dataclass(frozen=True)
class Family:
    """What the rest of the program needs to know of a family.

    Attributes:
        spec: its settings.
        problem: takes (spec, species, seed); the training engine's `Problem`, with `potential()`. None for a family
            that is fitted in closed form.
        load: reads a folder that its potential's `save` wrote.
        summary: one line for people.
        repulsion: whether a repulsion of nuclei is added unless asked otherwise: if its exchange format holds one.
        neighbours: how many neighbours the cutoff takes in unless it is given; None: the settings' own default.
        closed_form: takes (spec, species, training, validation, report, stop, tick); gives potential and result.
    """

    spec: type[Spec]
    problem: Callable[[Any, tuple[str, ...], int], Any] | None
    load: Callable[[Path], Potential]
    summary: str
    repulsion: bool = True
    neighbours: int | None = None
    closed_form: Callable[..., tuple[Potential, TrainingResult]] | None = None


FAMILIES: dict[str, Family] = {
    density_io.FAMILY: Family(
        DensitySpec,
        DensityProblem,
        DensityPotential.load,
        "density expansion, up to 5-body, and networks",
        neighbours=45,
    ),
    nep_io.FAMILY: Family(
        NepSpec, NepProblem, NepPotential.load, "neuroevolution potential form (NEP4, GPUMD)"
    ),
    hdnnp_io.FAMILY: Family(
        HdnnpSpec, HdnnpProblem, HdnnpPotential.load, "symmetry functions and networks (n2p2, RuNNer)", False
    ),
    bayesian_io.FAMILY: Family(
        BayesianSpec,
        None,
        BayesianPotential.load,
        "Bayesian regression on 2- and 3-body features, exact uncertainty",
        neighbours=45,
        closed_form=fit_in_closed_form,
    ),
}


def family_named(name: str) -> Family:
    """The family of a name.

    Raises:
        ForgefieldError: there is none.
    """
    if name not in FAMILIES:
        near = difflib.get_close_matches(name, FAMILIES, 1)
        known = "; ".join(f"{each} ({family.summary})" for each, family in FAMILIES.items())
        hint = f"did you mean {near[0]}? " if near else ""
        raise ForgefieldError(f"there is no potential family {name!r}", f"{hint}choose from: {known}")
    return FAMILIES[name]


def load(path: Path | str, units: Units | str = ATOMIC_UNITS) -> Potential:
    """Read a potential.

    Args:
        path: folder where a potential was saved; a run folder, whose latest potential is taken; a ``nep.txt`` of
            GPUMD; or a folder of n2p2 with ``input.nn``.
        units: of an n2p2 folder, whose files do not say: ``bohr-hartree`` or ``angstrom-ev``.

    Raises:
        ForgefieldError: no potential there, or one of an unknown family.
    """
    path = Path(path)
    if path.is_file() and path.name != "potential.json":
        return NepPotential.from_nep_txt(path)
    if path.name == "potential.json":
        path = path.parent
    if not (path / "potential.json").exists() and (path / "potential" / "potential.json").exists():
        path = path / "potential"
    if not (path / "potential.json").exists() and (path / "input.nn").exists():
        return HdnnpPotential.from_n2p2(path, units_named(units))
    description = path / "potential.json"
    if not description.exists():
        raise ForgefieldError(
            f"there is no potential in {path}",
            "name a folder with potential.json, such as run/potential, a nep.txt file, or an n2p2 folder with input.nn",
        )
    try:
        return _read(path)
    except _WRONG as error:
        reason = (str(error).splitlines() or [""])[0] or type(error).__name__
        raise ForgefieldError(
            f"the potential in {path} cannot be read ({reason})", "restore its files, or train again"
        ) from error


_WRONG = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError)
"""What readers raise at contents that no potential wrote; files that are damaged they name themselves."""


def _read(folder: Path) -> Potential:
    family = json.loads((folder / "potential.json").read_text())["family"]
    if family == repulsion.FAMILY:
        return repulsion.RepulsedPotential.load(folder, load)
    if family == committee.FAMILY:
        return committee.Committee.load(folder, load)
    if family not in FAMILIES:
        known = ", ".join([*FAMILIES, repulsion.FAMILY, committee.FAMILY])
        raise ForgefieldError(
            f"{folder / 'potential.json'} names no known family ({family!r})", f"known families: {known}"
        )
    return FAMILIES[family].load(folder)


def units_named(units: Units | str) -> Units:
    """The units of a name.

    Raises:
        ForgefieldError: there are none of that name.
    """
    if isinstance(units, Units):
        return units
    if units not in UNITS:
        raise ForgefieldError(f"there are no units {units!r}", f"choose from: {', '.join(UNITS)}")
    return UNITS[units]
