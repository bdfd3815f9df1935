"""n2p2's `input.nn`: the keywords of a short-range potential, read and written.

Keywords and their meaning as in n2p2 2.3 (libnnp, Settings and Mode). What only steers training is skipped; what would
change the predictions and is not supported is refused by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from forgefield.atoms.errors import ForgefieldError
from forgefield.descriptors.symmetry_functions.definition import CutoffFunction, SymmetryFunction
from forgefield.potentials.hdnnp.definition import (
    ACTIVATIONS,
    Hdnnp,
    Scaling,
    by_atomic_number,
    in_file_order,
)
from forgefield.potentials.hdnnp.n2p2_functions import function_line, parse_function
from forgefield.potentials.hdnnp.n2p2_keywords import (
    NORMALISATION,
    REPEATED,
    SINGLE,
    WITHOUT_EFFECT,
    WITHOUT_EFFECT_PREFIXES,
)
from forgefield.potentials.hdnnp.n2p2_lines import Line, lines_of


@dataclass(frozen=True)
class Settings:
    """What an `input.nn` says; lengths and energies in the file's units.

    Attributes:
        species, functions: by atomic number, and in the order of scaling data and weights.
        hidden: for each element the nodes of its hidden layers; `activations` one letter for each layer and the output.
        normalisation: mean_energy, conv_energy and conv_length, or None where the file has none.
    """

    species: tuple[str, ...]
    functions: tuple[SymmetryFunction, ...]
    cutoff_function: CutoffFunction
    scaling: Scaling
    hidden: tuple[tuple[int, ...], ...]
    activations: tuple[str, ...]
    normalised: bool
    normalisation: tuple[float, float, float] | None
    atom_energies: tuple[float, ...]


def read_settings(path: Path) -> Settings:
    """Read an `input.nn`.

    Raises:
        ForgefieldError: a keyword that is not supported, missing, doubled or malformed.
    """
    single: dict[str, Line] = {}
    repeated: dict[str, list[Line]] = {name: [] for name in REPEATED}
    for line in lines_of(path, comments="#!"):
        keyword = line.words[0]
        if keyword in repeated:
            repeated[keyword].append(line)
        elif keyword in single:
            raise ForgefieldError(
                f"{path}, line {line.number}: {keyword} was given in line {single[keyword].number} already",
                "keep one of the two",
            )
        elif keyword in SINGLE:
            single[keyword] = line
        elif keyword not in WITHOUT_EFFECT and not keyword.startswith(WITHOUT_EFFECT_PREFIXES):
            raise _unsupported(line)
    return _interpret(path, single, repeated)


def _unsupported(line: Line) -> ForgefieldError:
    keyword = line.words[0]
    near = get_close_matches(keyword, [*SINGLE, *REPEATED], n=1, cutoff=0.85)
    return ForgefieldError(
        f"{line.path}, line {line.number}: keyword {keyword} is not supported",
        f"did you mean {near[0]}?" if near else "only short-range potentials (2G-HDNNP) can be read",
    )


def _interpret(path: Path, single: dict[str, Line], repeated: dict[str, list[Line]]) -> Settings:
    for keyword in ("nnp_type", "nn_type", "nnp_gen"):
        if keyword in single and single[keyword].words[1:2] not in (("2G-HDNNP",), ("2G",), ("0",), ("2",)):
            raise ForgefieldError(
                f"{path}, line {single[keyword].number}: {' '.join(single[keyword].words)} is not supported",
                "only potentials without charges (nnp_type 2G-HDNNP) can be read",
            )
    missing = [name for name in ("elements", "cutoff_type") if name not in single]
    if not repeated["symfunction_short"]:
        missing.append("symfunction_short")
    if missing:
        raise ForgefieldError(f"{path} has no keyword {missing[0]}", "add it, as n2p2 requires it")
    elements = single["elements"]
    species = by_atomic_number(tuple(elements.element(k) for k in range(1, len(elements.words))))
    if "number_of_elements" in single:
        line = single["number_of_elements"]
        if line.whole(1, "the number of elements") != len(species):
            raise line.error(f"{len(species)}, the number of elements in line {elements.number}")
    cutoff = single["cutoff_type"]
    inner = cutoff.numbers(2, 3, "cutoff_type <type> <alpha>")[0] if len(cutoff.words) > 2 else 0.0
    hidden, activations = _topology(path, species, single, repeated)
    functions = [parse_function(line, species) for line in repeated["symfunction_short"]]
    for symbol in species:
        if not any(function.centre == symbol for function in functions):
            raise ForgefieldError(
                f"{path} has no symfunction_short for {symbol}", "add some, or drop the element"
            )
    offsets = dict.fromkeys(species, 0.0)
    for line in repeated["atom_energy"]:
        symbol = line.element(1, species)
        offsets[symbol] = line.numbers(2, 3, "atom_energy <element> <energy>")[0]
    return Settings(
        species,
        in_file_order(functions),
        CutoffFunction(cutoff.whole(1, "cutoff_type <type> <alpha>"), inner),
        _scaling(single),
        hidden,
        activations,
        "normalize_nodes" in single,
        _normalisation(path, single),
        tuple(offsets.values()),
    )


def _scaling(single: dict[str, Line]) -> Scaling:
    scaled, centred = "scale_symmetry_functions" in single, "center_symmetry_functions" in single
    if scaled or centred:
        kind = {(True, True): "centred-range", (True, False): "range"}.get((scaled, centred), "centre")
    else:
        kind = "sigma" if "scale_symmetry_functions_sigma" in single else "none"

    def number(keyword: str, default: float) -> float:
        return single[keyword].numbers(1, 2, f"{keyword} <number>")[0] if keyword in single else default

    return Scaling(kind, number("scale_min_short", 0.0), number("scale_max_short", 1.0))


def _normalisation(path: Path, single: dict[str, Line]) -> tuple[float, float, float] | None:
    given = [keyword for keyword in NORMALISATION if keyword in single]
    if not given:
        return None
    if len(given) < 3:
        absent = next(keyword for keyword in NORMALISATION if keyword not in given)
        raise ForgefieldError(
            f"{path} has {given[0]} but not {absent}",
            "give all of mean_energy, conv_energy, conv_length, or none",
        )
    mean, energy, length = (single[word].numbers(1, 2, f"{word} <number>")[0] for word in NORMALISATION)
    return mean, energy, length


def _topology(
    path: Path, species: tuple[str, ...], single: dict[str, Line], repeated: dict[str, list[Line]]
) -> tuple[tuple[tuple[int, ...], ...], tuple[str, ...]]:
    """Nodes and activations of each element: global ones, then what element_… keywords say otherwise."""
    layers: dict[str, int] = {}
    if "global_hidden_layers_short" in single:
        line = single["global_hidden_layers_short"]
        layers = dict.fromkeys(species, line.whole(1, "the number of hidden layers"))
    common = next(iter(layers.values()), None)
    for line in repeated["element_hidden_layers_short"]:
        layers[line.element(1, species)] = line.whole(2, "element_hidden_layers_short <element> <layers>")
    nodes: dict[str, tuple[int, ...]] = {}
    letters: dict[str, str] = {}
    if "global_nodes_short" in single:
        wide = _nodes(single["global_nodes_short"], 1, common)
        nodes = {symbol: wide for symbol in species if layers.get(symbol) == common}
    if "global_activation_short" in single:
        word = _letters(single["global_activation_short"], 1, common)
        letters = {symbol: word for symbol in species if layers.get(symbol) == common}
    for line in repeated["element_nodes_short"]:
        symbol = line.element(1, species)
        values = [line.whole(k, "numbers of nodes") for k in range(2, len(line.words))]
        # Before 2.2 n2p2 took "<element> <layer> <nodes>", since then "<element> <nodes of each layer>".
        if symbol in nodes and len(values) == 2 and 1 <= values[0] <= layers[symbol]:
            changed = list(nodes[symbol])
            changed[values[0] - 1] = values[1]
            nodes[symbol] = tuple(changed)
        else:
            nodes[symbol] = _nodes(line, 2, layers.get(symbol))
    for line in repeated["element_activation_short"]:
        symbol = line.element(1, species)
        letters[symbol] = _letters(line, 2, layers.get(symbol))
    for symbol in species:
        for found, keyword in ((layers, "hidden_layers"), (nodes, "nodes"), (letters, "activation")):
            if symbol not in found:
                raise ForgefieldError(
                    f"{path} has no global_{keyword}_short and no element_{keyword}_short for {symbol}",
                    "add one of them",
                )
    return tuple(nodes[symbol] for symbol in species), tuple(letters[symbol] for symbol in species)


def _nodes(line: Line, start: int, layers: int | None) -> tuple[int, ...]:
    expected = f"the nodes of {layers} hidden layers"
    values = tuple(line.whole(k, expected) for k in range(start, len(line.words)))
    if len(values) != layers or min(values, default=1) < 1:
        raise line.error(expected)
    return values


def _letters(line: Line, start: int, layers: int | None) -> str:
    words = line.words[start:]
    if any(word not in tuple(ACTIVATIONS) for word in words) or layers is None or len(words) != layers + 1:
        raise line.error(
            f"activations of {layers} hidden layers and the output, each of {', '.join(ACTIVATIONS)}"
        )
    return "".join(words)


_SCALING_KEYWORDS = {
    "none": (),
    "centre": ("center_symmetry_functions",),
    "range": ("scale_symmetry_functions",),
    "centred-range": ("scale_symmetry_functions", "center_symmetry_functions"),
    "sigma": ("scale_symmetry_functions_sigma",),
}


def write_settings(path: Path, hdnnp: Hdnnp, member: int) -> None:
    """Write the `input.nn` of one committee member."""
    networks = hdnnp.networks[member]
    lines = ["# High-dimensional neural network potential", ""]
    if (hdnnp.mean_energy, hdnnp.conv_energy, hdnnp.conv_length) != (0.0, 1.0, 1.0):
        lines += [f"{keyword:<31} {getattr(hdnnp, keyword)!r}" for keyword in NORMALISATION] + [""]
    first = networks[0]
    rows = [
        ("number_of_elements", str(len(hdnnp.species))),
        ("elements", " ".join(hdnnp.species)),
        *(
            ("atom_energy", f"{symbol} {float(energy)!r}")
            for symbol, energy in zip(hdnnp.species, hdnnp.atom_energies, strict=True)
            if energy
        ),
        ("cutoff_type", f"{hdnnp.cutoff_function.kind} {hdnnp.cutoff_function.inner!r}"),
        *((keyword, "") for keyword in _SCALING_KEYWORDS[hdnnp.scaling.kind]),
        ("scale_min_short", repr(hdnnp.scaling.low)),
        ("scale_max_short", repr(hdnnp.scaling.high)),
        ("global_hidden_layers_short", str(len(first.hidden))),
        ("global_nodes_short", " ".join(str(width) for width in first.hidden)),
        ("global_activation_short", " ".join(first.activations)),
    ]
    for symbol, network in zip(hdnnp.species, networks, strict=True):
        if len(network.hidden) != len(first.hidden):
            rows.append(("element_hidden_layers_short", f"{symbol} {len(network.hidden)}"))
        if network.hidden != first.hidden:
            rows.append(("element_nodes_short", " ".join([symbol, *map(str, network.hidden)])))
        if network.activations != first.activations:
            rows.append(("element_activation_short", " ".join([symbol, *network.activations])))
    if first.normalised:
        rows.append(("normalize_nodes", ""))
    lines += [f"{keyword:<31} {value}".rstrip() for keyword, value in rows] + [""]
    lines += [function_line(function) for function in hdnnp.functions]
    path.write_text("\n".join(lines) + "\n")
