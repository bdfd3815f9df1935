"""A Bayesian fit that grows structure by structure: sums over all rows so far, and what follows from them.

A fit is a value: `plus` gives another one, and nothing in it is random or depends on time, so a run that is killed
goes on from a stored fit to the bit. How forces, energies and virials weigh against each other is found by maximising
the evidence, within two limits. Evidence takes errors for independent, but those of the many forces of a structure are
not, and left alone it may give up energies as noise for the last percent in forces (silicon of the mlearn set: 61
meV/atom at 0.091 eV/Å, instead of 8 at 0.096). So the noise of energies is at most `energy_ratio` times that of forces,
and that of virials at most `virial_ratio` times, for elastic constants are learned from them (silicon with GPAW,
polynomial kernel, mean of three data sets: bulk modulus 4.1 % off without the second limit, 0.7 % with it).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array, Labels
from forgefield.potentials.bayesian import io
from forgefield.potentials.bayesian.atom_energies import AtomEnergies
from forgefield.potentials.bayesian.examples import Example, as_arrays, from_arrays
from forgefield.potentials.bayesian.kernel_model import PolynomialBasis, kernel_units, normalised
from forgefield.potentials.bayesian.model import (
    Basis,
    BayesianModel,
    FeatureMoments,
    LinearBasis,
    bound_columns,
    descriptor_of,
)
from forgefield.potentials.bayesian.potential import BayesianPotential
from forgefield.potentials.bayesian.rows import Rows, RowSums, rows_of
from forgefield.potentials.bayesian.sparse import choose_references
from forgefield.potentials.bayesian.spec import BayesianSpec
from forgefield.potentials.bayesian_regression import Hyperparameters, Posterior, RegressionSums
from forgefield.potentials.evidence import maximise_evidence

_GROWTH = 1.5
"""Factor by which the number of environments grows before references are chosen, and noise is judged, anew."""
_PARTS = ("moments", "energies", "sums", "posterior")


@dataclass(frozen=True)
class BayesianFit:
    """The state of a fit.

    Attributes:
        spec: settings.
        species: chemical symbols.
        basis: makes the C columns.
        moments: from which the features' scales follow.
        energies: of free atoms, and from which those of bound ones are counted.
        sums: over all rows, in the columns' own units, with S columns of bound and S of free atoms behind.
        examples: the data, where references are chosen from them (polynomial kernel); else none.
        settled_at: number of environments when references were chosen, and hyperparameters found, anew.
        posterior: of the columns multiplied by `factors`; None without data.
    """

    spec: BayesianSpec
    species: tuple[str, ...]
    basis: Basis
    moments: FeatureMoments
    energies: AtomEnergies
    sums: RegressionSums
    examples: tuple[Example, ...] = ()
    settled_at: int = 0
    posterior: Posterior | None = None

    @staticmethod
    def start(
        spec: BayesianSpec,
        species: tuple[str, ...],
        examples: Sequence[Example],
        tick: Callable[[float], None] = lambda share: None,
    ) -> BayesianFit:
        """Fit to several structures at once.

        Args:
            spec: settings.
            species: chemical symbols of these and of all later structures.
            examples: at least one; asked for several times, one by one.
            tick: called after every structure with the share of the work that is done.

        Raises:
            ForgefieldError: labels that are not finite, or an element that is not in `species`.
        """
        descriptor = descriptor_of(spec, species)
        moments = FeatureMoments.empty(len(species), descriptor.n_features)
        counts, energies, bound = [], [], []
        for example in examples:
            pairs, index = descriptor.neighbours(example.atoms), descriptor.species_index(example.atoms)
            bound.append(len(index) > 1 or len(pairs.centres) > 0)
            counts.append(np.bincount(index, minlength=len(species)))
            energies.append(example.labels.energy)
            if bound[-1]:
                moments = moments.plus(descriptor.values(pairs, index), index)
        fit = BayesianFit(
            spec,
            species,
            LinearBasis(descriptor, moments.scales(descriptor.n_channels)),
            moments,
            AtomEnergies.of(np.array(counts), np.array(energies), np.array(bound)),
            RegressionSums.empty(3, 0),
        )
        if spec.kernel == "polynomial":
            kept = tuple(each for each, taken in zip(examples, bound, strict=True) if taken)
            return fit._with_references(kept, tick)._solved()
        return replace(fit, sums=fit._summed(examples, tick))._solved()

    def plus(self, atoms: Atoms, labels: Labels, weight: float = 1.0) -> BayesianFit:
        """The fit with one more structure; a free atom sets its element's energy.

        Args:
            atoms: of the fit's species.
            labels: energy, forces and, where there is one, stress.
            weight: factor of the precision of these labels.

        Raises:
            ForgefieldError: labels that are not finite, or an element that is not in the fit's species.
        """
        descriptor = self.basis.descriptor
        pairs, index = descriptor.neighbours(atoms), descriptor.species_index(atoms)
        if len(index) == 1 and not len(pairs.centres):
            element = int(index[0])
            if self.energies.known[element]:
                return self
            return self._with_free_atom(element, labels.energy)._solved()
        counts = np.bincount(index, minlength=len(self.species))
        new = (counts > 0) & (self.moments.counts == 0)
        energies = self.energies.with_new(new, counts, labels.energy) if new.any() else self.energies
        moments = self.moments.plus(descriptor.values(pairs, index), index)
        linear = LinearBasis(descriptor, moments.scales(descriptor.n_channels))
        grown = replace(self, energies=energies, moments=moments)
        if isinstance(self.basis, PolynomialBasis):
            examples = (*self.examples, Example(atoms.copy(), labels, weight))
            if new.any() or grown.n_environments > _GROWTH * self.settled_at:
                return grown._with_references(examples)._solved()
            grown = replace(grown, examples=examples, basis=replace(self.basis, linear=linear))
        else:
            grown = replace(grown, basis=linear)
        rows = grown.rows(Example(atoms, labels, weight))
        return replace(grown, sums=self.sums if rows is None else rows.added_to(self.sums))._solved()

    def rows(self, example: Example) -> Rows | None:
        """A structure's rows in the columns' own units; None for a free atom, of which only the energy counts."""
        descriptor, n_elements = self.basis.descriptor, len(self.species)
        pairs, index = descriptor.neighbours(example.atoms), descriptor.species_index(example.atoms)
        if len(index) == 1 and not len(pairs.centres):
            return None
        return rows_of(
            self.basis.rows(pairs, index),
            bound_columns(pairs, index, n_elements, self.spec.cutoff),
            np.bincount(index, minlength=n_elements),
            example.labels,
            abs(float(np.linalg.det(example.atoms.cell.array))),
            self.energies,
            example.weight,
        )

    def potential(self) -> BayesianPotential:
        """The potential as the data so far have it.

        Raises:
            ForgefieldError: there are no data but of free atoms.
        """
        if self.posterior is None:
            raise ForgefieldError(
                "there is no structure of more than one atom to fit to", "add structures with neighbours"
            )
        n_columns = self.basis.n_columns
        mean = self.posterior.mean * self.factors
        root = self.posterior.root * self.factors[:, None]
        bound = self.energies.bound + mean[n_columns:]
        model = BayesianModel(self.basis, self.energies.free, bound, mean[:n_columns], root)
        return BayesianPotential(self.spec, self.species, model)

    @property
    def n_environments(self) -> int:
        """Atoms in all structures, free ones apart."""
        return int(self.moments.counts.sum())

    @cached_property
    def factors(self) -> Array:
        """(C + S,) by which columns are multiplied so that one prior suits them; energies of bound atoms are in eV."""
        return np.concatenate([self.basis.factors, np.ones(len(self.species))])

    def save(self, path: Path) -> None:
        """Write the state into one file, atomically."""
        arrays: dict[str, Any] = dict(io.basis_arrays(self.basis))
        if self.examples:
            arrays |= _named("examples", as_arrays(self.examples))
        for part in _PARTS:
            if getattr(self, part) is not None:
                arrays |= _named(part, vars(getattr(self, part)))
        description = io.describe(self.spec, self.species) | {"settled_at": self.settled_at}
        if self.posterior is not None:
            description["hyperparameters"] = asdict(arrays.pop("posterior.hyperparameters"))
        io.write_state(path, description, arrays)

    @staticmethod
    def load(path: Path) -> BayesianFit:
        """Read what `save` wrote, to the bit.

        Raises:
            ForgefieldError: there is no such file, or it is damaged.
        """
        description, arrays = io.read_state(path)
        spec, species = io.described(description)
        examples = _under("examples", arrays)
        known = _under("posterior", arrays)
        if known:
            precisions = description["hyperparameters"]
            known["hyperparameters"] = Hyperparameters(
                precisions["prior_precision"], tuple(precisions["noise_precisions"])
            )
            known |= {name: float(known[name]) for name in ("log_evidence", "jitter")}
        return BayesianFit(
            spec,
            species,
            io.basis_from(spec, species, arrays),
            FeatureMoments(**_under("moments", arrays)),
            AtomEnergies(**_under("energies", arrays)),
            RegressionSums(**_under("sums", arrays)),
            from_arrays(examples) if examples else (),
            description["settled_at"],
            Posterior(**known) if known else None,
        )

    def _solved(self) -> BayesianFit:
        if not self.sums.counts.any():
            return replace(self, posterior=None)
        warm = None if self.posterior is None else self.posterior.hyperparameters
        if warm is not None and self.n_environments <= _GROWTH * self.settled_at:
            return replace(self, posterior=self._maximised(warm))
        # Few data may lead to noise that explains everything; a start from scratch finds out of there.
        found = [self._maximised(start) for start in ((None,) if warm is None else (warm, None))]
        best = max(found, key=lambda each: each.log_evidence)
        return replace(self, posterior=best, settled_at=self.n_environments)

    def _maximised(self, start: Hyperparameters | None) -> Posterior:
        spec = self.spec
        return maximise_evidence(
            self.sums.of(np.arange(len(self.factors))).scaled(self.factors),
            start,
            noise_floors=(spec.force_floor, spec.energy_floor, spec.virial_floor),
            noise_ratios=(np.inf, spec.energy_ratio or np.inf, spec.virial_ratio or np.inf),
        )

    def _with_free_atom(self, element: int, energy: float) -> BayesianFit:
        column = len(self.factors) + element
        sums, change = self.sums, energy - float(self.energies.free[element])
        for kind in range(len(sums.counts)):
            sums = sums.shifted(kind, column, change)
        return replace(self, energies=self.energies.with_free(element, energy), sums=sums)

    def _with_references(
        self, examples: tuple[Example, ...], tick: Callable[[float], None] = lambda share: None
    ) -> BayesianFit:
        """References chosen anew from all environments, with sums over all structures in their columns."""
        descriptor, spec = self.basis.descriptor, self.spec
        linear = LinearBasis(descriptor, self.moments.scales(descriptor.n_channels))
        units = kernel_units(linear.scales, descriptor.n_channels)
        found: list[list[Array]] = [[] for _ in self.species]
        for example in examples:
            pairs, index = descriptor.neighbours(example.atoms), descriptor.species_index(example.atoms)
            directions, _ = normalised(descriptor.values(pairs, index), units[index])
            for element, known in enumerate(found):
                known.append(directions[index == element])
        rng = np.random.default_rng(self.n_environments)
        candidates = [np.concatenate([np.zeros((0, units.shape[1])), *each]) for each in found]
        references = tuple(each[choose_references(each, spec.references, rng)] for each in candidates)
        basis = PolynomialBasis(linear, units, spec.power, references)
        fit = replace(self, basis=basis, examples=examples, posterior=None)
        return replace(fit, sums=fit._summed(examples, tick))

    def _summed(self, examples: Iterable[Example], tick: Callable[[float], None]) -> RegressionSums:
        examples = examples if isinstance(examples, Sequence) else tuple(examples)
        sums = RowSums(self.basis.n_columns + 2 * len(self.species))
        for number, example in enumerate(examples):
            if (rows := self.rows(example)) is not None:
                sums.add(rows)
            tick((number + 1) / len(examples))
        return sums.total()


def _named(part: str, values: dict[str, Any]) -> dict[str, Any]:
    return {f"{part}.{name}": value for name, value in values.items()}


def _under(part: str, arrays: dict[str, Any]) -> dict[str, Any]:
    return {
        name.removeprefix(f"{part}."): each for name, each in arrays.items() if name.startswith(f"{part}.")
    }
