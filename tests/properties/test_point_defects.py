"""Formation energies of point defects against ASE, counted bonds and literature."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from ase.optimize import BFGS

from forgefield.atoms.errors import ForgefieldError
from forgefield.properties import point_defects, relaxed_structure
from forgefield.properties.defect_reactions import neutral_reactions
from forgefield.properties.point_defects import PointDefects, PointDefectSpec
from forgefield.properties.quantities import calculations_in_all
from forgefield.properties.relaxed_structure import RelaxedStructureSpec
from forgefield.properties.stored import from_json, to_json

# matscipy's Tersoff evaluates powers with numpy's ``where`` and masks what it left unset itself.
pytestmark = pytest.mark.filterwarnings("ignore:'where' used without 'out':UserWarning")

VACANCIES = PointDefectSpec(interstitials=0, antisites=False)


def at_rest(atoms, calculator):
    return relaxed_structure.compute(atoms, calculator, RelaxedStructureSpec(force_tolerance=1e-4)).atoms


def energy(atoms):
    atoms = atoms.copy()
    atoms.calc = EMT()
    return atoms.get_potential_energy()


def values(result):
    return {quantity.name: quantity.value for quantity in result.quantities}


def test_vacancy_of_copper_agrees_with_ase(emt):
    crystal = at_rest(bulk("Cu", cubic=True), emt)
    spec = PointDefectSpec(interstitials=0, minimum_length=10.0, force_tolerance=0.002)
    found = values(point_defects.compute(crystal, emt, spec))
    host = crystal * (3, 3, 3)
    cell = host.copy()
    del cell[17]
    expected = energy(cell) - energy(host) * 107 / 108
    assert found["vacancy Cu, formation energy unrelaxed"] == pytest.approx(expected, abs=1e-6)
    cell.calc = EMT()
    BFGS(cell, logfile=None).run(fmax=0.002)
    relaxed = cell.get_potential_energy() - energy(host) * 107 / 108
    assert found["vacancy Cu, formation energy"] == pytest.approx(relaxed, abs=1e-4)
    assert relaxed < expected - 0.005


def test_ideal_vacancy_of_silicon_costs_two_bonds(stillinger_weber, sw_silicon):
    """Four bonds of ε = 2.1683 eV are lost, two won where the atom goes: Phys. Rev. B 31, 5262 (1985)."""
    spec = PointDefectSpec(interstitials=0, relax=False)
    result = point_defects.compute(sw_silicon, stillinger_weber, spec)
    assert values(result) == {"vacancy Si, formation energy unrelaxed": pytest.approx(2 * 2.1683, abs=1e-3)}
    assert result.defects[0].relaxed is None


def test_vacancy_of_tersoff_silicon_agrees_with_literature(tersoff):
    """Balamane, Halicioglu, Tiller, Phys. Rev. B 46, 2250 (1992): 3.70 eV relaxed."""
    crystal = at_rest(bulk("Si", cubic=True), tersoff)
    found = values(
        point_defects.compute(crystal, tersoff, VACANCIES.model_copy(update={"minimum_length": 15}))
    )
    assert found["vacancy Si, formation energy"] == pytest.approx(3.70, abs=0.02)


def test_interstitials_lie_in_both_voids_of_diamond(stillinger_weber, sw_silicon):
    """Four neighbours at a bond's length, or six closer ones."""
    spec = PointDefectSpec(vacancies=False, minimum_length=7.0)
    result = point_defects.compute(sw_silicon, stillinger_weber, spec)
    found = values(result)
    assert list(found) == [
        "interstitial Si 1, formation energy",
        "interstitial Si 1, formation energy unrelaxed",
        "interstitial Si 2, formation energy",
        "interstitial Si 2, formation energy unrelaxed",
    ]
    relaxed, ideal = (
        [found[f"interstitial Si {n}, formation energy{word}"] for n in (1, 2)] for word in ("", " unrelaxed")
    )
    assert relaxed[0] < relaxed[1] < ideal[0] < ideal[1]


def test_compound_has_an_energy_for_each_limit(emt):
    """In Cu₃Au either element is as cheap as in its own crystal, the other then follows from the compound."""
    places = [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
    crystal = at_rest(Atoms("AuCu3", scaled_positions=places, cell=[3.75] * 3, pbc=True), emt)
    references = [at_rest(bulk("Cu"), emt), at_rest(bulk("Au"), emt)]
    spec = PointDefectSpec(interstitials=0, relax=False, minimum_length=7.0)
    result = point_defects.compute(crystal, emt, spec, references)
    found = values(result)
    copper, gold = (energy(each) for each in references)
    host = crystal * (2, 2, 2)
    defect = host.copy()
    del defect[[atom.index for atom in host if atom.symbol == "Au"][3]]
    cost = energy(defect) - energy(host)
    assert found["vacancy Au, Cu-poor, formation energy unrelaxed"] == pytest.approx(cost + gold)
    poor = energy(crystal) - 3 * copper
    assert found["vacancy Au, Au-poor, formation energy unrelaxed"] == pytest.approx(cost + poor)
    assert {defect.name for defect in result.defects} == {
        "vacancy Au",
        "vacancy Cu",
        "antisite Cu on Au",
        "antisite Au on Cu",
    }
    # Combinations do not depend on the limit: Schottky's is the mean over one formula unit of vacancies.
    for limit in ("Cu-poor", "Au-poor"):
        sites = {s: found[f"vacancy {s}, {limit}, formation energy unrelaxed"] for s in ("Au", "Cu")}
        assert found["Schottky, energy per defect"] == pytest.approx((sites["Au"] + 3 * sites["Cu"]) / 4)
        pair = [
            found[f"antisite {a} on {b}, {limit}, formation energy unrelaxed"]
            for a, b in (("Au", "Cu"), ("Cu", "Au"))
        ]
        assert found["antisite pair Au, Cu, energy per defect"] == pytest.approx(sum(pair) / 2)
    without = point_defects.compute(crystal, emt, spec)
    assert without.conditions == ()
    assert list(values(without)) == ["Schottky, energy per defect", "antisite pair Au, Cu, energy per defect"]
    one = point_defects.compute(crystal, emt, spec, references[:1])
    assert [condition.name for condition in one.conditions] == ["Au-poor"]
    assert from_json(PointDefects, to_json(result)).quantities == result.quantities


def test_frenkel_pair_is_the_cheapest_of_each_kind():
    defects = [("a", "Na", "", 5.0), ("b", "", "Na", -1.0), ("c", "", "Na", -2.0)]
    (reaction,) = neutral_reactions(bulk("NaCl", "rocksalt", a=5.6), -10.0, defects)
    assert (reaction.name, reaction.energy, reaction.defects) == ("Frenkel Na", 1.5, 2)


def test_forecast_counts_cells_and_steps():
    planned = point_defects.planned(bulk("Cu", cubic=True), VACANCIES)
    assert calculations_in_all(planned) == 1 + 31
    assert len(planned[-1].atoms) == 107
    ideal = VACANCIES.model_copy(update={"relax": False})
    assert calculations_in_all(point_defects.planned(bulk("Cu", cubic=True), ideal)) == 2


def test_wrong_reference_is_refused(emt):
    with pytest.raises(
        ForgefieldError, match=r"Al is no reference .* in Cu; give crystals of single elements"
    ):
        point_defects.compute(bulk("Cu"), emt, VACANCIES, [bulk("Al")])


def test_too_large_a_supercell_is_refused(emt):
    with pytest.raises(ForgefieldError, match="no supercell of Cu with at most 8 atoms"):
        point_defects.compute(bulk("Cu"), emt, PointDefectSpec(max_atoms=8))


def test_host_that_is_not_at_rest_is_said(emt):
    crystal = bulk("Cu", cubic=True)
    crystal.rattle(0.05, rng=np.random.default_rng(1))
    spec = VACANCIES.model_copy(update={"relax": False, "minimum_length": 3.0})
    result = point_defects.compute(crystal, emt, spec)
    assert result.warnings[0].startswith("the crystal without defects is not relaxed: its largest force is")


def test_relaxation_that_does_not_end_is_said(emt):
    spec = VACANCIES.model_copy(update={"max_steps": 1, "force_tolerance": 1e-4})
    (warning,) = point_defects.compute(at_rest(bulk("Cu"), emt), emt, spec).warnings
    assert warning.startswith("vacancy Cu: the relaxation did not converge in 1 steps")


class Towards(Calculator):
    """Atoms at rest, except that in a cell with one missing the first is drawn to a place; a defect earns energy."""

    implemented_properties = ("energy", "forces")

    def __init__(self, full, place, gain=0.0):
        super().__init__()
        self.full, self.place, self.gain = full, np.array(place), gain

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        energy, forces = -float(len(atoms)), np.zeros((len(atoms), 3))
        if len(atoms) < self.full:
            away = atoms.positions[0] - self.place
            energy += 0.5 * away @ away - self.gain
            forces[0] = -away
        self.results = {"energy": energy, "forces": forces}


def test_filled_vacancy_and_atoms_far_away_are_said():
    calculator = Towards(27, [0.1, 0.0, 0.0])
    result = point_defects.compute(
        bulk("Po", "sc", a=3.0), calculator, VACANCIES.model_copy(update={"minimum_length": 8.5})
    )
    assert result.host_atoms == 27
    assert any("vacancy Po: an atom has moved into it, to 0.1" in warning for warning in result.warnings)
    assert any("atom 0 (Po) moved by" in warning for warning in result.warnings)


def test_defect_that_earns_energy_is_said():
    calculator = Towards(27, [0.0, 0.0, 3.0], gain=2.0)
    spec = VACANCIES.model_copy(update={"minimum_length": 8.5, "relax": False})
    (warning,) = point_defects.compute(bulk("Po", "sc", a=3.0), calculator, spec).warnings
    assert warning == "vacancy Po: its formation energy is -2.00 eV, so the crystal would fill with it"
