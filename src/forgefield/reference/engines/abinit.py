"""ABINIT with pseudopotentials of the user's own: norm-conserving ``.psp8``, or PAW data in XML.

Facts found by running version 9.6.2:

- Cell and positions go out in the same unit (``abinit_input.py``): where one is in Å and the other in bohr, as in
  ASE's writer, ABINIT's own value of the bohr moves atoms by 4e-9 of the cell. With a ``tolsym`` that rounds no
  displacement away, as here, eight Si atoms are then wrong by 0.2 eV without a word.
- Symmetries with translations off the real-space grid are harmless then: energies of rattled and shifted cells agree
  with those without symmetry to 1e-8 eV.
- The total energy holds the entropy: it is the free energy that forces and stress are derivatives of.
- A cycle that does not converge is a warning in the output, not an exit status.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io.abinit import read_abinit_out
from ase.units import Hartree
from pydantic import JsonValue

from forgefield.atoms.errors import ForgefieldError
from forgefield.reference.engines.abinit_files import FUNCTIONALS, read_abinit_header
from forgefield.reference.engines.abinit_input import abinit_input
from forgefield.reference.engines.conditions import (
    check_functional,
    lacks_room,
    number_of_bands,
    refuse_owned,
    shared_parameters,
    with_moments,
)
from forgefield.reference.engines.engine import Attempt, NotConvergedError, Parameters, SinglePoint
from forgefield.reference.engines.program import Program
from forgefield.reference.engines.pseudopotential_files import (
    PseudopotentialFolder,
    recalled,
    recorded,
    settled_cutoff,
)
from forgefield.reference.engines.single_point import single_point
from forgefield.reference.k_points import k_points
from forgefield.reference.spec import ReferenceSpec

INPUT = "abinit.in"
"""Name of the input file."""

_OWNED = {
    "ecut": "cutoff",
    "kpts": "k_spacing",
    "ngkpt": "k_spacing",
    "kptrlatt": "k_spacing",
    "kptopt": "k_spacing",
    "nshiftk": "k_spacing",
    "shiftk": "k_spacing",
    "ixc": "xc",
    "xc": "xc",
    "occopt": "smearing",
    "tsmear": "smearing",
    "smearing": "smearing",
    "nsppol": "spin",
    "nspinor": "spin",
    "spinat": "spin",
}
_REFUSED = frozenset(
    {
        "ionmov",
        "optcell",
        "ntime",
        "ndtset",
        "natom",
        "ntypat",
        "typat",
        "znucl",
        "acell",
        "rprim",
        "xred",
        "xcart",
        "pseudos",
        "pp_dirpath",
        "toldfe",
        "toldff",
        "tolrff",
        "tolwfr",
    }
)
_IXC = {"LDA": 7, "PBE": 11, "PBEsol": -116133}
_STEPS = 100
_CONVERGENCE = 1e-14  # residual of the potential, hartree²
_FINE_GRID = 2.0  # PAW: second grid over the first
_ENDING = "was not enough scf cycles to converge"
_CONVERGED = "=>converged"


class AbinitEngine:
    """Plane waves and pseudopotentials, Γ-centred k-points of one density, Fermi–Dirac smearing.

    Args:
        command: command line that starts ABINIT; else ``FORGEFIELD_ABINIT_COMMAND``, else ``abinit``.
        pseudopotentials: folder of ``.psp8`` or ``.xml`` files; else ``ABI_PSPDIR``.
    """

    def __init__(self, command: str | None = None, pseudopotentials: str | None = None) -> None:
        self.program = Program("abinit", "abinit", command)
        self.folder = PseudopotentialFolder("abinit", "ABI_PSPDIR", pseudopotentials)

    def version(self) -> str:
        """Version that ABINIT prints.

        Raises:
            ForgefieldError: ABINIT is not installed.
        """
        return self.program.version(["--version"], r"(?m)^\s*(\d+\.\d+\S*)\s*$")

    def resolve(self, spec: ReferenceSpec, species: tuple[str, ...]) -> dict[str, JsonValue]:
        """Settings for these species; ``cutoff: auto`` becomes the largest that a PAW data set suggests."""
        extra = {name.lower(): value for name, value in spec.parameters.items()}
        named = extra.pop("pseudopotentials", None)
        refuse_owned(extra, _OWNED)
        for name in extra:
            if name in _REFUSED:
                raise ForgefieldError(
                    f"reference.parameters.{name} is no parameter that ABINIT takes here", "remove it"
                )
        check_functional(spec.xc, FUNCTIONALS, "abinit")
        paths = {
            symbol: self.folder.choose(
                symbol, spec.xc, named, [".psp8", ".xml"], lambda path: read_abinit_header(path).xc
            )
            for symbol in species
        }
        headers = {symbol: read_abinit_header(path) for symbol, path in paths.items()}
        suggested = {paths[symbol]: header.cutoff * Hartree for symbol, header in headers.items()}
        kinds = {header.paw for header in headers.values()}
        if len(kinds) > 1:
            raise ForgefieldError(
                f"PAW data and norm-conserving pseudopotentials together: "
                f"{', '.join(path.name for path in paths.values())}",
                "name files of one kind in reference.parameters.pseudopotentials",
            )
        return {
            **shared_parameters(spec, settled_cutoff(spec.cutoff, suggested)),
            "pseudopotentials": recorded(paths),
            "valence": {symbol: header.valence for symbol, header in headers.items()},
            "paw": kinds == {True},
            "convergence": extra.pop("tolvrs", None) or _CONVERGENCE,
            "maxiter": extra.pop("nstep", None) or _STEPS,
            "extra": extra,
        }

    def unsuitable(self, atoms: Atoms, parameters: Parameters) -> str | None:
        """A box is needed, with vacuum inside it along axes that are not periodic."""
        return lacks_room(atoms)

    def attempts(self, parameters: Parameters) -> tuple[Attempt, ...]:
        """More steps and smaller density updates: a longer way to the same numbers."""
        steps = int(str(parameters["maxiter"]))
        return (
            Attempt(f"usual mixing, {steps} steps", {}),
            Attempt(
                f"density mixing 0.2 over 10 densities, {2 * steps} steps",
                {"iscf": 17, "diemix": 0.2, "npulayit": 10, "nstep": 2 * steps},
            ),
            Attempt(
                f"density mixing 0.05 over 15 densities, {4 * steps} steps",
                {"iscf": 17, "diemix": 0.05, "npulayit": 15, "nstep": 4 * steps},
            ),
        )

    def prepare(self) -> None:
        """Nothing is slow to import."""

    def run(self, atoms: Atoms, parameters: Parameters, attempt: Attempt) -> SinglePoint:
        """One self-consistent calculation from superposed atomic densities, in a folder of its own."""
        with tempfile.TemporaryDirectory(prefix="forgefield-") as name:
            folder = Path(name)
            self.write(atoms, parameters, attempt, folder)
            self.program.run([INPUT], folder)
            return read_output(atoms, folder / "abinit.abo")

    def write(self, atoms: Atoms, parameters: Parameters, attempt: Attempt, folder: Path) -> None:
        """Write the input file."""
        paths = recalled(self.folder.find(), parameters["pseudopotentials"])
        structure = with_moments(atoms, bool(parameters["spin"]))
        valence: Any = parameters["valence"]
        electrons = sum(float(valence[symbol]) for symbol in structure.symbols)
        moments = structure.get_initial_magnetic_moments()
        cutoff = float(str(parameters["cutoff"]))
        mesh = k_points(atoms, parameters)
        extra: Any = parameters["extra"]
        settings: dict[str, Any] = {
            "ixc": _IXC[str(parameters["xc"])],
            "ecut": f"{cutoff} eV",
            **({"pawecutdg": f"{_FINE_GRID * cutoff} eV"} if parameters["paw"] else {}),
            "occopt": 3,
            "tsmear": f"{parameters['smearing']} eV",
            "nsppol": 2 if parameters["spin"] else 1,
            **({"spinat": [[0.0, 0.0, moment] for moment in moments]} if parameters["spin"] else {}),
            "nband": number_of_bands(electrons, float(np.abs(moments).sum())),
            "kptopt": 1,
            "ngkpt": list(mesh.size),
            "nshiftk": 1,
            "shiftk": list(mesh.shifts),
            "chkprim": 0,
            "chksymbreak": 0,
            "chksymtnons": 0,
            "tolsym": 1e-8,
            "tolvrs": parameters["convergence"],
            "nstep": parameters["maxiter"],
            "optforces": 1,
            "optstress": 1,
            "prtwf": 0,
            "prtden": 0,
            "prteig": 0,
            **extra,
            **attempt.settings,
        }
        (folder / INPUT).write_text(abinit_input(structure, settings, paths))


def read_output(atoms: Atoms, path: Path) -> SinglePoint:
    """Labels from ABINIT's main output.

    Args:
        atoms: the structure that it computed.
        path: ``abinit.abo``.

    Raises:
        NotConvergedError: it says that self-consistency was not reached.
    """
    text = path.read_text(errors="replace")
    # ASE's reader takes an unconverged output of version 9 for a good one.
    if _CONVERGED not in text:
        said = next(
            (line.strip(" ;") for line in text.splitlines() if _ENDING in line.lower()), "no cycle ended"
        )
        raise NotConvergedError(f"abinit: {' '.join(said.split())}")
    with path.open(errors="replace") as lines:
        results = read_abinit_out(lines)
    given = {key: results[key] for key in ("energy", "free_energy", "forces", "stress") if key in results}
    return single_point(atoms, SinglePointCalculator(atoms, **given))
