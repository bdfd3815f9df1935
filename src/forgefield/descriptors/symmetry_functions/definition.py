"""Atom-centred symmetry functions as n2p2 defines them: what they are, and the checks of their parameters.

Behler, J. Chem. Phys. 134, 074106 (2011); Singraber et al., J. Chem. Theory Comput. 15, 1827 (2019); weighted ones:
Gastegger et al., J. Chem. Phys. 148, 241709 (2018); compact ones: Bircher et al., Mach. Learn. Sci. Technol. 2,
035026 (2021). Kinds are numbered as in n2p2's `input.nn`.
"""

from __future__ import annotations

from dataclasses import dataclass

from forgefield.atoms.errors import ForgefieldError

RADIAL, NARROW, WIDE, WEIGHTED_RADIAL, WEIGHTED_NARROW = 2, 3, 9, 12, 13
COMPACT_RADIAL, COMPACT_NARROW, COMPACT_WIDE = 20, 21, 22
COMPACT_WEIGHTED_RADIAL, COMPACT_WEIGHTED_NARROW, COMPACT_WEIGHTED_WIDE = 23, 24, 25
_NEIGHBOURS = {2: 1, 3: 2, 9: 2, 12: 0, 13: 0, 20: 1, 21: 2, 22: 2, 23: 0, 24: 0, 25: 0}
_WITH_ANGLES = (COMPACT_NARROW, COMPACT_WIDE, COMPACT_WEIGHTED_NARROW, COMPACT_WEIGHTED_WIDE)
_SUBTYPES = ("p1", "p2", "p3", "p4", "p1a", "p2a", "p3a", "p4a", "e")


@dataclass(frozen=True)
class SymmetryFunction:
    """One function of one centre element. Lengths are of any one unit, the same for all functions of a set.

    Attributes:
        kind: n2p2's number: 2 radial, 3 narrow angular, 9 wide angular, 12 weighted radial, 13 weighted narrow
            angular; compact: 20 radial, 21 narrow, 22 wide, 23–25 the same weighted.
        centre: element symbol.
        neighbours: () for weighted kinds, (e,) for radial and (e1, e2) for angular ones.
        cutoff: length; for compact kinds the upper end of the radial support.
        eta: 1/length², width of the Gaussian.
        shift: r_s, length, centre of the Gaussian.
        lambda_: ±1, or any number in between.
        zeta: exponent of the angular part.
        inner_radius: length, lower end of a compact function's radial support; may be negative.
        left_angle, right_angle: degrees, support of a compact function's angular part.
        subtype: the compact functions' core: p1…p4 or e; p1a…p4a with an asymmetric radial part.
    """

    kind: int
    centre: str
    neighbours: tuple[str, ...]
    cutoff: float
    eta: float = 0.0
    shift: float = 0.0
    lambda_: float = 0.0
    zeta: float = 0.0
    inner_radius: float = 0.0
    left_angle: float = 0.0
    right_angle: float = 0.0
    subtype: str = ""

    def __post_init__(self) -> None:
        if self.kind not in _NEIGHBOURS:
            raise ForgefieldError(
                f"symmetry function type {self.kind} is unknown",
                f"use one of {', '.join(str(kind) for kind in _NEIGHBOURS)}",
            )
        name = f"symmetry function of type {self.kind} for {self.centre}"
        if len(self.neighbours) != _NEIGHBOURS[self.kind]:
            raise ForgefieldError(
                f"{name} has {len(self.neighbours)} neighbour elements", f"give {_NEIGHBOURS[self.kind]}"
            )
        if not self.cutoff > 0:
            raise ForgefieldError(f"{name} has cutoff {self.cutoff}", "give a cutoff above zero")
        if self.kind >= COMPACT_RADIAL:
            self._check_compact(name)
        elif self.eta < 0:
            raise ForgefieldError(f"{name} has eta {self.eta}", "give zero or a positive width")
        elif self.is_angular and not self.zeta > 0:
            raise ForgefieldError(f"{name} has zeta {self.zeta}", "give an exponent above zero")
        elif self.is_angular and abs(self.lambda_) > 1:
            raise ForgefieldError(f"{name} has lambda {self.lambda_}", "give 1 or -1")

    def _check_compact(self, name: str) -> None:
        if self.inner_radius >= self.cutoff:
            raise ForgefieldError(
                f"{name} has inner radius {self.inner_radius} beyond its cutoff {self.cutoff}",
                "give an inner radius below the cutoff",
            )
        if self.subtype not in _SUBTYPES:
            raise ForgefieldError(
                f"{name} has the unknown subtype {self.subtype!r}", f"use one of {', '.join(_SUBTYPES)}"
            )
        if self.kind in _WITH_ANGLES and not self.left_angle < self.right_angle:
            raise ForgefieldError(
                f"{name} has its left angle {self.left_angle} above its right angle {self.right_angle}",
                "give the smaller angle first",
            )
        centre = (self.left_angle + self.right_angle) / 2
        if (self.left_angle < 0 and centre != 0) or (self.right_angle > 180 and centre != 180):
            raise ForgefieldError(
                f"{name} spans {self.left_angle}° to {self.right_angle}°, beyond 0° to 180°",
                "stay within 0° to 180° or centre the function at 0° or at 180°",
            )

    @property
    def is_angular(self) -> bool:
        """Whether the function sums over pairs of neighbours."""
        return self.kind not in (RADIAL, WEIGHTED_RADIAL, COMPACT_RADIAL, COMPACT_WEIGHTED_RADIAL)


@dataclass(frozen=True)
class CutoffFunction:
    """n2p2's `cutoff_type`; compact functions have none.

    Attributes:
        kind: 0 hard, 1 cosine, 2 tanh³, 3 tanh³ normalised to 1 at r = 0, 4 exponential, 5…8 polynomials smooth
            to first … fourth order.
        inner: fraction of the cutoff within which the function is 1.
    """

    kind: int
    inner: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in range(9):
            raise ForgefieldError(f"cutoff function type {self.kind} is unknown", "use one of 0 to 8")
        if not 0 <= self.inner < 1:
            raise ForgefieldError(
                f"inner fraction {self.inner} of the cutoff function is outside [0, 1)",
                "give the fraction of the cutoff within which the function is 1",
            )
