"""Speed of neuroevolution potentials beside calorine's CPUNEP: python benchmarks/nep_speed.py [nep.txt] [--largest N]

Both sides in one run, neighbour list included, medians of seven; each size and number of threads in a process of its
own. calorine (`pip install calorine`) runs on one thread. FORGEFIELD_DATA names the folder of reference data.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

from timing import DATA, microseconds

MODEL = DATA / "nep" / "Si_2022_NEP4_5body.txt"


def _peak() -> float:
    """Largest memory of this process so far, bytes."""
    return 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def measure(model: str, n_atoms: int, beside: bool) -> dict[str, float]:
    """One size, in this process."""
    from ase.build import bulk

    from forgefield.atoms.pair_list import find_pairs
    from forgefield.potentials.nep.potential import NepPotential

    potential = NepPotential.from_nep_txt(model)
    small = bulk("Si", cubic=True)
    potential.evaluate(small)
    repeats = max(1, round((n_atoms / 8) ** (1 / 3)))
    atoms = small.repeat(repeats)
    atoms.rattle(0.05, seed=1)
    n = len(atoms)
    pairs = find_pairs(atoms, potential.cutoff)
    before = _peak()
    potential.evaluate(atoms, pairs=pairs)
    memory = (_peak() - before) / n
    result = {
        "atoms": n,
        "list": microseconds(lambda: find_pairs(atoms, potential.cutoff), n),
        "kernel": microseconds(lambda: potential.evaluate(atoms, pairs=pairs), n),
        "all": microseconds(lambda: potential.evaluate(atoms), n),
        "memory": memory,
    }
    if beside:
        from calorine.calculators import CPUNEP

        other = atoms.copy()
        other.calc = CPUNEP(model)

        def step() -> None:
            other.positions += 1e-9
            other.get_forces()

        result["calorine"] = microseconds(step, n)
        mine, theirs = potential.evaluate(atoms).forces, other.get_forces()
        result["difference"] = float(abs(mine - theirs).max())
    return result


def _in_own_process(model: Path, n_atoms: int, threads: int, beside: bool = False) -> dict[str, float]:
    command = [sys.executable, __file__, str(model), "--one", str(n_atoms), *(["--beside"] if beside else [])]
    environment = {**os.environ, "NUMBA_NUM_THREADS": str(threads), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", type=Path, default=MODEL)
    parser.add_argument("--largest", type=int, default=1_000_000)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--beside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(str(arguments.model), arguments.one, arguments.beside)))
        return
    first = _in_own_process(arguments.model, 1000, 1, beside=True)
    print(f"{arguments.model.name}, {first['atoms']} atoms of silicon, one thread, µs per atom")
    print(f"  forgefield {first['all']:6.2f}  (kernel {first['kernel']:.2f}, list {first['list']:.2f})")
    print(f"  calorine   {first['calorine']:6.2f}  ratio {first['calorine'] / first['all']:.1f}")
    print(f"  largest difference of forces {first['difference']:.1e} eV/Å")
    one, two = (_in_own_process(arguments.model, 1000, threads)["kernel"] for threads in (1, 2))
    print(f"kernel on two threads {two:.2f} µs per atom, {one / two:.2f} times as fast as on one")
    print("      atoms  all µs/atom  kernel   list   bytes/atom beyond the list")
    sizes = [10**k for k in range(3, 7) if 10**k <= arguments.largest]
    rows = [_in_own_process(arguments.model, n, 1) for n in sizes]
    for row in rows:
        memory = f"{row['memory']:8.0f}" if row["atoms"] > 50_000 else "       –"
        print(f"{row['atoms']:11.0f} {row['all']:11.2f} {row['kernel']:8.2f} {row['list']:6.2f} {memory}")
    costs = [row["all"] for row in rows]
    print(f"spread {100 * (max(costs) / min(costs) - 1):.0f} %")


if __name__ == "__main__":
    main()
