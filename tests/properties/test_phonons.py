"""Phonons against an analytic Hessian, against phonopy used directly, and against the elastic constants."""

import numpy as np
import pytest
from ase import units
from ase.build import bulk

from forgefield.atoms.errors import ForgefieldError
from forgefield.properties import elasticity, phonons
from forgefield.properties.elasticity import ElasticitySpec
from forgefield.properties.phonons import PhononSpec, phonon_rmse
from forgefield.properties.point import evaluate_points
from forgefield.properties.stored import from_json, to_json

pytestmark = pytest.mark.filterwarnings("ignore:'where' used without 'out':UserWarning")

TERAHERTZ = 1e3 * units.fs / (2 * np.pi)


def test_commensurate_frequencies_agree_with_analytic_hessian(stillinger_weber, sw_silicon):
    spec = PhononSpec(supercell=((2, 0, 0), (0, 2, 0), (0, 0, 2)), mesh=(2, 2, 2), dos_points=0)
    result = phonons.compute(sw_silicon, stillinger_weber, spec)
    # 7.7 Å wide: no two images of an atom lie within the cutoff (3.77 Å) of a third.
    supercell = sw_silicon * (2, 2, 2)
    supercell.calc = stillinger_weber
    supercell.get_potential_energy()
    folded = stillinger_weber.get_hessian(supercell, format="sparse").toarray()
    eigenvalues = np.linalg.eigvalsh((folded + folded.T) / 2 / sw_silicon.get_masses()[0])
    exact = np.sign(eigenvalues) * np.sqrt(np.abs(eigenvalues)) * TERAHERTZ
    counts = np.rint(result.weights * 8).astype(int)
    mine = np.sort(np.repeat(result.frequencies, counts, axis=0).ravel())
    assert len(mine) == len(exact) == 48
    assert np.abs(mine - exact).max() < 5e-3


def test_mesh_and_band_frequencies_agree_with_phonopy_used_directly(emt):
    from phonopy import Phonopy
    from phonopy.structure.atoms import PhonopyAtoms

    atoms = bulk("Cu", a=3.59)
    spec = phonons.resolve(atoms, PhononSpec())
    result = phonons.compute(atoms, emt, spec)
    direct = Phonopy(
        PhonopyAtoms(symbols=["Cu"], cell=atoms.cell.array, scaled_positions=[(0, 0, 0)]),
        supercell_matrix=np.diag([3, 3, 3]),
        primitive_matrix="P",
    )
    direct.generate_displacements(distance=0.005, is_plusminus=True)
    from ase import Atoms

    structures = [
        Atoms(numbers=c.numbers, positions=c.positions, cell=c.cell, pbc=True)
        for c in direct.supercells_with_displacements
    ]
    direct.forces = np.array([p.forces for p in evaluate_points(structures, emt)])
    direct.produce_force_constants()
    direct.symmetrize_force_constants()
    for qpoints, frequencies in (
        (result.qpoints, result.frequencies),
        (result.bands.qpoints, result.bands.frequencies),
    ):
        expected = np.sort(direct.run_qpoints(qpoints).frequencies, axis=1)
        assert np.abs(frequencies - expected).max() < 0.02
    assert result.mesh.tolist() == [12, 12, 12]
    assert result.weights.sum() == pytest.approx(1)
    assert result.dos is not None
    assert np.trapezoid(result.dos.density, result.dos.frequencies) == pytest.approx(3, rel=0.03)


def test_sound_velocity_agrees_with_elastic_constants(stillinger_weber, sw_silicon):
    """ω = q √(C/ρ) along [100]: longitudinal C11, transverse C44 with relaxed ions."""
    spec = PhononSpec(supercell=((3, 0, 0), (0, 3, 0), (0, 0, 3)), path_points=1500, dos_points=0)
    bands = phonons.compute(sw_silicon, stillinger_weber, spec).bands
    segment = bands.segments[0]
    assert (segment.start_label, segment.end_label) == ("Γ", "X")
    chosen = segment.start + 3
    q = 2 * np.pi * np.linalg.norm(bands.qpoints[chosen] @ np.asarray(sw_silicon.cell.reciprocal()))
    density = sw_silicon.get_masses().sum() / sw_silicon.cell.volume
    elastic = elasticity.compute(sw_silicon, stillinger_weber, ElasticitySpec())
    c11, _, c44 = (constant.value * units.GPa for constant in elastic.constants)
    expected = q * np.sqrt(np.array([c44, c44, c11]) / density) * TERAHERTZ
    # Γ lies on a supercell's grid, its surroundings are interpolated; hence per cent, not digits.
    assert bands.frequencies[chosen, :3] == pytest.approx(expected, rel=0.03)


def test_diamond_phonons_need_one_displacement_in_sixteen_atoms(sw_silicon):
    spec = phonons.resolve(sw_silicon, PhononSpec())
    structures = phonons.plan(sw_silicon, spec)
    assert [len(s) for s in structures] == [16]
    assert spec.supercell == ((2, 0, 0), (0, 2, 0), (0, 0, 2))
    assert spec.mesh == (8, 8, 8)


def test_conventional_cell_folds_to_the_primitive_one(stillinger_weber, sw_silicon):
    cubic = bulk("Si", a=5.430949778, cubic=True)
    large = ((2, 0, 0), (0, 2, 0), (0, 0, 2))
    folded = phonons.compute(cubic, stillinger_weber, PhononSpec(supercell=large, mesh=(4, 4, 4)))
    same = ((-2, 2, 2), (2, -2, 2), (2, 2, -2))
    direct = phonons.compute(sw_silicon, stillinger_weber, PhononSpec(supercell=same, mesh=(4, 4, 4)))
    assert folded.frequencies.shape[1] == 6
    assert phonon_rmse(folded, direct) < 1e-3


def test_settled_points_hold_at_another_volume(stillinger_weber, tersoff, sw_silicon):
    spec = phonons.resolve(sw_silicon, PhononSpec())
    other = bulk("Si", a=5.33)
    one = phonons.compute(sw_silicon, stillinger_weber, spec)
    two = phonons.compute(other, tersoff, spec)
    assert np.array_equal(one.weights, two.weights)
    assert np.allclose(one.qpoints, two.qpoints)
    assert np.allclose(one.bands.qpoints, two.bands.qpoints)
    assert np.allclose(one.bands.distances, two.bands.distances)
    assert one.bands.distances[-1] == pytest.approx(1.0)
    full = np.repeat(one.frequencies - two.frequencies, np.rint(one.weights * 512).astype(int), axis=0)
    assert len(full) == 512
    assert phonon_rmse(two, one) == pytest.approx(float(np.sqrt((full**2).mean())), rel=1e-9)
    assert phonon_rmse(one, one) == 0


def test_unlike_meshes_are_not_compared(emt):
    atoms = bulk("Al")
    one, two = (phonons.compute(atoms, emt, PhononSpec(mesh=mesh)) for mesh in ((3, 3, 3), (6, 6, 6)))
    with pytest.raises(ForgefieldError, match=r"cannot be compared .* same settled supercell and mesh"):
        phonon_rmse(one, two)


def test_stable_and_unstable_crystals_are_told_apart(emt):
    stable = phonons.compute(bulk("Cu", a=3.59), emt, PhononSpec())
    assert not stable.imaginary
    assert abs(stable.lowest) < 1e-3
    unstable = phonons.compute(bulk("Cu", "bcc", a=2.87), emt, PhononSpec())
    assert unstable.imaginary
    assert unstable.lowest < -0.5


def test_isotopes_count(stillinger_weber, sw_silicon):
    spec = PhononSpec(mesh=(2, 2, 2), dos_points=0)
    natural = phonons.compute(sw_silicon, stillinger_weber, spec)
    heavy = sw_silicon.copy()
    heavy.set_masses(4 * sw_silicon.get_masses())
    assert np.allclose(
        phonons.compute(heavy, stillinger_weber, spec).frequencies, natural.frequencies / 2, atol=1e-5
    )


def test_hexagonal_supercell_is_longer_where_the_cell_is_short():
    spec = phonons.resolve(bulk("Mg"), PhononSpec(minimum_length=9.0))
    assert spec.supercell == ((3, 0, 0), (0, 3, 0), (0, 0, 2))


def test_supercell_too_large_says_so():
    with pytest.raises(ForgefieldError, match=r"at most 20 atoms keeps periodic images 12 Å apart; lower"):
        phonons.resolve(bulk("Si"), PhononSpec(minimum_length=12.0, max_atoms=20))


def test_flat_supercell_says_so():
    with pytest.raises(ForgefieldError, match="has no volume"):
        phonons.resolve(bulk("Si"), PhononSpec(supercell=((1, 0, 0), (1, 0, 0), (0, 0, 1))))


def test_phonons_survive_json(emt):
    result = phonons.compute(bulk("Al"), emt, PhononSpec())
    again = from_json(phonons.Phonons, to_json(result))
    assert np.array_equal(again.frequencies, result.frequencies)
    assert again.frequencies.dtype == np.float64
    assert again.supercell.dtype == np.int64
    assert again.bands.segments == result.bands.segments
    assert to_json(again) == to_json(result)
