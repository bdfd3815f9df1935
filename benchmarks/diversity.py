"""Time and memory of the diversity check: python benchmarks/diversity.py [--structures N] [--threads T]

Random cells of 8 titanium and 16 oxygen atoms, three tenths of which repeat another one: turned, renumbered and rattled
by 5 mÅ; all belong to one composition. Fingerprints (mean environments with --environments) and the greedy check are
timed by themselves, after a small run that is not counted. Run it once for each number of threads, as memory is that of
the whole process.
"""

from __future__ import annotations

import argparse
import resource
import time

import numba
import numpy as np
from ase import Atoms
from scipy.spatial.transform import Rotation

from forgefield.descriptors.fingerprint import StructureFingerprint
from forgefield.descriptors.mean_environments import MeanEnvironments
from forgefield.descriptors.oganov_valle import OganovValle
from forgefield.selection.diversity import Described, drop_similar
from forgefield.selection.diversity_spec import DiversitySpec
from forgefield.selection.similarity import comparison_groups, similarity_scale

SPECIES = ("Ti", "O")
TWINS = 0.3
SITES = np.indices((3, 3, 3)).reshape(3, -1).T / 3


def random_cell(rng: np.random.Generator) -> Atoms:
    """24 of the 27 sites of a distorted grid in a skewed cell of 9 to 14 Å³ per atom."""
    cell = np.eye(3) + rng.uniform(-0.3, 0.3, (3, 3))
    cell *= (24 * rng.uniform(9.0, 14.0) / np.linalg.det(cell)) ** (1 / 3)
    sites = SITES[rng.permutation(27)[:24]] + rng.uniform(-0.1, 0.1, (24, 3))
    return Atoms("Ti8O16", scaled_positions=sites, cell=cell, pbc=True)


def twin(atoms: Atoms, rng: np.random.Generator) -> Atoms:
    """The same structure in another guise."""
    rotation = Rotation.random(rng=rng).as_matrix()
    copy = atoms[rng.permutation(len(atoms))]
    copy.set_cell(copy.cell.array @ rotation.T)
    copy.positions = copy.positions @ rotation.T + rng.normal(0.0, 0.005, (len(atoms), 3))
    return copy


def candidates(count: int, rng: np.random.Generator) -> list[Atoms]:
    """So many structures; twins stand anywhere."""
    fresh = [random_cell(rng) for _ in range(count - int(TWINS * count))]
    copies = [twin(fresh[rng.integers(len(fresh))], rng) for _ in range(count - len(fresh))]
    together = fresh + copies
    return [together[index] for index in rng.permutation(count)]


def megabytes() -> float:
    """Largest memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print the times."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--structures", type=int, default=20_000)
    parser.add_argument("--threads", type=int, default=numba.config.NUMBA_NUM_THREADS)
    parser.add_argument("--environments", action="store_true", help="mean environments, not distances")
    arguments = parser.parse_args()
    numba.set_num_threads(arguments.threads)
    rng, spec = np.random.default_rng(0), DiversitySpec()
    fingerprint: StructureFingerprint
    fingerprint = MeanEnvironments(SPECIES) if arguments.environments else OganovValle(SPECIES)
    structures = candidates(arguments.structures, rng)
    energies = rng.normal(size=len(structures))
    few = structures[:600]
    small = Described(fingerprint.rows(few, np.float32), groups=comparison_groups(few, spec))
    noise = similarity_scale(few, small, fingerprint, spec, rng).noise
    drop_similar(small, noise, small, priority=energies[:600])
    before = megabytes()

    clocks = [(time.perf_counter(), time.process_time())]
    rows = fingerprint.rows(structures, np.float32)
    clocks.append((time.perf_counter(), time.process_time()))
    described = Described(rows, groups=comparison_groups(structures, spec))
    check = drop_similar(described, noise, priority=energies)
    clocks.append((time.perf_counter(), time.process_time()))

    print(
        f"{len(structures)} structures of 24 atoms, {rows.shape[1]} features, {numba.get_num_threads()} threads"
    )
    print(f"tolerance {noise:.4f}: {len(check.kept)} kept, {len(check.dropped)} dropped")
    for name, start, end in zip(("fingerprints", "check"), clocks, clocks[1:], strict=False):
        print(f"{name:>12}  {end[0] - start[0]:6.1f} s   of the processors {end[1] - start[1]:6.1f} s")
    print(f"peak memory {megabytes():.0f} MB, {before:.0f} MB before the timed part")


if __name__ == "__main__":
    main()
