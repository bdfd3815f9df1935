"""A potential as the folder that n2p2 and LAMMPS' `pair_style hdnnp` use: input.nn, scaling.data, weights.*.data."""

from __future__ import annotations

from pathlib import Path

from ase.data import atomic_numbers

from forgefield.atoms.errors import ForgefieldError
from forgefield.potentials.hdnnp.definition import ATOMIC_UNITS, Hdnnp, Units
from forgefield.potentials.hdnnp.n2p2_settings import read_settings, write_settings
from forgefield.potentials.hdnnp.n2p2_tables import read_scaling, read_weights, write_scaling, write_weights


def read_folder(folder: Path, units: Units = ATOMIC_UNITS) -> Hdnnp:
    """Read a potential of n2p2.

    Args:
        folder: with `input.nn`, `scaling.data` and one `weights.<atomic number>.data` for each element.
        units: those of the folder's numbers; the files do not say.

    Raises:
        ForgefieldError: a file is missing, malformed or asks for what is not supported.
    """
    settings = read_settings(folder / "input.nn")
    widths = [
        sum(function.centre == symbol for function in settings.functions) for symbol in settings.species
    ]
    networks = tuple(
        read_weights(
            folder / f"weights.{atomic_numbers[symbol]:03d}.data",
            (width, *hidden, 1),
            letters,
            settings.normalised,
        )
        for symbol, width, hidden, letters in zip(
            settings.species, widths, settings.hidden, settings.activations, strict=True
        )
    )
    mean_energy, conv_energy, conv_length = settings.normalisation or (0.0, 1.0, 1.0)
    return Hdnnp(
        settings.species,
        settings.functions,
        settings.cutoff_function,
        settings.scaling,
        read_scaling(folder / "scaling.data", widths),
        (networks,),
        units,
        mean_energy,
        conv_energy,
        conv_length,
        settings.atom_energies,
    )


def write_folder(folder: Path, hdnnp: Hdnnp, member: int | None = None) -> None:
    """Write a potential for n2p2, in the definition's own units.

    Args:
        folder: is made if need be.
        hdnnp: the potential.
        member: which network of a committee; a single one needs no choice.

    Raises:
        ForgefieldError: a committee, and no member was chosen.
    """
    if member is None and len(hdnnp.networks) > 1:
        raise ForgefieldError(
            f"the potential is a committee of {len(hdnnp.networks)} networks, a folder of n2p2 holds one",
            "name the member to write",
        )
    chosen = member or 0
    folder.mkdir(parents=True, exist_ok=True)
    write_settings(folder / "input.nn", hdnnp, chosen)
    write_scaling(folder / "scaling.data", hdnnp.statistics)
    for symbol, network in zip(hdnnp.species, hdnnp.networks[chosen], strict=True):
        write_weights(folder / f"weights.{atomic_numbers[symbol]:03d}.data", network)
