"""Reading and writing `nep.txt`, the file of GPUMD (gpumd.org, “NEP potential”; versions 3 and 4).

Header lines: kind and species, optional `zbl`, `cutoff`, `n_max`, `basis_size`, `l_max`, `ANN`. Then one number per
line: for each network its hidden weights, thresholds and output weights; the common bias; the radial and then the
angular coefficients, species pairs fastest; the scalers; the table of a flexible repulsion.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ase.data import chemical_symbols

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array
from forgefield.potentials.nep.parameters import NepParameters

_KINDS = {"nep3": 3, "nep3_zbl": 3, "nep4": 4, "nep4_zbl": 4}
_SUPPORTED = "only nep3 and nep4 potentials, with or without zbl, can be read"
_MOST_DEGREE = 4


def read_nep_txt(path: Path | str) -> NepParameters:
    """Read a model.

    Raises:
        ForgefieldError: no such file, a model of another kind, or a file that is not whole.
    """
    try:
        lines = [line.split() for line in Path(path).read_text().splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise ForgefieldError(f"{path} cannot be read: {error}", "name a nep.txt file") from None
    try:
        return _Reader(str(path), lines).parameters()
    except (ValueError, IndexError) as error:
        raise ForgefieldError(f"{path} is not a whole nep.txt file: {error}", "restore the file") from None


class _Reader:
    """Takes the lines of one file from the top."""

    def __init__(self, path: str, lines: list[list[str]]) -> None:
        self.path, self.lines, self.at = path, lines, 0

    def parameters(self) -> NepParameters:
        kind, count, *species = self.lines[0]
        self.at = 1
        if kind not in _KINDS:
            raise ForgefieldError(f"{self.path} holds a model of kind {kind}", _SUPPORTED)
        if int(count) != len(species) or not set(species) <= set(chemical_symbols[1:]):
            raise ValueError(f"{count} species are announced, {' '.join(species)} named")
        n_species = len(species)
        zbl, flexible = self._zbl(n_species) if kind.endswith("zbl") else (None, False)
        cutoffs, most = self._cutoffs(n_species)
        n_radial, n_angular = (int(word) + 1 for word in self._words("n_max", 2))
        k_radial, k_angular = (int(word) + 1 for word in self._words("basis_size", 2))
        l_max, four_body, five_body = self._degrees()
        neurons, layers = (int(word) for word in self._words("ANN", 2))
        if layers:
            raise ForgefieldError(f"{self.path} has a second hidden layer of {layers} neurons", _SUPPORTED)
        n_q = n_radial + (l_max + four_body + five_body) * n_angular
        networks = n_species if _KINDS[kind] == 4 else 1
        pairs = n_species * (n_species + 1) // 2
        numbers = np.array([float(word) for (word,) in self.lines[self.at :]])
        sizes = [networks * (n_q + 2) * neurons, 1, n_radial * k_radial * n_species**2,
                 n_angular * k_angular * n_species**2, n_q, 10 * pairs * flexible]  # fmt: skip
        if len(numbers) != sum(sizes):
            raise ValueError(f"{len(numbers)} numbers follow the header, which asks for {sum(sizes)}")
        network, bias, radial, angular, scaler, table = np.split(numbers, np.cumsum(sizes)[:-1])
        weights, thresholds, outward = np.split(
            network.reshape(networks, -1), [n_q * neurons, (n_q + 1) * neurons], axis=1
        )
        return NepParameters(
            version=_KINDS[kind], species=tuple(species), radial_cutoffs=cutoffs[:, 0], angular_cutoffs=cutoffs[:, 1],
            radial=radial.reshape(n_radial, k_radial, n_species, n_species),
            angular=angular.reshape(n_angular, k_angular, n_species, n_species),
            l_max=l_max, four_body=four_body, five_body=five_body,
            inward=weights.reshape(networks, neurons, n_q), thresholds=thresholds, outward=outward,
            bias=float(bias[0]), q_scaler=scaler, zbl=zbl,
            zbl_pairs=table.reshape(pairs, 10) if flexible else None, max_neighbours=most,
        )  # fmt: skip

    def _words(self, name: str, count: int) -> list[str]:
        """The values of the header line that must come next."""
        found, *words = self.lines[self.at]
        if found != name or len(words) < count:
            raise ValueError(
                f"line {self.at + 1} should be {name} with {count} values, not {' '.join([found, *words])}"
            )
        self.at += 1
        return words

    def _zbl(self, n_species: int) -> tuple[tuple[float, float], bool]:
        words = self._words("zbl", 2)
        if len(words) > 2:
            raise ForgefieldError(
                f"{self.path} has a zbl repulsion with element-wise cutoffs (factor {words[2]})",
                "train the model without use_typewise_cutoff_zbl",
            )
        inner, outer = float(words[0]), float(words[1])
        return (inner, outer), inner == 0.0 and outer == 0.0

    def _cutoffs(self, n_species: int) -> tuple[Array, tuple[int, int]]:
        words = self._words("cutoff", 4)
        if len(words) not in (4, 2 * n_species + 2):
            raise ForgefieldError(
                f"{self.path} has {len(words)} values behind cutoff",
                f"give 4, or {2 * n_species + 2} for cutoffs per type; cutoff factors of older files are not supported",
            )
        cutoffs = np.array([float(word) for word in words[:-2]]).reshape(-1, 2)
        if (cutoffs[:, 1] > cutoffs[:, 0]).any():
            raise ForgefieldError(
                f"{self.path} has an angular cutoff above the radial one", "make it at most equal"
            )
        most = int(words[-2]), int(words[-1])
        return np.broadcast_to(cutoffs, (n_species, 2)).copy(), most

    def _degrees(self) -> tuple[int, bool, bool]:
        words = [int(word) for word in self._words("l_max", 1)] + [0, 0]
        if any(words[3:]):
            raise ForgefieldError(f"{self.path} has l_max {' '.join(map(str, words[:-2]))}",
                                  "invariants beyond 4-body l = 2 and 5-body l = 1 are not supported")  # fmt: skip
        if not 0 <= words[0] <= _MOST_DEGREE or (words[1] and words[0] < 2) or (words[2] and words[0] < 1):
            raise ForgefieldError(
                f"{self.path} has l_max {words[0]} {words[1]} {words[2]}",
                f"3-body degrees up to {_MOST_DEGREE} are supported, 4-body needs 2, 5-body 1",
            )
        return words[0], bool(words[1]), bool(words[2])


def write_nep_txt(model: NepParameters, path: Path | str) -> None:
    """Write a model, with all digits."""
    cutoffs = np.stack([model.radial_cutoffs, model.angular_cutoffs], axis=1)
    if (cutoffs == cutoffs[0]).all():
        cutoffs = cutoffs[:1]
    n_radial, k_radial = model.radial.shape[:2]
    n_angular, k_angular = model.angular.shape[:2]
    header = [
        f"nep{model.version}{'_zbl' if model.zbl else ''} {len(model.species)} {' '.join(model.species)}",
        *([f"zbl {model.zbl[0]:.16g} {model.zbl[1]:.16g}"] if model.zbl else []),
        f"cutoff {' '.join(f'{value:.16g}' for value in cutoffs.ravel())} {' '.join(map(str, model.max_neighbours))}",
        f"n_max {n_radial - 1} {n_angular - 1}",
        f"basis_size {k_radial - 1} {k_angular - 1}",
        f"l_max {model.l_max} {2 * model.four_body} {int(model.five_body)}",
        f"ANN {model.inward.shape[1]} 0",
    ]
    networks = [
        np.concatenate([weights.ravel(), thresholds, outward])
        for weights, thresholds, outward in zip(model.inward, model.thresholds, model.outward, strict=True)
    ]
    bias = np.array([model.bias])
    parts: list[Array] = [*networks, bias, model.radial.ravel(), model.angular.ravel(), model.q_scaler]
    if model.zbl_pairs is not None:
        parts.append(model.zbl_pairs.ravel())
    lines = header + [f"{number: .16e}" for number in np.concatenate(parts)]
    Path(path).write_text("\n".join(lines) + "\n")
