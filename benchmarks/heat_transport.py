"""Thermal conductivity of known systems, in runs that are kept: what is in the folder is not computed again.

python benchmarks/heat_transport.py FOLDER lennard-jones [--runs 10]
python benchmarks/heat_transport.py FOLDER silicon-green-kubo [--runs 12]
python benchmarks/heat_transport.py FOLDER silicon-non-equilibrium [--lengths 24 48 96 192]

The Lennard-Jones liquid is near its triple point, ρ* = 0.844 and T* = 0.72; numbers are in reduced units. Silicon after
Stillinger and Weber is at 1000 K, with the lattice constant of zero pressure at that temperature.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from ase import Atoms, units
from ase.build import bulk

from forgefield.potentials.contract import Potential
from forgefield.properties import green_kubo, nonequilibrium_conductivity
from forgefield.properties.green_kubo import WATT_PER_METRE_KELVIN, GreenKuboSpec
from forgefield.properties.nonequilibrium_conductivity import NonequilibriumConductivitySpec
from forgefield.sampling.heat_current import HeatCurrent
from forgefield.sampling.heat_flow import HeatFlow
from forgefield.testing.lennard_jones import LennardJones
from forgefield.testing.stillinger_weber import StillingerWeberSilicon

SILICON_AT_1000_K = 5.451
"""Å."""


def liquid(cutoff: float) -> tuple[Atoms, LennardJones, GreenKuboSpec]:
    """500 atoms; runs of 500 time units √(mσ²/ε)."""
    atoms = bulk("Ar", "fcc", a=(4 / 0.844) ** (1 / 3), cubic=True) * (5, 5, 5)
    unit = np.sqrt(atoms.get_masses()[0]) / units.fs
    spec = GreenKuboSpec(
        temperature=0.72 / units.kB,
        duration=0.5 * unit,
        equilibration=0.05 * unit,
        timestep=0.004 * unit,
        sample_every=0.02 * unit,
        damping_time=0.5 * unit,
        correlation_time=0.005 * unit,
        minimum_length=5.0,
    )
    return atoms, LennardJones("Ar", cutoff), spec


def silicon(repeats: int) -> tuple[Atoms, StillingerWeberSilicon, GreenKuboSpec]:
    """Runs of two nanoseconds: the slowest modes take tens of picoseconds to decay."""
    spec = GreenKuboSpec(
        temperature=1000.0, duration=2000.0, equilibration=30.0, timestep=2.0, sample_every=10.0, minimum_length=5.0,
        correlation_time=200.0,
    )  # fmt: skip
    atoms = bulk("Si", a=SILICON_AT_1000_K, cubic=True) * (repeats, repeats, repeats)
    return atoms, StillingerWeberSilicon(), spec


Kept = TypeVar("Kept", HeatCurrent, HeatFlow)


def kept(path: Path, kind: type[Kept], make: Callable[[], Kept]) -> Kept:
    """The record of one run, from the file if it is there."""
    names = [field.name for field in fields(kind)]
    if not path.exists():
        started = time.process_time()
        record = make()
        unfinished = path.with_name(path.name + ".part")
        with unfinished.open("wb") as file:
            np.savez_compressed(file, **{name: getattr(record, name) for name in names})
        unfinished.rename(path)
        print(f"{path.name}: {time.process_time() - started:.0f} s of processor time", flush=True)
    with np.load(path) as stored:
        values = {name: stored[name] for name in names}
    return kind(**{name: each if each.ndim else each.item() for name, each in values.items()})


def fluctuations(
    folder: Path, name: str, atoms: Atoms, potential: Potential, spec: GreenKuboSpec, unit: float
) -> None:
    """Make the runs that are missing, and say after each what all of them give, in a unit of so many W/(m K)."""
    currents = []
    for number in range(spec.runs):
        make = partial(green_kubo.run, atoms, potential.calculator(), spec, number)
        currents.append(kept(folder / f"{name}-{number:03d}.npz", HeatCurrent, make))
        found = green_kubo.analyse(currents, spec)
        (only,) = found.components
        print(
            f"{name}: {number + 1} runs of {found.duration:.4g} ps, {found.n_atoms} atoms, {found.temperature:.5g} K, "
            f"{found.pressure:+.3f} GPa, drift {found.drift:.1e}: κ = {only.conductivity / unit:.3f} "
            f"± {only.error / unit:.3f}, by the spread ± {only.spread / unit:.3f}; P = {only.coefficients} up to "
            f"{only.band:.3g} THz; integral {only.integral[-1] / unit:.3f} ± {only.integral_error[-1] / unit:.3f}",
            flush=True,
        )
    for warning in found.warnings:
        print(f"  warning: {warning}", flush=True)


def flows(folder: Path, lengths: Sequence[int]) -> None:
    """Imposed flows through silicon of so many conventional cells, and their limit."""
    spec = NonequilibriumConductivitySpec(
        temperature=1000.0, lengths=tuple(SILICON_AT_1000_K * length for length in sorted(lengths)), settling=200.0,
        duration=800.0, width=10.0, layers=24, timestep=2.0,
    )  # fmt: skip
    atoms, done = bulk("Si", a=SILICON_AT_1000_K, cubic=True), []
    for length in spec.lengths:
        make = partial(
            nonequilibrium_conductivity.run, atoms, StillingerWeberSilicon().calculator(), spec, length
        )
        done.append(kept(folder / f"silicon-flow-{length:.0f}.npz", HeatFlow, make))
        found = nonequilibrium_conductivity.analyse(done, spec)
        for each in found.lengths:
            print(
                f"{each.length / 10:.2f} nm, {each.n_atoms} atoms: κ = {each.conductivity:.2f} ± {each.error:.2f}, "
                f"gradient {10 * each.gradient:.3f} ± {10 * each.gradient_error:.3f} K/nm, flux {each.flux:.3f} "
                f"± {each.flux_error:.3f} GW/m², bend {each.bend:+.2f} ± {each.bend_error:.2f}, "
                f"change {each.change:+.2f} ± {each.change_error:.2f}"
            )
        print(
            f"limit: κ = {found.conductivity:.1f} ± {found.error:.1f}, path {found.path / 10:.1f} nm, misfit "
            f"{found.misfit:.2f}", *found.warnings, sep="\n  ", flush=True,
        )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("system", choices=("lennard-jones", "silicon-green-kubo", "silicon-non-equilibrium"))
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--cutoff", type=float, default=3.0, help="of the Lennard-Jones potential, σ")
    parser.add_argument("--repeats", type=int, default=5, help="of silicon's conventional cell")
    parser.add_argument("--lengths", type=int, nargs="+", default=[24, 48, 96, 192], help="of silicon, cells")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    if arguments.system == "silicon-non-equilibrium":
        flows(arguments.folder, arguments.lengths)
        return
    if arguments.system == "lennard-jones":
        atoms, potential, spec = liquid(arguments.cutoff)
        name = f"lennard-jones-{arguments.cutoff:g}"
        unit = units.kB / np.sqrt(atoms.get_masses()[0]) / WATT_PER_METRE_KELVIN
    else:
        atoms, potential, spec = silicon(arguments.repeats)
        name, unit = f"silicon-{len(atoms)}", 1.0
    fluctuations(
        arguments.folder, name, atoms, potential, spec.model_copy(update={"runs": arguments.runs}), unit
    )


if __name__ == "__main__":
    main()
