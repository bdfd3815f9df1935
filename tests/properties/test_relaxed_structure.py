"""Relaxed crystals, their order, and energies against free atoms."""

import json

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones

from forgefield.atoms.errors import ForgefieldError
from forgefield.properties import cohesive_energy, relaxed_structure
from forgefield.properties.cohesive_energy import CohesiveEnergy, CohesiveEnergySpec
from forgefield.properties.free_atom import has_moments
from forgefield.properties.quantities import calculations_in_all
from forgefield.properties.relaxed_structure import RelaxedStructure, RelaxedStructureSpec, in_order
from forgefield.properties.stored import from_json, to_json

SPEC = RelaxedStructureSpec(force_tolerance=1e-4)


def values(result):
    return {quantity.name: quantity.value for quantity in result.quantities}


@pytest.mark.parametrize("start", [5.2, 5.43, 5.6])
@pytest.mark.parametrize("cubic", [True, False])
def test_silicon_ends_at_its_lattice_parameter(stillinger_weber, start, cubic):
    """a = 5.43095 Å by construction, whatever cell it is given in."""
    result = relaxed_structure.compute(bulk("Si", a=start, cubic=cubic), stillinger_weber, SPEC, "diamond")
    found = values(result)
    assert found == {
        "diamond, lattice parameter a": pytest.approx(5.43095, abs=1e-3),
        "diamond, volume": pytest.approx(5.43095**3 / 8, rel=1e-3),
        "diamond, energy": pytest.approx(-2 * 2.1683, abs=1e-3),
    }
    assert (result.space_group_before, result.space_group_after) == ("Fd-3m (227)", "Fd-3m (227)")
    assert result.warnings == ()
    assert result.max_stress < 0.1
    assert len(result.atoms) == (8 if cubic else 2)


def test_hexagonal_crystal_has_two_lattice_parameters(emt):
    result = relaxed_structure.compute(bulk("Cu", "hcp", a=2.6, c=4.2), emt, SPEC, "hcp")
    found = values(result)
    assert list(found) == [
        "hcp, lattice parameter a",
        "hcp, lattice parameter c",
        "hcp, volume",
        "hcp, energy",
    ]
    a, c = found["hcp, lattice parameter a"], found["hcp, lattice parameter c"]
    assert c / a == pytest.approx(np.sqrt(8 / 3), rel=0.02)
    assert found["hcp, volume"] == pytest.approx(np.sqrt(3) / 2 * a**2 * c / 2, rel=1e-4)


def test_rhombohedral_angle_is_that_of_the_relaxed_cell(emt):
    """A triclinic crystal keeps its three angles."""
    crystal = Atoms(
        "CuAl", scaled_positions=[[0, 0, 0], [0.47, 0.52, 0.55]], cell=[2.7, 2.9, 3.9, 85, 95, 100]
    )
    crystal.pbc = True
    result = relaxed_structure.compute(crystal, emt, SPEC.model_copy(update={"max_steps": 3}), "start")
    assert {"start, angle α", "start, angle β", "start, angle γ"} <= set(values(result))
    lengths = result.atoms.cell.lengths()
    assert sorted(result.lengths) == pytest.approx(sorted(lengths))
    assert "start: the relaxation did not converge in 3 steps (largest force" in result.warnings[0]


def test_change_of_symmetry_and_volume_are_said(emt):
    """Copper between bcc and fcc goes to fcc, and from a large volume it shrinks."""
    crystal = bulk("Cu", "bcc", a=2.87, cubic=True)
    crystal.set_cell(crystal.cell.array * (1, 1, 1.3), scale_atoms=True)
    changed = relaxed_structure.compute(crystal, emt, SPEC, "bcc")
    assert "bcc: the space group changed from I4/mmm (139) to Fm-3m (225)" in changed.warnings
    shrunk = relaxed_structure.compute(bulk("Cu", a=3.9), emt, SPEC)
    assert any(warning.startswith("Cu: the volume changed by -2") for warning in shrunk.warnings)
    assert all(not name.startswith(",") for name in values(shrunk))


def test_atom_that_leaves_its_place_is_said():
    """An atom far from its neighbours' hollow falls into it."""
    crystal = bulk("Ar", "fcc", a=5.3, cubic=True) * (1, 1, 2)
    crystal.positions[1] += [0, 0, 1.6]
    calculator = LennardJones(sigma=3.4, epsilon=0.4, rc=8.0, smooth=True)
    result = relaxed_structure.compute(
        crystal, calculator, SPEC.model_copy(update={"force_tolerance": 0.02}), "x"
    )
    assert any("moved by" in warning for warning in result.warnings)


def test_phases_come_in_the_order_of_their_energies(stillinger_weber):
    crystals = {"bcc": bulk("Si", "bcc", a=3.1), "diamond": bulk("Si", a=5.4), "sc": bulk("Si", "sc", a=2.6)}
    found = [relaxed_structure.compute(a, stillinger_weber, SPEC, name) for name, a in crystals.items()]
    order = in_order(found)
    assert order.phases[0].name == "diamond"
    above = [quantity.value for quantity in order.quantities]
    assert above == sorted(above)
    assert above[0] == 0
    expected = 1000 * (order.phases[1].energy - order.phases[0].energy)
    assert order.quantities[1].value == pytest.approx(expected)
    assert order.warnings == tuple(w for phase in order.phases for w in phase.warnings)
    again = from_json(RelaxedStructure, to_json(found[0]))
    assert again.quantities == found[0].quantities
    assert again.atoms == found[0].atoms


def test_phases_of_several_compositions_are_refused(emt):
    phases = [relaxed_structure.compute(bulk(symbol), emt, SPEC) for symbol in ("Cu", "Al")]
    with pytest.raises(
        ForgefieldError, match="crystals of Al, Cu cannot be put in order; give crystals of one"
    ):
        in_order(phases)


def test_molecule_is_refused(emt):
    with pytest.raises(ForgefieldError, match="is not a crystal"):
        relaxed_structure.compute(Atoms("Cu2", positions=[[0, 0, 0], [2, 0, 0]]), emt, SPEC)


def test_cohesive_energy_of_copper(emt):
    """Jacobsen, Stoltze, Nørskov, Surf. Sci. 366, 394 (1996): 3.51 eV/atom."""
    crystal = relaxed_structure.compute(bulk("Cu"), emt, SPEC).atoms
    result = cohesive_energy.compute(crystal, emt, CohesiveEnergySpec())
    assert values(result) == {"cohesive energy": pytest.approx(3.51, abs=0.01)}
    assert result.warnings == ()
    alone = Atoms("Cu")
    alone.calc = EMT()
    assert result.free_atoms[0].energy == pytest.approx(alone.get_potential_energy())
    # By Hund's rule, as EMT answers for moments, if with zeros.
    assert result.free_atoms[0].moment == 1.0
    assert from_json(CohesiveEnergy, to_json(result)) == result
    assert (
        calculations_in_all(cohesive_energy.planned(bulk("NaCl", "rocksalt", a=5.6), CohesiveEnergySpec()))
        == 3
    )


def test_cohesive_energy_of_silicon_is_two_bonds(stillinger_weber, sw_silicon):
    result = cohesive_energy.compute(sw_silicon, stillinger_weber, CohesiveEnergySpec())
    assert result.value == pytest.approx(2 * 2.1683, abs=1e-4)


class Magnetic(EMT):
    """EMT with an energy that a moment lowers."""

    implemented_properties = (*EMT.implemented_properties, "magmoms")

    def calculate(self, atoms=None, properties=("energy",), system_changes=()):
        super().calculate(atoms, properties, system_changes)
        self.results["energy"] -= 0.1 * float(np.sum(atoms.get_initial_magnetic_moments() ** 2))


def test_free_atoms_start_from_their_moments(emt):
    assert not has_moments(LennardJones())
    assert has_moments(Magnetic())
    crystal = bulk("Ni")
    crystal.set_initial_magnetic_moments([0.0])
    plain = cohesive_energy.compute(crystal, emt, CohesiveEnergySpec())
    magnetic = cohesive_energy.compute(crystal, Magnetic(), CohesiveEnergySpec())
    assert magnetic.free_atoms[0].moment == 2.0
    assert plain.value - magnetic.value == pytest.approx(0.4)


def test_crystal_that_is_not_bound_or_not_at_rest_is_said(emt):
    crystal = bulk("Cu", a=2.7, cubic=True)
    crystal.positions[0] += 0.1
    warnings = cohesive_energy.compute(crystal, emt, CohesiveEnergySpec()).warnings
    assert [warning.split(":")[0] for warning in warnings] == [
        "the crystal is not bound",
        "the crystal is not relaxed",
        "the crystal is not relaxed",
    ]
    assert "its largest force is" in warnings[1]
    assert "its largest stress is" in warnings[2]
    assert json.loads(to_json(cohesive_energy.compute(bulk("Cu"), emt, CohesiveEnergySpec())))["value"] > 0
