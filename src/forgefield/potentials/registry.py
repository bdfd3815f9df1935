"""The families that exist, and how a stored potential finds its own."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from numba.core.errors import NumbaError

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
        return _tried(lambda: NepPotential.from_nep_txt(path), path)
    if path.name == "potential.json":
        path = path.parent
    if not (path / "potential.json").exists() and (path / "potential" / "potential.json").exists():
        path = path / "potential"
    if not (path / "potential.json").exists() and (path / "input.nn").exists():
        found = units_named(units)
        return _tried(lambda: HdnnpPotential.from_n2p2(path, found), path)
    description = path / "potential.json"
    if not description.exists():
        raise ForgefieldError(
            f"there is no potential in {path}",
            "name a folder with potential.json, such as run/potential, a nep.txt file, or an n2p2 folder with input.nn",
        )
    return _tried(lambda: _read(path), path)


_IN_KERNELS = (SystemError, NumbaError)
"""What compiled code raises at arrays of other types or shapes, with words that help nobody."""
_WRONG = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError, *_IN_KERNELS)
"""What readers raise at contents that no potential wrote; files that are damaged they name themselves."""


def _tried(read: Callable[[], Potential], path: Path) -> Potential:
    """A potential that has predicted something, so that none with impossible numbers goes on."""
    try:
        with np.errstate(all="ignore"):
            potential = read()
            result = potential.evaluate(_some_atoms(potential))
    except _WRONG as error:
        reason = (str(error).splitlines() or [""])[0] or type(error).__name__
        if isinstance(error, _IN_KERNELS):
            reason = "its numbers are of another type or shape"
        raise ForgefieldError(
            f"the potential in {path} cannot be read ({reason})", "restore its files, or train again"
        ) from error
    if not (np.isfinite(result.energies).all() and np.isfinite(result.forces).all()):
        raise ForgefieldError(
            f"the potential in {path} predicts numbers that are not finite",
            "restore its files, or train again",
        )
    return potential


def _some_atoms(potential: Potential) -> Atoms:
    """A helix of all its species, half a cutoff from atom to atom."""
    symbols = [*potential.species, *potential.species[:1] * 3]
    turns = np.arange(len(symbols)) * np.pi / 2
    step = 0.35 * potential.cutoff
    return Atoms(symbols, np.column_stack([step * np.cos(turns), step * np.sin(turns), 0.1 * step * turns]))


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
