"""Estimators of force uncertainty compared: python benchmarks/uncertainty.py [SET ...] --folder FOLDER [--seed S]

Training and test part of a set of mlearn are pooled and split by structure: a third to train (a tenth of it chooses the
epoch), the rest is predicted. Of the rest, one half fits the recalibration and the other judges it, over many random
halves; medians are printed. Potentials and predictions are kept in the folder: an interrupted run goes on there.
FORGEFIELD_DATA names the folder of reference data.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numba
import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray
from timing import DATA, microseconds

from forgefield.atoms.formats import read_structures
from forgefield.atoms.records import Array
from forgefield.potentials.committee import Committee
from forgefield.potentials.contract import Potential
from forgefield.potentials.fitting import family_spec, fit, fit_spec
from forgefield.potentials.last_layer_posterior import last_layer_committee
from forgefield.potentials.registry import family_named, load
from forgefield.potentials.training import train
from forgefield.potentials.training_checks import species_of
from forgefield.potentials.training_set import collect
from forgefield.selection.cur import cur_columns
from forgefield.selection.farthest_point import farthest_points, nearest_distances
from forgefield.selection.maxvol import extrapolation_grade, maxvol
from forgefield.selection.recalibration import isotonic, pooled_with_structure, power_law, scaling
from forgefield.selection.reliability import reliability, vanishing
from forgefield.selection.spilling import polynomial_spilling

CUTOFF = 5.0
TRAINING = {"epochs": 400, "energy_weight": 0.5, "stress_weight": 0.0}
CLOSE = 0.15
REFERENCES = 400  # of spilling factors
RECALIBRATIONS = {
    "scale": scaling,
    "power law": power_law,
    "isotonic": isotonic,
    "isotonic, pooled": isotonic,
}
MEASURES = ("rank", "ENCE", "worst", "within", "all ten")
"""Spearman's correlation and calibration error; of ten bins of equal counts, how far predicted and actual error differ
in the worst one, the share of bins in which they differ by less than 15 %, and whether all do."""
SPLITS = 100
Table = dict[str, dict[str, float]]
Estimator = tuple[Potential, Callable[[Atoms], tuple[Array, Array]]]
"""A potential, and what gives its forces (N, 3), eV/Å, and their uncertainty (N,), in whatever unit."""


@dataclass(frozen=True)
class Predictions:
    """What an estimator says of all structures that it was not trained on.

    Attributes:
        spread: (M,) uncertainty of each atom's force.
        error: (M,) length of the error of each atom's force, eV/Å.
        structure: (M,) number of the structure.
        force_mae: of components, eV/Å.
        plain_time, asked_time: µs/atom of an evaluation, without and with uncertainty.
    """

    spread: Array
    error: Array
    structure: NDArray[np.int64]
    force_mae: float
    plain_time: float
    asked_time: float


class Workshop:
    """The structures of one set, drawn by seed, and potentials, trained when first asked for and kept in a folder."""

    def __init__(self, name: str, chosen: argparse.Namespace) -> None:
        files = [DATA / "mlearn" / f"{name}_{part}.xyz" for part in ("train", "test")]
        pool = [atoms for file in files for atoms in read_structures(file)]
        drawn = [pool[i] for i in np.random.default_rng(chosen.seed).permutation(len(pool))]
        count = int(chosen.train * len(pool))
        tenth = math.ceil(count / 10)
        self.validated, self.trained, self.held = drawn[:tenth], drawn[tenth:count], drawn[count:]
        self.seed, self.seconds = chosen.seed, chosen.seconds
        self.folder = chosen.folder / f"{name}-{chosen.train:.2f}-{chosen.seed}"
        self.folder.mkdir(parents=True, exist_ok=True)

    def fitted(self, family: str, **settings: Any) -> Potential:
        """By `fit`, committees in twice the time; settings are those of the family."""
        place = self.folder / "-".join([family, *map(str, settings.values())])
        if not (place / "potential.json").exists():
            training = {**TRAINING, "max_seconds": self.seconds * (2 if "members" in settings else 1)}
            chosen = {
                "potential": {"cutoff": CUTOFF, **settings},
                "training": {} if family_named(family).closed_form else training,
                "repulsion": None,
            }
            fitted = fit(self.trained, family, validation=self.validated, settings=chosen, seed=self.seed)
            fitted.potential.save(place)
        return load(place)

    def posterior(self, family: str) -> tuple[Potential, Potential]:
        """One network, and the committee of draws from its last layer's posterior."""
        single, draws = self.folder / f"{family}-single", self.folder / f"{family}-posterior"
        if not (draws / "potential.json").exists():
            data, judge = collect(self.trained)[0], collect(self.validated)[0]
            training = {**TRAINING, "bootstrap": 0.0, "max_seconds": self.seconds}
            settings = fit_spec({"potential": {"cutoff": CUTOFF}, "training": training})
            known = family_named(family)
            assert known.problem is not None
            problem = known.problem(family_spec(family, settings), species_of(data), self.seed)
            told = judge.structures, judge.labels
            train(problem, data.structures, data.labels, told, settings.training, self.seed)
            problem.potential().save(single)
            rng = np.random.default_rng(self.seed)
            last_layer_committee(problem, data.structures, data.labels, rng).save(draws)
        return load(single), load(draws)


def by_potential(plain: Potential, judge: Potential | None = None) -> Estimator:
    """What a potential says of itself; or another one, of its own forces."""

    def ask(atoms: Atoms) -> tuple[Array, Array]:
        said = (judge or plain).evaluate(atoms, uncertainty=True)
        assert said.uncertainty is not None
        return (plain.evaluate(atoms) if judge else said).forces, said.uncertainty.forces

    return plain, ask


def by_features(work: Workshop, learn: Callable[[Array], Callable[[Array], Array]]) -> Estimator:
    """How new the features of an atom are, beside those that a density network was trained on."""
    plain = work.posterior("density")[0]
    measure = learn(np.concatenate([plain.features(atoms) for atoms in work.trained]))
    return plain, lambda atoms: (plain.evaluate(atoms).forces, measure(plain.features(atoms)))


def leverage(known: Array) -> Callable[[Array], Array]:
    """Root of the variance that a linear regression on the features would have, noise being 1."""
    _, values, vectors = np.linalg.svd(known, full_matrices=False)
    spanned = values > 1e-10 * values[0]
    root = vectors[spanned].T / values[spanned]
    return lambda features: np.asarray(np.linalg.norm(features @ root, axis=1))


def spilling(known: Array) -> Callable[[Array], Array]:
    """What atoms of the most different directions do not span."""

    def directions(features: Array) -> Array:
        # Features are centred; a constant beside them keeps average surroundings from having no direction.
        longer = np.column_stack([features, np.full(len(features), math.sqrt(features.shape[1]))])
        return np.asarray(longer / np.linalg.norm(longer, axis=1, keepdims=True))

    everyone = directions(known)
    references = everyone[farthest_points(everyone, everyone[:1], REFERENCES)]
    return lambda features: polynomial_spilling(directions(features), references)


def extrapolation(known: Array) -> Callable[[Array], Array]:
    """Beyond the atoms of largest volume."""
    telling = cur_columns(known, int(np.linalg.matrix_rank(known)))
    active = known[maxvol(known[:, telling])][:, telling]
    return lambda features: extrapolation_grade(features[:, telling], active)


def several(work: Workshop) -> Potential:
    """A committee of unlike families."""
    networks = [work.posterior(family)[0] for family in ("density", "nep", "hdnnp")]
    return Committee([*networks, work.fitted("bayesian", kernel="polynomial")])


ESTIMATORS: dict[str, Callable[[Workshop], Estimator]] = {
    "density, committee of 4": lambda work: by_potential(work.fitted("density", members=4)),
    "density, committee of 8": lambda work: by_potential(work.fitted("density", members=8)),
    "hdnnp, committee of 4": lambda work: by_potential(work.fitted("hdnnp", members=4)),
    "density, last layer": lambda work: by_potential(*work.posterior("density")),
    "nep, last layer": lambda work: by_potential(*work.posterior("nep")),
    "hdnnp, last layer": lambda work: by_potential(*work.posterior("hdnnp")),
    "Bayesian, linear": lambda work: by_potential(work.fitted("bayesian", kernel="linear")),
    "Bayesian, polynomial": lambda work: by_potential(work.fitted("bayesian", kernel="polynomial")),
    "committee of four families": lambda work: by_potential(several(work)),
    "density, Bayesian linear judges": lambda work: by_potential(
        work.posterior("density")[0], work.fitted("bayesian", kernel="linear")
    ),
    "density, leverage": lambda work: by_features(work, leverage),
    "density, distance": lambda work: by_features(
        work, lambda known: lambda features: nearest_distances(features, known)
    ),
    "density, spilling": lambda work: by_features(work, spilling),
    "density, extrapolation": lambda work: by_features(work, extrapolation),
}


def predicted(estimator: Estimator, structures: list[Atoms]) -> Predictions:
    """What the estimator says of structures whose forces are known, atoms without force by symmetry left out."""
    plain, ask = estimator
    spreads, errors, references = [], [], []
    for atoms in structures:
        forces, spread = ask(atoms)
        spreads.append(spread)
        references.append(atoms.calc.results["forces"])
        errors.append(forces - references[-1])
    counted = ~vanishing(np.linalg.norm(np.concatenate(references), axis=1))
    sizes = [len(atoms) for atoms in structures]
    typical = structures[sizes.index(max(sizes, key=sizes.count))]
    error = np.concatenate(errors)
    return Predictions(
        spread=np.concatenate(spreads)[counted],
        error=np.linalg.norm(error[counted], axis=1),
        structure=np.repeat(np.arange(len(structures)), sizes)[counted],
        force_mae=float(np.abs(error).mean()),
        plain_time=microseconds(lambda: plain.evaluate(typical), len(typical)),
        asked_time=microseconds(lambda: ask(typical), len(typical)),
    )


def kept(title: str, work: Workshop) -> Predictions:
    """Predictions from a file, or made and stored there."""
    path = work.folder / f"{title}.npz"
    if not path.exists():
        np.savez(path, **vars(predicted(ESTIMATORS[title](work), work.held)))
    stored = np.load(path)
    return Predictions(*(stored[field] for field in Predictions.__annotations__))


def judged(found: Predictions, share: float, seed: int) -> Table:
    """Every recalibration, fitted to a random share of the structures and judged on the others.

    Over all splits: medians; of shares, means.
    """
    rng, names = np.random.default_rng(seed), np.unique(found.structure)
    pooled = pooled_with_structure(found.spread, found.structure)
    rows: dict[str, list[tuple[float, ...]]] = {name: [] for name in RECALIBRATIONS}
    for _ in range(SPLITS):
        fits = np.isin(found.structure, rng.permutation(names)[: round(share * len(names))])
        for name, recalibration in RECALIBRATIONS.items():
            spread = pooled if name.endswith("pooled") else found.spread
            calibrated = recalibration(spread[fits], found.error[fits])(spread[~fits])
            told = reliability(calibrated, found.error[~fits])
            off = np.abs(told.diagram.predicted / told.diagram.actual - 1.0)
            shares = float((off < CLOSE).mean()), float((off < CLOSE).all())
            rows[name].append((told.rank_correlation, told.calibration_error, float(off.max()), *shares))
    middles = {name: [*np.median(row, axis=0)[:3], *np.mean(row, axis=0)[3:]] for name, row in rows.items()}
    return {name: dict(zip(MEASURES, row, strict=True)) for name, row in middles.items()}


def show(name: str, results: dict[str, tuple[Predictions, Table]]) -> None:
    """Two tables: of estimators, and of how recalibrations fare with them."""

    def line(*cells: str) -> None:
        print(f"| {' | '.join(cells)} |", flush=True)

    line(name, "force MAE", "rank", "ENCE scaled", "ENCE", "within", "worst", "all ten", "µs/atom", "with it")
    line(*["---"] * 10)
    for title, (found, table) in results.items():
        best = [f"{table['isotonic'][key]:.2f}" for key in ("ENCE", "within", "worst", "all ten")]
        scaled = [f"{table['scale'][key]:.2f}" for key in ("rank", "ENCE")]
        times = f"{found.plain_time:.1f}", f"{found.asked_time:.0f}"
        line(title, f"{found.force_mae:.3f}", *scaled, *best, *times)
    line(f"{name}: within (all ten)", *RECALIBRATIONS)
    line(*["---"] * (1 + len(RECALIBRATIONS)))
    for title, (_, table) in results.items():
        line(title, *(f"{each['within']:.2f} ({each['all ten']:.2f})" for each in table.values()))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", default=["Si", "Mo"])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=60.0, help="per network; committees: twice as long")
    parser.add_argument("--train", type=float, default=1 / 3, help="share that is trained on")
    parser.add_argument("--calibrate", type=float, default=0.5, help="share of the others that calibrates")
    chosen = parser.parse_args()
    numba.set_num_threads(1)
    torch.set_num_threads(1)
    for name in chosen.sets:
        work, results = Workshop(name, chosen), {}
        for title in ESTIMATORS:
            found = kept(title, work)
            results[title] = found, judged(found, chosen.calibrate, chosen.seed)
            print(
                f"{name}: {title}, force MAE {found.force_mae:.3f} eV/Å of {len(found.error)} atoms",
                flush=True,
            )
        show(name, results)


if __name__ == "__main__":
    main()
