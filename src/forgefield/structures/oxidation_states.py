"""Whether a structure holds the wanted elements in the wanted oxidation states."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Sequence
from fractions import Fraction

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii

from forgefield.atoms.neighbours import find_neighbours
from forgefield.atoms.records import Candidate
from forgefield.structures.bond_valence import ideal_scale, known_valences, site_valences
from forgefield.structures.charge_balance import reduced_formula
from forgefield.structures.ions import Ion, known_ions, listed
from forgefield.structures.pymatgen_bridge import to_pymatgen
from forgefield.structures.source_result import LeftOut, SourceResult

# Cations of one element differ by up to 1.1 in ordered crystals of the AFLOW library. Where two integer states average
# to an integer, they differ by 2 on paper; in AgO, which is Ag1+ and Ag3+, by 1.4.
_MIXED = 1.25
# Bonds within O2²⁻, S2²⁻, N3⁻, I3⁻ and C2²⁻ are shorter than this many sums of covalent radii, contacts longer.
_BONDED = 1.15
_LARGEST_GUESS = 12


def fitting_states(
    candidates: Iterable[Candidate], ions: Sequence[Ion], bond_valence: bool = True
) -> SourceResult:
    """The candidates that :func:`state_problem` finds nothing wrong with; the others with their reason.

    Raises:
        ForgefieldError: unknown ions.
    """
    ions = known_ions(ions)
    kept, left_out = [], []
    for candidate in candidates:
        problem = state_problem(candidate.atoms, ions, bond_valence)
        if problem is None:
            kept.append(candidate)
        else:
            left_out.append(
                LeftOut(f"{candidate.trajectory} ({candidate.atoms.get_chemical_formula('metal')})", problem)
            )
    return SourceResult(tuple(kept), tuple(left_out))


def state_problem(atoms: Atoms, ions: Sequence[Ion], bond_valence: bool = True) -> str | None:
    """Why a structure is not made of exactly these ions, or None if it is.

    It must contain each of their elements and no other, and be neutral. Of a crystal, the distances are looked at
    as well: anions must not be bound to each other, as they are in peroxides and pyrites, and the bond valences of
    the cations of one element must not differ as those of Sb3+ and Sb5+ do.

    Args:
        atoms: a crystal, or a cluster, of which only the formula is looked at.
        ions: each element once.
        bond_valence: whether to look at distances.
    """
    counts = {symbol: int(n) for symbol, n in atoms.symbols.formula.count().items()}
    wanted = {ion.element for ion in ions}
    foreign, missing = sorted(set(counts) - wanted), sorted(wanted - set(counts))
    if foreign or missing:
        contained = [f"contains {', '.join(foreign)}"] if foreign else []
        lacking = [f"lacks {', '.join(missing)}"] if missing else []
        return " and ".join(contained + lacking)
    total = sum(counts[ion.element] * ion.charge for ion in ions)
    if total:
        return _charged(counts, ions, total)
    if not bond_valence or not atoms.pbc.all() or not any(ion.charge for ion in ions):
        return None
    return _bound_anions(atoms, ions) or _differing_sites(atoms, ions)


def guessed_ions(atoms: Atoms) -> tuple[Ion, ...] | None:
    """The oxidation states of a crystal that comes without, as pymatgen's analysers see them.

    Bond valences are asked first (maximum a posteriori estimate with the statistics of the ICSD), then, for small
    formulas, the charge balances that occur most often in the ICSD.

    Returns:
        None if some element would be in several states, or no neutral assignment is found.
    """
    from pymatgen.core import Composition
    from pymatgen.core.bond_valence import BVAnalyzer

    symbols = atoms.get_chemical_symbols()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            valences = BVAnalyzer().get_valences(to_pymatgen(atoms))
        states = set(zip(symbols, (int(valence) for valence in valences), strict=True))
    except ValueError:
        counts = atoms.symbols.formula.count()
        reduced = Composition({s: n // math.gcd(*counts.values()) for s, n in counts.items()})
        if reduced.num_atoms > _LARGEST_GUESS:
            return None
        guesses = reduced.oxi_state_guesses()
        if not guesses or any(state != int(state) for state in guesses[0].values()):
            return None
        states = {(symbol, int(state)) for symbol, state in guesses[0].items()}
    if len(states) > len(set(symbols)) or not any(charge for _, charge in states):
        return None
    return tuple(sorted(Ion(symbol, charge) for symbol, charge in states))


def _charged(counts: dict[str, int], ions: Sequence[Ion], total: int) -> str:
    formula = reduced_formula(counts, ions)
    units = math.gcd(*counts.values())
    reason = f"{formula} of {listed(ions)} has the charge {total // units:+d}"
    needed = [
        (ion.element, Fraction(ion.charge * counts[ion.element] - total, counts[ion.element]))
        for ion in ions
        if ion.charge > 0
    ]
    if len(needed) != 1:
        return reason
    element, state = needed[0]
    if state.denominator == 1:
        return f"{reason}: {element} would have to be {Ion(element, int(state))}"
    return f"{reason}: mixed valence, {element} would have to be {float(state):+.2f} on average"


def _bound_anions(atoms: Atoms, ions: Sequence[Ion]) -> str | None:
    anions = {ion.element: ion for ion in ions if ion.charge < 0}
    numbers = [atomic_numbers[element] for element in anions]
    if not numbers:
        return None
    pairs = find_neighbours(atoms, 2.0 * _BONDED * float(covalent_radii[numbers].max()))
    lengths = np.linalg.norm(pairs.vectors, axis=1)
    radii = covalent_radii[atoms.numbers]
    both = np.isin(atoms.numbers[pairs.centres], numbers) & np.isin(atoms.numbers[pairs.neighbours], numbers)
    bound = both & (lengths < _BONDED * (radii[pairs.centres] + radii[pairs.neighbours]))
    if not bound.any():
        return None
    pair = int(np.flatnonzero(bound)[lengths[bound].argmin()])
    one, other = (
        anions[atoms.symbols[int(index)]] for index in (pairs.centres[pair], pairs.neighbours[pair])
    )
    return f"binds {one} to {other} at {lengths[pair]:.2f} Å, so their oxidation states are others"


def _differing_sites(atoms: Atoms, ions: Sequence[Ion]) -> str | None:
    scale = ideal_scale(atoms, ions) if known_valences(ions) else None
    if scale is None:
        return None
    valences = site_valences(atoms, ions, scale)
    for ion in ions:
        if ion.charge <= 0:
            continue
        mine = valences[atoms.numbers == atomic_numbers[ion.element]]
        if mine.max() - mine.min() > _MIXED:
            return (
                f"mixed valence: the bond valences of its {ion.element} sites range from {mine.min():.1f} to "
                f"{mine.max():.1f}, instead of lying near {ion.charge}"
            )
    return None


def ions_of_formula(formula: str) -> tuple[Ion, ...]:
    """The most likely oxidation states of a formula's elements, each in one; charges of 0 where none are known.

    Args:
        formula: such as ``CuInSe2``.
    """
    from pymatgen.core import Composition

    composition = Composition(formula).reduced_composition
    elements = sorted(element.symbol for element in composition)
    guesses = composition.oxi_state_guesses() if composition.num_atoms <= _LARGEST_GUESS else ()
    whole = [guess for guess in guesses if all(state == int(state) for state in guess.values())]
    states = whole[0] if whole else {}
    return tuple(Ion(element, int(states.get(element, 0))) for element in elements)
