"""The path of symmetry lines through the Brillouin zone of a primitive cell."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from forgefield.atoms.records import Array
from forgefield.properties.crystal import SYMMETRY_TOLERANCE, spglib_cell


@dataclass(frozen=True, slots=True)
class BandSegment:
    """A straight piece of a band path.

    Attributes:
        start_label: symmetry point where it starts, such as ``Γ`` or ``X``.
        end_label: where it ends.
        start: index of its first q-point.
        stop: index after its last q-point.
    """

    start_label: str
    end_label: str
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class BandPath:
    """q-points along symmetry lines.

    Attributes:
        qpoints: (P, 3) in reciprocal vectors of the cell.
        distances: (P,) from 0 to 1; does not grow where the path jumps.
        segments: each with both of its ends, so that shared ends appear twice.
    """

    qpoints: Array
    distances: Array
    segments: tuple[BandSegment, ...]


def find_band_path(atoms: Atoms, n_points: int) -> BandPath:
    """The path of Hinuma et al., Comput. Mater. Sci. 128, 140 (2017), in the cell's own reciprocal vectors.

    The number of points on a piece depends on its share of the path alone, so the same crystal at another
    volume gets the same points.

    Args:
        atoms: a primitive cell.
        n_points: about how many q-points in all.
    """
    import seekpath

    with warnings.catch_warnings():
        # spglib's notice about its error handling, raised in seekpath's calls of it.
        warnings.filterwarnings("ignore", "Set OLD_ERROR_HANDLING", DeprecationWarning)
        # Lengths that coincide by accident (a = c) still have a valid path.
        warnings.simplefilter("ignore", seekpath.hpkot.EdgeCaseWarning)
        found = seekpath.get_path_orig_cell(spglib_cell(atoms), symprec=SYMMETRY_TOLERANCE)
    points = {label: np.array(point) for label, point in found["point_coords"].items()}
    reciprocal = np.asarray(atoms.cell.reciprocal())
    lengths = [np.linalg.norm((points[end] - points[start]) @ reciprocal) for start, end in found["path"]]
    total = float(sum(lengths))
    qpoints, distances, segments = [], [], []
    index, position = 0, 0.0
    for (start, end), length in zip(found["path"], lengths, strict=True):
        share = float(length) / total
        count = max(2, 1 + round(round(n_points * share, 4)))
        steps = np.linspace(0.0, 1.0, count)
        qpoints.append(points[start] + steps[:, None] * (points[end] - points[start]))
        distances.append(position + steps * share)
        segments.append(BandSegment(_label(start), _label(end), index, index + count))
        index += count
        position += share
    return BandPath(np.vstack(qpoints), np.concatenate(distances), tuple(segments))


def _label(name: str) -> str:
    return name.replace("GAMMA", "Γ").replace("SIGMA", "Σ").replace("_", "")
