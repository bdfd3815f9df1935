"""The whole initial set: sizes, distances, provenance, and the same again for the same seed."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections import Counter
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from ase.data import covalent_radii
from pydantic import ValidationError

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.identity import structure_key
from forgefield.atoms.neighbours import shortest_distance
from forgefield.atoms.records import Candidate
from forgefield.structures.build import chosen_prototypes, initial_structures
from forgefield.structures.duplicates import remove_duplicates
from forgefield.structures.files import structures_from_files
from forgefield.structures.prototypes import prototype
from forgefield.structures.random_search import random_crystals
from forgefield.structures.spec import (
    CompanionSpec,
    RandomSpec,
    RattleSpec,
    StrainSpec,
    StructuresSpec,
)


def _make(spec: StructuresSpec, *species: str, seed: int = 0) -> list[Candidate]:
    return list(initial_structures(spec, species or ("Si",), np.random.default_rng(seed)).candidates)


def _keys(candidates: list[Candidate]) -> list[str]:
    return [structure_key(candidate.atoms) for candidate in candidates]


@pytest.mark.parametrize(
    ("element", "spec", "number"),
    [
        ("Si", StructuresSpec(), 60),
        ("Si", StructuresSpec.quick(), 27),
        ("Al", StructuresSpec.quick(), 27),
        ("Mg", StructuresSpec.quick(), 27),
    ],
)
def test_an_element_gets_the_number_promised(element: str, spec: StructuresSpec, number: int) -> None:
    candidates = _make(spec, element)
    assert len(candidates) == number
    assert max(len(candidate.atoms) for candidate in candidates) <= 8
    sources = {"prototype", "strain", "rattle", "isolated-atom"} | (
        {"random"} if spec.random.count else set()
    )
    assert {candidate.source for candidate in candidates} == sources
    main = f"prototype/{chosen_prototypes(spec, element)[0]}/"
    assert sum(candidate.trajectory.startswith(main) for candidate in candidates) > number / 2
    assert len(set(_keys(candidates))) == number
    assert len(remove_duplicates(candidates)) == number
    for candidate in candidates:
        assert candidate.note
        assert candidate.trajectory
        assert candidate.atoms.calc is None
        if candidate.source not in ("random", "isolated-atom"):
            assert candidate.parent
        distance = shortest_distance(candidate.atoms, 20.0)
        number_of_element = candidate.atoms.numbers[0]
        assert distance > 0.8 * 0.8 * 2 * covalent_radii[number_of_element]


def test_the_energy_volume_path_is_one_trajectory_and_random_draws_are_many() -> None:
    counts = Counter(candidate.trajectory for candidate in _make(StructuresSpec()))
    assert counts["prototype/diamond/volume"] == 9
    assert all(
        number == 1
        for name, number in counts.items()
        if "strain" in name or "rattle" in name or "random" in name
    )


def test_rattled_cells_may_be_wider_than_the_strained_ones() -> None:
    spec = StructuresSpec(prototypes=("diamond",), rattle=RattleSpec(amplitudes=(0.05,), max_atoms=64))
    sizes = {
        source: {len(c.atoms) for c in _make(spec) if c.source == source} for source in ("rattle", "strain")
    }
    assert sizes == {"rattle": {64}, "strain": {2, 8}}


def test_the_path_and_the_amplitudes_are_those_asked_for() -> None:
    spec = StructuresSpec(
        prototypes=("diamond",),
        strain=StrainSpec(volume=0.06, volume_count=7, small_count=0, large_count=0),
        rattle=RattleSpec(amplitudes=(0.05, 0.15), count=40, volume=0.0),
        random=RandomSpec(count=0),
        isolated_atom=False,
    )
    candidates = _make(spec)
    assert len(candidates) == 87
    equilibrium = prototype("Si", "diamond").get_volume()
    path = [c.atoms.get_volume() / equilibrium for c in candidates[:7]]
    np.testing.assert_allclose(path, np.linspace(0.94, 1.06, 7), atol=1e-9)
    cube = bulk("Si", cubic=True)
    for amplitude, group in ((0.05, candidates[7:47]), (0.15, candidates[47:])):
        moved = [c.atoms.get_positions() - c.atoms.get_positions().mean(axis=0) for c in group]
        flat = np.array(moved) - np.mean(moved, axis=0)
        # Taking the common shift out of n atoms takes 1/n off the variance, the mean of 40 another 1/40.
        expected = amplitude * np.sqrt((1 - 1 / len(cube)) * (1 - 1 / 40))
        assert flat.std() == pytest.approx(expected, rel=0.08)


def test_the_same_seed_gives_the_same_structures_and_another_gives_others() -> None:
    first, again, other = (_keys(_make(StructuresSpec.quick(), seed=seed)) for seed in (1, 1, 2))
    assert first == again
    assert len(set(first) & set(other)) == 6  # the path and the free atom


def test_another_number_of_one_kind_leaves_the_others_alone() -> None:
    base = StructuresSpec.quick()
    more = base.model_copy(update={"strain": StrainSpec(volume_count=5, small_count=10, large_count=6)})
    fewer, many = set(_keys(_make(base))), set(_keys(_make(more)))
    assert fewer < many
    assert len(many) == len(fewer) + 3


_SCRIPT = """
    import numpy as np
    from forgefield.atoms.identity import structure_key
    from forgefield.structures.build import initial_structures
    from forgefield.structures.spec import RandomSpec, StructuresSpec

    np.random.seed(1)
    spec = StructuresSpec.quick().model_copy(update={"random": RandomSpec(count=12)})
    for candidate in initial_structures(spec, ("Si",), np.random.default_rng(3)).candidates:
        print(structure_key(candidate.atoms))
"""


def test_another_process_makes_the_same_structures() -> None:
    spec = StructuresSpec.quick().model_copy(update={"random": RandomSpec(count=12)})
    here = _keys(_make(spec, seed=3))
    there = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_SCRIPT)],
        env={**os.environ, "PYTHONHASHSEED": "12345", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert here == there
    assert len(here) == 39


def test_random_crystals_keep_their_bounds() -> None:
    rng = np.random.default_rng(0)
    crystals = random_crystals("Al", 12, (2, 6), (13.0, 20.0), 2.0, rng)
    assert len(crystals) == 12
    for atoms in crystals:
        assert 2 <= len(atoms) <= 6
        assert 13.0 - 1e-9 <= atoms.get_volume() / len(atoms) <= 20.0 + 1e-9
        assert shortest_distance(atoms) >= 2.0
        assert atoms.cell.angles().min() > 45.0
        assert atoms.cell.angles().max() < 135.0
    assert random_crystals("Al", 0, (2, 6), (13.0, 20.0), 2.0, rng) == []
    with pytest.raises(ForgefieldError, match=r"none of 60 random crystals of Al .* 3\.50 Å apart; lower"):
        random_crystals("Al", 1, (2, 6), (13.0, 20.0), 3.5, rng)


def test_the_main_prototype_is_the_ground_state_if_it_is_named() -> None:
    assert chosen_prototypes(StructuresSpec(prototypes=("bcc", "diamond")), "Si") == ("diamond", "bcc")
    assert chosen_prototypes(StructuresSpec(prototypes=("bcc", "sc")), "Si") == ("bcc", "sc")
    assert chosen_prototypes(StructuresSpec(), "Ga")[0] == "alpha-gallium"
    assert len(chosen_prototypes(StructuresSpec(), "Al")) == 7
    with pytest.raises(ForgefieldError, match="no prototype 'diamnd'; did you mean diamond"):
        _make(StructuresSpec(prototypes=("diamnd",)))


def test_files_are_added_as_they_are(tmp_path: Path) -> None:
    frames = [bulk("Al", cubic=True), bulk("Al", "bcc", a=3.2)]
    frames[0].set_constraint(FixAtoms([0]))
    for frame in frames:
        frame.calc = EMT()
        frame.get_potential_energy()
    ase.io.write(tmp_path / "mine.xyz", frames)
    nothing = StructuresSpec(
        prototypes=(), random=RandomSpec(count=0), isolated_atom=False, files=(tmp_path / "mine.xyz",)
    )
    candidates = _make(nothing, "Al")
    assert [candidate.source for candidate in candidates] == ["file", "file"]
    assert {candidate.trajectory for candidate in candidates} == {"file/00-mine"}
    assert all(c.atoms.calc is None and not c.atoms.constraints for c in candidates)
    apart = structures_from_files([tmp_path / "mine.xyz"], ("Al",), as_trajectories=False)
    assert len({candidate.trajectory for candidate in apart}) == 2
    with pytest.raises(ForgefieldError, match=r"structure 0 of .*mine\.xyz contains Al, but .* Si; add"):
        _make(StructuresSpec.quick().model_copy(update={"files": (tmp_path / "mine.xyz",)}), "Si")


def test_compounds_without_ions_take_files_only(tmp_path: Path) -> None:
    salt = bulk("NaCl", "rocksalt", a=5.6)
    ase.io.write(tmp_path / "salt.xyz", salt)
    candidates = _make(StructuresSpec(files=(tmp_path / "salt.xyz",)), "Na", "Cl")
    assert [candidate.source for candidate in candidates] == ["isolated-atom", "isolated-atom", "file"]
    with pytest.raises(ForgefieldError, match=r"no source has a structure of this compound"):
        _make(StructuresSpec(), "Na", "Cl")
    for more in ({"prototypes": ("fcc",)}, {"companions": CompanionSpec()}):
        spec = StructuresSpec(files=(tmp_path / "salt.xyz",), **more)
        with pytest.raises(ForgefieldError, match=r"structures\.\w+ makes structures of one element only"):
            _make(spec, "Na", "Cl")


def test_the_spec_refuses_nonsense() -> None:
    for wrong in (
        {"prototype": "fcc"},
        {"random": {"atoms": (8, 2)}},
        {"rattle": {"amplitudes": (-0.1,)}},
        {"min_distance_ratio": 5},
        {"strain": {"volume_count": -1}},
    ):
        with pytest.raises(ValidationError):
            StructuresSpec.model_validate(wrong)
    spec = StructuresSpec.quick()
    assert StructuresSpec.model_validate_json(spec.model_dump_json()) == spec


def test_isolated_atoms_of_the_set_are_alone() -> None:
    (free,) = [c for c in _make(StructuresSpec.quick()) if c.source == "isolated-atom"]
    assert free.atoms == Atoms("Si", positions=[[5, 5, 5]], cell=[10] * 3, pbc=True)
