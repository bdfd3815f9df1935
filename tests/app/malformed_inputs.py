"""Inputs that are wrong, each with what its message must say."""

from typing import NamedTuple

SI = "system: {element: Si}\n"


class Bad(NamedTuple):
    """An input, the line and key that the message must name, and words that must stand in it."""

    name: str
    text: str | bytes
    line: int | None
    key: str
    words: tuple[str, ...]


BAD = [
    Bad("empty", "", None, "", ("the file is empty", "forgefield init")),
    Bad("only comments", "# nothing\n\n", None, "", ("the file is empty",)),
    Bad("list at the top", "- system\n- Si\n", 1, "", ("holds a list", "at the left margin")),
    Bad("word at the top", "silicon\n", 1, "", ("single value", "at the left margin")),
    Bad("tab", "system:\n\telement: Si\n", 2, "", ("a tab", "indent with spaces")),
    Bad("open bracket", "system: {species: [Si}\n", 1, "", ("close every bracket",)),
    Bad("open quotes", "seed: 1\nsystem: {element: 'Si}\n", 2, "", ("close the quotes",)),
    Bad("bad indentation", "system:\n  element: Si\n seed: 1\n", 3, "", ("indentation", "indent all keys")),
    Bad("two colons", "system:\n  element: Si: Ge\n", 2, "", ("second key", "quotes")),
    Bad(
        "no space after colon",
        SI + "potential:\n  l_max:3\nseed: 4\n",
        2,
        "potential",
        ("space after the colon",),
    ),
    Bad("no colon", SI + "seed\n", 2, "", ("no key with a colon", "key: value")),
    Bad("undefined alias", "system: *si\n", 1, "", ("undefined alias", "quotes")),
    Bad("second document", SI + "---\nseed: 1\n", 2, "", ("second document", "remove the line ---")),
    Bad(
        "tag",
        SI + "seed: !!python/object:os.system 1\n",
        2,
        "seed",
        ("!!python/object:os.system", "remove the tag"),
    ),
    Bad("control character", SI + "seed: 1\x07\n", 2, "", ("control character", "delete it")),
    Bad("NUL", (SI + "seed: 1\0").encode(), None, "", ("binary file", "name a YAML file")),
    Bad("binary", b"seed: 1\n\x89PNG\xff\xfe\x00", 2, "", ("not text in UTF-8", "name a YAML file")),
    Bad(
        "endless alias", SI + "hold_out: &a {temperatures: [*a]}\n", 2, "hold_out.temperatures[0]", ("alias",)
    ),
    Bad(
        "duplicate key",
        SI + "cycles:\n  max: 3\n  max: 4\n",
        4,
        "cycles.max",
        ("already in line 3", "keep one"),
    ),
    Bad("duplicate group", SI + "seed: 1\n" + SI, 3, "system", ("already in line 1", "keep one")),
    Bad("no system", "seed: 1\n", 1, "system", ("missing", "system: {species: [Si]}")),
    Bad("empty system", "seed: 1\nsystem: {}\n", 2, "system", ("given by nothing", "exactly one of")),
    Bad("two systems", "system:\n  element: Si\n  formula: SiO2\n", 2, "system", ("exactly one of",)),
    Bad(
        "element misspelt",
        "system:\n  species: [Sx]\n",
        2,
        "system.species[0]",
        ("'Sx'", "did you mean S or ", "Si"),
    ),
    Bad(
        "element in lower case",
        "system: {species: [Ti, si]}\n",
        1,
        "system.species[1]",
        ("'si'", "did you mean Si?"),
    ),
    Bad("element by name", "system: {element: silicon}\n", 1, "system.element", ("did you mean Si?",)),
    Bad(
        "element by number", "system: {element: 14}\n", 1, "system.element", ("14", "text", "chemical symbol")
    ),
    Bad(
        "element too heavy",
        "system: {element: No}\n",
        1,
        "system.element",
        ("'No' is no element from H to Pu",),
    ),
    Bad("charge without sign", "system: {species: [Ti4]}\n", 1, "system.species[0]", ("no sign", "Ti4+")),
    Bad("species as a word", "system: {species: Si}\n", 1, "system.species", ("is not a list", "[Si]")),
    Bad("no species", "system: {species: []}\n", 1, "system.species", ("at least 1 item", "such as [Si]")),
    Bad("formula", "system: {formula: Ti(O2}\n", 1, "system.formula", ("cannot be read", "TiO2")),
    Bad("system as a word", "system: Si\n", 1, "system", ("not a group", "element, species, formula")),
    Bad(
        "ions of one sign",
        "system: {species: [Ti4+, Cu1+]}\n",
        1,
        "system.species",
        ("Ti4+, Cu1+ cannot be neutral together", "add an anion such as O2-"),
    ),
    Bad(
        "an oxidation state that does not exist",
        "system: {species: [Ti9+, O2-]}\n",
        1,
        "system.species",
        ("Ti9+ is no known oxidation state of Ti", "Ti4+"),
    ),
    Bad(
        "id and formula",
        "system: {id: mp-2657, formula: TiO2}\n",
        1,
        "system",
        ("formula and id", "exactly one of"),
    ),
    Bad(
        "a formula that is too large to be neutral",
        "system: {species: [Ti4+, N3-]}\nstructures: {crystals: {max_formula_atoms: 5}}\n",
        1,
        "system.species",
        ("no formula with at most 5 atoms makes Ti4+, N3- neutral", "allow formulas of 7 atoms"),
    ),
    Bad(
        "misspelt key",
        SI + "selection:\n  per_cycel: 4\n",
        3,
        "selection.per_cycel",
        ("did you mean per_cycle?",),
    ),
    Bad("misspelt group", SI + "explore: {steps: 10}\n", 2, "explore", ("did you mean exploration?",)),
    Bad("key one level too high", "species: [Si]\n" + SI, 1, "species", ("did you mean system.species?",)),
    Bad(
        "key in the wrong group",
        SI + "cycles: {epochs: 3}\n",
        2,
        "cycles.epochs",
        ("did you mean training.epochs?",),
    ),
    Bad("unknown key", SI + "cycles: {zzz: 3}\n", 2, "cycles.zzz", ("not known", "known keys here: max")),
    Bad(
        "text for a number",
        SI + "reference: {k_spacing: dense}\n",
        2,
        "reference.k_spacing",
        ("not a number", "0.3"),
    ),
    Bad(
        "fraction for a count",
        SI + "budget: {calculations: 99.5}\n",
        2,
        "budget.calculations",
        ("whole number", "300"),
    ),
    Bad(
        "true for a number",
        SI + "cycles: {max: true}\n",
        2,
        "cycles.max",
        ("true", "no number", "≥ 1 and ≤ 100"),
    ),
    Bad("number for a switch", SI + "reference: {spin: 3}\n", 2, "reference.spin", ("not true or false",)),
    Bad("time of day", SI + "budget: {hours: 1:30}\n", 2, "budget.hours", ("'1:30'", "not a number")),
    Bad("too small", SI + "cycles: {max: 0}\n", 2, "cycles.max", ("0", "at least 1", "≤ 100")),
    Bad("too large", SI + "potential: {l_max: 9}\n", 2, "potential.l_max", ("9", "at most 6")),
    Bad("negative", SI + "targets: {force_mae: -0.1}\n", 2, "targets.force_mae", ("above 0", "0.08")),
    Bad("NaN", SI + "targets: {force_mae: .nan}\n", 2, "targets.force_mae", ("not a finite number", "null")),
    Bad("infinity", SI + "budget:\n  hours: .inf\n", 3, "budget.hours", ("not a finite number", "no limit")),
    Bad(
        "overflow",
        SI + "reference: {time_limit: 1e999}\n",
        2,
        "reference.time_limit",
        ("not a finite number",),
    ),
    Bad("endless digits", SI + f"seed: {'9' * 5000}\n", 2, "seed", ("not a number that can be read",)),
    Bad("number for a list", SI + "hold_out: {temperatures: 300}\n", 2, "hold_out.temperatures", ("[300]",)),
    Bad(
        "text in a list",
        SI + "hold_out:\n  temperatures:\n  - 300\n  - hot\n",
        5,
        "hold_out.temperatures[1]",
        ("'hot'",),
    ),
    Bad(
        "short list",
        SI + "structures: {random: {atoms: [2]}}\n",
        2,
        "structures.random.atoms",
        ("ends after 1",),
    ),
    Bad(
        "list for a group",
        SI + "cycles: [5]\n",
        2,
        "cycles",
        ("not a group of settings", "known keys are max"),
    ),
    Bad("empty group", SI + "cycles:\n", 2, "cycles", ("null", "remove it to have the defaults")),
    Bad(
        "choice",
        SI + "exploration: {ensembles: [nvt, npe]}\n",
        2,
        "exploration.ensembles[1]",
        ("did you mean np",),
    ),
    Bad(
        "number or word",
        SI + "reference: {cutoff: high}\n",
        2,
        "reference.cutoff",
        ("neither a number nor auto",),
    ),
    Bad(
        "list or word", SI + "structures: {prototypes: fcc}\n", 2, "structures.prototypes", ("[fcc]", "auto")
    ),
    Bad(
        "engine", SI + "reference: {engine: gpwa}\n", 2, "reference.engine", ("'gpwa'", "did you mean gpaw?")
    ),
    Bad(
        "engine module",
        SI + "reference: {engine: ase:nowhere.Calc}\n",
        2,
        "reference.engine",
        ("nowhere", "spelling"),
    ),
    Bad(
        "engine parameter",
        SI
        + "reference:\n  engine: ase:forgefield.reference.engines.classical.tersoff_silicon\n"
        + "  parameters: {a: 1}\n",
        4,
        "reference.parameters",
        ("do not fit", "takes ()"),
    ),
    Bad(
        "unused",
        SI + "reference: {engine: tblite, k_spacing: 0.5}\n",
        2,
        "reference.k_spacing",
        ("not used", "remove"),
    ),
    Bad(
        "prototype",
        SI + "structures: {prototypes: [fcc, diamnd]}\n",
        2,
        "structures.prototypes[1]",
        ("diamond?",),
    ),
    Bad(
        "target structure",
        SI + "targets: {structure: betatin}\n",
        2,
        "targets.structure",
        ("did you mean beta-tin?",),
    ),
    Bad(
        "missing file",
        SI + "structures: {files: [no.xyz]}\n",
        2,
        "structures.files[0]",
        ("no.xyz does not exist",),
    ),
    Bad(
        "contradiction",
        SI + "exploration:\n  sample_every: 5000\n",
        3,
        "exploration.sample_every",
        ("steps 1000",),
    ),
    Bad(
        "budget below test",
        SI + "budget: {calculations: 5}\n",
        2,
        "budget.calculations",
        ("raise the budget",),
    ),
    Bad(
        "budget below start",
        SI + "budget: {calculations: 60}\n",
        2,
        "budget.calculations",
        ("allow more than",),
    ),
]
