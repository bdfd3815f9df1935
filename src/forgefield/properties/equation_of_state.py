"""Energy against volume: equilibrium volume, bulk modulus and its pressure derivative.

The cell is scaled isotropically and the ions stay at their fractional positions, so for crystals whose
cell shape or ions are free to move the curve is that of the given shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import Calculator
from pydantic import Field

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array
from forgefield.atoms.spec import Spec
from forgefield.properties.crystal import bare_crystal, scaled_to_volume
from forgefield.properties.point import PointValues, evaluate_points, require_points
from forgefield.properties.quantities import Planned, Quantity
from forgefield.properties.vinet import VinetCurve, fit_vinet

_LARGEST_STEP = 0.15
_SCATTER = 0.02
"""Residuals above this share of the energies' span are not those of a smooth curve."""
_FORMS_APART = 0.03
"""Relative difference of two forms' bulk moduli beyond which the volumes do not settle it."""


class EquationOfStateSpec(Spec):
    """How the energy–volume curve is sampled."""

    volume_range: float = Field(default=0.06, gt=0, le=0.3)
    """Largest relative change of volume, both ways."""
    points: int = Field(default=7, ge=5)
    """Number of volumes, evenly spaced, the middle one that of the structure given."""
    max_recentres: int = Field(default=8, ge=0)
    """How often the curve is moved when its minimum lies outside (`compute` only)."""


@dataclass(frozen=True, slots=True)
class EquationOfState:
    """A third-order Birch–Murnaghan curve, everything per atom.

    Attributes:
        volumes: (n,), Å³/atom.
        energies: (n,), eV/atom.
        volume: at the minimum, Å³/atom.
        energy: at the minimum, eV/atom.
        bulk_modulus: GPa.
        bulk_modulus_derivative: dB/dP, no unit.
        fit_error: root of the mean squared residual, eV/atom.
        vinet: Vinet's curve through the same energies; empty where its fit does not converge.
    """

    volumes: Array
    energies: Array
    volume: float
    energy: float
    bulk_modulus: float
    bulk_modulus_derivative: float
    fit_error: float
    vinet: tuple[VinetCurve, ...] = ()

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Parameters of the curve; their errors are the differences between the two forms."""

        def quantity(name: str, attribute: str, unit: str) -> Quantity:
            value = getattr(self, attribute)
            other = [abs(getattr(curve, attribute) - value) for curve in self.vinet]
            return Quantity(name, value, unit, other[0] if other else None)

        return (
            quantity("equilibrium volume", "volume", "Å³/atom"),
            quantity("energy at equilibrium", "energy", "eV/atom"),
            quantity("bulk modulus", "bulk_modulus", "GPa"),
            quantity("pressure derivative of the bulk modulus", "bulk_modulus_derivative", ""),
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """Scattered energies, and two forms that disagree."""
        found = []
        span = float(np.ptp(self.energies))
        if self.fit_error > _SCATTER * span:
            found.append(
                f"energies scatter by {1000 * self.fit_error:.2g} meV/atom about the curve, whose span is "
                f"{1000 * span:.2g} meV/atom: they are not smooth"
            )
        for curve in self.vinet:
            if abs(curve.bulk_modulus - self.bulk_modulus) > _FORMS_APART * self.bulk_modulus:
                found.append(
                    f"Birch–Murnaghan's form gives a bulk modulus of {self.bulk_modulus:.1f} GPa and "
                    f"Vinet's {curve.bulk_modulus:.1f} GPa"
                )
        return tuple(found)

    def energy_at(self, volumes: Array) -> Array:
        """Energy of the fitted curve, eV/atom.

        Birch, Phys. Rev. 71, 809 (1947): E = E₀ + 9 V₀B₀/16 · [(η² − 1)³ B′ + (η² − 1)² (6 − 4 η²)],
        η = (V₀/V)^⅓.

        Args:
            volumes: any shape, Å³/atom.
        """
        eta2 = (self.volume / np.asarray(volumes, dtype=np.float64)) ** (2 / 3)
        stiffness = 9 / 16 * self.volume * self.bulk_modulus * units.GPa
        bracket = (eta2 - 1) ** 3 * self.bulk_modulus_derivative + (eta2 - 1) ** 2 * (6 - 4 * eta2)
        return np.asarray(self.energy + stiffness * bracket)


def plan(atoms: Atoms, spec: EquationOfStateSpec) -> list[Atoms]:
    """The crystal at ``spec.points`` volumes around its own, in growing order."""
    volume = bare_crystal(atoms).cell.volume
    return [
        scaled_to_volume(atoms, volume * (1 + change))
        for change in np.linspace(-spec.volume_range, spec.volume_range, spec.points)
    ]


def recentre(atoms: Atoms, spec: EquationOfStateSpec, evaluations: Sequence[PointValues]) -> Atoms | None:
    """Where to sample again if the energies do not enclose a minimum; None if they do.

    The next centre is the vertex of the parabola through the outermost three points, at most 15 % away from
    the edge; the edge itself plus that step where the energies have no minimum.
    """
    structures = plan(atoms, spec)
    require_points(evaluations, structures, "the equation of state")
    energies = np.array([point.energy for point in evaluations])
    lowest = int(energies.argmin())
    if 0 < lowest < len(energies) - 1:
        return None
    volumes = np.array([structure.cell.volume for structure in structures])
    chosen = slice(0, 3) if lowest == 0 else slice(-3, None)
    edge = volumes[lowest]
    centre = volumes[chosen].mean()
    a, b, _ = np.polyfit(volumes[chosen] - centre, energies[chosen], 2)
    direction = -1.0 if lowest == 0 else 1.0
    step = direction * (centre - b / (2 * a) - edge) / edge if a > 0 else np.inf
    return scaled_to_volume(atoms, edge * (1 + direction * float(np.clip(step, 0.01, _LARGEST_STEP))))


def analyse(atoms: Atoms, spec: EquationOfStateSpec, evaluations: Sequence[PointValues]) -> EquationOfState:
    """Fit the curve to the evaluations of :func:`plan`.

    Raises:
        ForgefieldError: the energies do not enclose a minimum.
    """
    structures = plan(atoms, spec)
    require_points(evaluations, structures, "the equation of state")
    n_atoms = len(atoms)
    volumes = np.array([structure.cell.volume for structure in structures]) / n_atoms
    energies = np.array([point.energy for point in evaluations]) / n_atoms
    return fit(volumes, energies, atoms.get_chemical_formula())


def fit(volumes: Array, energies: Array, name: str) -> EquationOfState:
    """The curve through energies, or free energies, at some volumes.

    The Birch–Murnaghan energy is a cubic polynomial in x = V^(−⅔), so the fit is linear and has one answer.

    Args:
        volumes: (n,) ascending, Å³/atom.
        energies: (n,) eV/atom.
        name: of the crystal, for the message.

    Raises:
        ForgefieldError: the energies do not enclose a minimum.
    """
    # Scaled and shifted variables keep the least-squares problem well conditioned.
    middle, offset = volumes.mean(), energies.min()
    x = (volumes / middle) ** (-2 / 3)
    curve = np.polynomial.Polynomial.fit(x, energies - offset, 3)
    roots = curve.deriv().roots()
    real = roots[np.abs(roots.imag) < 1e-9].real
    minima = [root for root in real if curve.deriv(2)(root) > 0 and x.min() <= root <= x.max()]
    if len(minima) != 1:
        lowest = volumes[int(energies.argmin())]
        raise ForgefieldError(
            f"energies of {name} between {volumes[0]:.2f} and {volumes[-1]:.2f} "
            f"Å³/atom enclose no single minimum (the lowest is at {lowest:.2f} Å³/atom)",
            "start from a volume nearer to equilibrium, or train on more volumes",
        )
    root = float(minima[0])
    volume = middle * root ** (-3 / 2)
    second, third = (float(curve.deriv(order)(root)) for order in (2, 3))
    # The chain rule with dx/dV = −⅔ x/V, where dE/dx = 0:
    # V² d²E/dV² = 4/9 x² d²E/dx², V³ d³E/dV³ = −8/27 x³ d³E/dx³ − 20/9 x² d²E/dx²;
    # B = V d²E/dV², B′ = −1 − V d³E/dV³ / d²E/dV².
    v2e2 = 4 / 9 * root**2 * second
    v3e3 = -8 / 27 * root**3 * third - 20 / 9 * root**2 * second
    parameters = (
        float(volume),
        float(curve(root) + offset),
        float(v2e2 / volume / units.GPa),
        float(-1 - v3e3 / v2e2),
        float(np.sqrt(np.mean((curve(x) + offset - energies) ** 2))),
    )
    vinet = fit_vinet(volumes, energies, VinetCurve(*parameters))
    return EquationOfState(volumes, energies, *parameters, vinet=() if vinet is None else (vinet,))


def equilibrium_structure(atoms: Atoms, eos: EquationOfState) -> Atoms:
    """The crystal at the volume of lowest energy, shape and fractional positions unchanged."""
    return scaled_to_volume(atoms, eos.volume * len(atoms))


def compute(atoms: Atoms, calculator: Calculator, spec: EquationOfStateSpec) -> EquationOfState:
    """The curve around the calculator's own minimum, which is searched for if it lies far from ``atoms``."""
    centre = bare_crystal(atoms)
    for _ in range(spec.max_recentres + 1):
        evaluations = evaluate_points(plan(centre, spec), calculator)
        moved = recentre(centre, spec, evaluations)
        if moved is None:
            break
        centre = moved
    return analyse(centre, spec, evaluations)


def planned(atoms: Atoms, spec: EquationOfStateSpec) -> tuple[Planned, ...]:
    """The volumes around the structure's own; those of a curve that has to be moved come on top."""
    return (Planned(bare_crystal(atoms), spec.points),)
