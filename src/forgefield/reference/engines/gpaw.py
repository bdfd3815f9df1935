"""GPAW in plane waves: the embedded density-functional engine.

Facts found by running version 26.7.0, built by pip without MPI, libxc and BLAS:

- ``gpaw.GPAW`` is the rewritten code; its ``KohnShamConvergenceError`` comes without a message.
- The default convergence (energy 5e-4 eV per electron, density 1e-4, eigenstates 4e-8 eV²) already fixes
  energies to 1e-8 eV, forces to 3e-5 eV/Å and stress to 2e-6 eV/Å³ in rattled silicon, because the
  eigenstates decide; tightening energy and density to 1e-5 costs a step or two more and is done here.
- With smearing 0.1 eV the free energy lies 1.8 meV per atom below the energy extrapolated to zero
  smearing. Forces and stress are derivatives of the free energy, so that is the energy in the labels.
- Steps to self-consistency with the three rungs of the ladder: 9, 9, 14 for two Si atoms, 8, 8, 12 for Al,
  13, 12, 19 for ferromagnetic Fe. A structure that needs more than 150 is in trouble, not slow.
- Stress exists for cells that are periodic in all directions only.
- An isolated Si atom without spin polarisation lies 0.6 eV above the spin-polarised one.
- One thread per calculation is fastest. Symmetry is found and used by GPAW itself; for rattled cells only
  time reversal is left, which halves the k-points.
"""

from __future__ import annotations

import inspect
from typing import Any

from ase import Atoms
from pydantic import JsonValue

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.vacuum import is_isolated_atom
from forgefield.reference.engines.conditions import check_names, lacks_room, shared_parameters, with_moments
from forgefield.reference.engines.engine import Attempt, NotConvergedError, Parameters, SinglePoint
from forgefield.reference.engines.gpaw_sets import read_paw_sets
from forgefield.reference.engines.single_point import single_point
from forgefield.reference.k_points import k_points
from forgefield.reference.spec import ReferenceSpec

_OWNED = {
    "mode": "cutoff",
    "kpts": "k_spacing",
    "occupations": "smearing",
    "spinpol": "spin",
    "xc": "xc",
}
"""GPAW's arguments that the spec's own settings decide."""

_REFUSED = frozenset(
    {
        "filename",
        "txt",
        "communicator",
        "object_hooks",
        "legacy_gpaw",
        "parallel",
        "random",
        "magmoms",
        "hund",
    }
)
_CONVERGENCE: dict[str, JsonValue] = {"energy": 1e-5, "density": 1e-5}
_STEPS = 150


class GpawEngine:
    """Plane-wave PAW calculations, Γ-centred k-points of one density, Fermi–Dirac smearing."""

    def version(self) -> str:
        """GPAW's version.

        Raises:
            ForgefieldError: GPAW is not installed.
        """
        try:
            import gpaw
        except ImportError as error:
            raise ForgefieldError(
                f"engine gpaw is not installed ({error})",
                "pip install 'forgefield[gpaw]', or choose another reference.engine",
            ) from error
        return str(gpaw.__version__)

    def resolve(self, spec: ReferenceSpec, species: tuple[str, ...]) -> dict[str, JsonValue]:
        """GPAW's settings for these species; ``cutoff: auto`` becomes the hardest element's."""
        self.version()
        _check_extra(spec.parameters)
        sets = read_paw_sets(species, spec.xc, spec.parameters.get("setups"))
        cutoff = max(one.cutoff for one in sets) if spec.cutoff == "auto" else spec.cutoff
        extra = dict(spec.parameters)
        convergence = extra.pop("convergence", None)
        return {
            **shared_parameters(spec, cutoff),
            "paw_sets": {one.symbol: one.fingerprint for one in sets},
            "convergence": _CONVERGENCE | (convergence if isinstance(convergence, dict) else {}),
            "maxiter": extra.pop("maxiter", None) or _STEPS,
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
                f"density mixing 0.02, {2 * steps} steps",
                {"mixer": {"name": "msr1", "beta": 0.02, "nmaxold": 5}, "maxiter": 2 * steps},
            ),
            Attempt(
                f"Pulay mixing 0.02 over 8 densities with long waves damped, {4 * steps} steps",
                {
                    "mixer": {"name": "pulay", "beta": 0.02, "nmaxold": 8, "weight": 100.0},
                    "maxiter": 4 * steps,
                },
            ),
        )

    def prepare(self) -> None:
        """Import GPAW's plane-wave code."""
        import gpaw.new.ase_interface
        import gpaw.new.pw.builder  # noqa: F401

    def run(self, atoms: Atoms, parameters: Parameters, attempt: Attempt) -> SinglePoint:
        """One self-consistent calculation from superposed atomic densities."""
        from gpaw import GPAW, ConvergenceError

        arguments = _arguments(atoms, parameters)
        # Hund's rule sets the moments itself.
        structure = atoms if "hund" in arguments else with_moments(atoms, bool(parameters["spin"]))
        try:
            return single_point(structure, GPAW(**arguments, **_overridden(parameters, attempt), txt=None))
        except ConvergenceError as error:
            raise NotConvergedError(str(error) or "self-consistency was not reached") from error


def _arguments(atoms: Atoms, parameters: Parameters) -> dict[str, Any]:
    mesh = k_points(atoms, parameters)
    arguments: dict[str, Any] = {
        "mode": {"name": "pw", "ecut": parameters["cutoff"]},
        "xc": parameters["xc"],
        "kpts": {"size": mesh.size, **({"gamma": True} if mesh.kind == "gamma" else {})},
        "occupations": {"name": "fermi-dirac", "width": parameters["smearing"]},
        "convergence": parameters["convergence"],
    }
    if parameters["spin"]:
        arguments["spinpol"] = True
        # Hund's rule starts a free atom in its ground state; it exists for single atoms only.
        if is_isolated_atom(atoms) and not atoms.get_initial_magnetic_moments().any():
            arguments["hund"] = True
    return arguments


def _overridden(parameters: Parameters, attempt: Attempt) -> dict[str, Any]:
    extra = parameters["extra"]
    settings: dict[str, Any] = {"maxiter": parameters["maxiter"]}
    settings.update(extra if isinstance(extra, dict) else {})
    settings.update(attempt.settings)
    return settings


def _check_extra(extra: dict[str, JsonValue]) -> None:
    from gpaw.dft import GPAW

    known = set(inspect.signature(GPAW).parameters) - _REFUSED - set(_OWNED)
    check_names(extra, known, _OWNED, "GPAW")
