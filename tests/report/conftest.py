"""A run folder as a run leaves it: Tersoff silicon is the truth, Stillinger–Weber spoils the potential."""

import dataclasses
import json
import shutil
import warnings

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.mixing import LinearCombinationCalculator

from forgefield.atoms.formats import write_extxyz
from forgefield.atoms.identity import structure_key
from forgefield.atoms.records import Candidate, Failure, Labels
from forgefield.dataset.records import Provenance
from forgefield.dataset.store import Dataset
from forgefield.properties.errors import prediction_errors
from forgefield.properties.point import evaluate_points
from forgefield.properties.stored import to_json
from forgefield.properties.target_set import PropertiesSpec, compute_property_set
from forgefield.properties.verdict import judge
from forgefield.reference.ledger import Ledger
from forgefield.reference.recipe import Limits, Recipe
from forgefield.workflow.folder import Manifest, RunFolder, StepName
from forgefield.workflow.spec import RunSpec

manybody = pytest.importorskip("matscipy.calculators.manybody")

ENGINE = "ase:matscipy.calculators.manybody.Manybody"
INPUT = """# Silicon <to be "escaped" & kept>
system:
  element: Si
seed: 7
"""
NASTY = 'SCF <script>alert("x")</script> & not converged after 333 steps; mixing 0.05 → 0.02'
VERSIONS = {"forgefield": "0.1.0", "python": "3.11.9", "reference": "Manybody 1.3"}
SHARES = {1: 1.0, 2: 0.3, 3: 0.04}
"""How much Stillinger–Weber is in the potential of each cycle."""


def _tersoff():
    from matscipy.calculators.manybody.explicit_forms import TersoffBrenner
    from matscipy.calculators.manybody.explicit_forms.tersoff_brenner import Tersoff_PRB_39_5566_Si_C

    return manybody.Manybody(**TersoffBrenner(Tersoff_PRB_39_5566_Si_C))


def _stillinger_weber():
    from matscipy.calculators.manybody.explicit_forms import StillingerWeber
    from matscipy.calculators.manybody.explicit_forms.stillinger_weber import Stillinger_Weber_PRB_31_5262_Si

    return manybody.Manybody(**StillingerWeber(Stillinger_Weber_PRB_31_5262_Si))


class RunWriter:
    """Writes the steps of a run one after the other."""

    def __init__(self, path):
        self.folder = RunFolder(path)
        path.mkdir()
        self.rng = np.random.default_rng(3)
        self.truth = _tersoff()
        self.spec = RunSpec.model_validate(
            {
                "system": {"element": "Si"},
                "reference": {"engine": ENGINE},
                "exploration": {"method": "md"},
                "seed": 7,
                "budget": {"calculations": 120},
                "cycles": {"max": 3},
            }
        )
        self.recipe = Recipe(
            engine=ENGINE,
            version="1.3",
            species=("Si",),
            parameters={"name": "Tersoff <1989>"},
            limits=Limits(max_force=60.0, min_distance_ratio=0.5),
            time_limit=60.0,
            max_attempts=3,
        )
        self.dataset, self.ledger = Dataset(self.folder.dataset), Ledger(self.folder.ledger)
        self.folder.spec.write_text(self.spec.model_dump_json(indent=2))
        self.folder.recipe.write_text(self.recipe.model_dump_json(indent=2))
        self.folder.input.write_text(INPUT)

    def finish(self, name, seconds, summary, keys=()):
        self.folder.finish(name, Manifest(str(name), seconds, VERSIONS, summary, tuple(keys)))

    def label(self, candidates, name):
        """Label and store; returns keys."""
        keys = []
        for place, candidate in enumerate(candidates):
            if len(candidate.atoms) == 1 and candidate.source == "isolated-atom":
                energy, forces, stress = 0.0, np.zeros((1, 3)), None
            else:
                (point,) = evaluate_points([candidate.atoms], self.truth)
                energy, forces, stress = point.energy, point.forces, point.stress
            labels = Labels(
                energy, forces, stress, self.recipe.key, "Manybody 1.3", 2.0 + place % 5, 1 + (place == 2)
            )
            self.dataset.add(candidate, labels, Provenance(str(name), name.cycle))
            keys.append(structure_key(candidate.atoms))
            self.ledger.record(keys[-1], str(name), candidate.source, labels, candidate.atoms)
        return keys

    def candidate(self, source, number, repeat=1, rattle=0.05, strain=0.05, trajectory=None):
        atoms = bulk("Si", cubic=True) if repeat > 1 else bulk("Si")
        change = 1 + self.rng.uniform(-strain, strain)
        atoms.set_cell(atoms.cell.array * change, scale_atoms=True)
        atoms.positions += self.rng.normal(scale=rattle, size=atoms.positions.shape)
        return Candidate(atoms, source, trajectory or f"{source}/{number:03d}", note=f"number {number}")

    def failure(self, name, source, kind, reason, attempts):
        atoms = bulk("Si", a=2.0 + self.rng.uniform())
        outcome = Failure(reason, kind, self.recipe.key, 61.5, attempts)
        self.ledger.record(structure_key(atoms), str(name), source, outcome, atoms)

    def prepare(self):
        """Cycle 0."""
        initial = [Candidate(bulk("Si"), "prototype", "prototype/diamond", note="diamond")]
        initial += [self.candidate("strain", n, rattle=0.0, strain=0.08) for n in range(8)]
        initial += [self.candidate("rattle", n, repeat=2, rattle=0.12) for n in range(8)]
        initial += [self.candidate("random <odd>", n, rattle=0.3, strain=0.1) for n in range(4)]
        initial += [Candidate(Atoms("Si", cell=[10, 10, 10], pbc=True), "isolated-atom", "isolated-atom/Si")]
        structures, label, targets = (StepName(0, step) for step in ("structures", "label", "targets"))
        self.finish(structures, 0.8, {"candidates": len(initial), "by_source": {"strain": 8}})
        keys = self.label(initial, label)
        self.failure(label, "random <odd>", "not-converged", NASTY, 3)
        self.failure(label, "random <odd>", "time-limit", "gave up after 60 s in attempt 1", 1)
        counts = {"requested": 24, "labelled": 22, "failed": 2, "reused": 0, "skipped": 0}
        self.finish(label, 75.0, counts, keys)
        self.reference = compute_property_set(bulk("Si"), self.truth, PropertiesSpec())
        folder = self.folder.step(targets)
        folder.mkdir(parents=True)
        (folder / "properties.json").write_text(to_json(self.reference))
        write_extxyz(folder / "structure.xyz", [(bulk("Si"), None)])
        self.label([self.candidate("target", n, rattle=0.0) for n in range(7)], targets)
        self.finish(targets, 31.0, {"structure": "diamond", "calculations": 7, "failed": 0, "problems": []})

    def trajectories(self, name, prefix):
        folder = self.folder.step(name)
        folder.mkdir(parents=True, exist_ok=True)
        for number, outcome in enumerate(("completed", "uncertain", "uncertain", "overlap")):
            steps = 1000 if outcome == "completed" else 150 * (number + 1)
            content = {
                "name": f"{prefix}/nvt-{300 * (number + 1)}K-{number:02d}",
                "outcome": outcome,
                "reason": "ran to its end"
                if outcome == "completed"
                else f"step {steps}: left <trusted> region",
                "steps": steps,
                "frame_steps": list(range(10, steps, 50)),
                "uncertainties": self.rng.uniform(0.05, 0.6, size=len(range(10, steps, 50))).tolist(),
            }
            (folder / f"trajectory-{number:03d}.json").write_text(json.dumps(content))

    def train(self, cycle):
        name = StepName(cycle, "train")
        folder = self.folder.step(name)
        folder.mkdir(parents=True)
        epochs = np.arange(15, 615, 15)
        best = 0.3 / cycle
        history = [
            [int(e), 600, best * (0.6 + 3 * np.exp(-e / 80)), best * (1 + 3 * np.exp(-e / 90))]
            for e in epochs
        ]
        (folder / "history.json").write_text(json.dumps(history))
        predicted = np.exp(self.rng.normal(np.log(best), 0.6, size=400))
        actual = predicted * np.sqrt(self.rng.chisquare(3, size=400) / 3)
        validation = {"predicted": predicted.tolist(), "actual": actual.tolist()}
        (folder / "validation.json").write_text(json.dumps(validation))
        calibration = {
            "scale": 1.31,
            "select_above": 1.5 * best,
            "stop_above": 5 * best,
            "rank_correlation": 0.62,
            "typical_error": best,
        }
        summary = {
            "structures": 30 + 8 * cycle,
            "validation": 4,
            "atoms": 200,
            "epochs": 600,
            "best_epoch": 585,
        }
        self.finish(name, 48.0, {**summary, "force_rmse": best, "calibration": calibration})
        return folder

    def verify(self, cycle, hold_out):
        share = SHARES[cycle]
        calculator = LinearCombinationCalculator([_tersoff(), _stillinger_weber()], [1 - share, share])
        properties = compute_property_set(bulk("Si"), calculator, PropertiesSpec())
        if hold_out:
            structures = [candidate.atoms for candidate in hold_out]
            errors = prediction_errors(
                evaluate_points(structures, calculator), evaluate_points(structures, self.truth)
            )
            properties = dataclasses.replace(properties, errors=errors)
        verdict = judge(properties, self.reference, self.spec.targets)
        name = StepName(cycle, "verify")
        folder = self.folder.step(name)
        folder.mkdir(parents=True)
        (folder / "properties.json").write_text(to_json(properties))
        (folder / "verdict.json").write_text(to_json(verdict))
        self.folder.verdict.write_text(to_json(verdict))
        self.folder.potential.mkdir(exist_ok=True)
        summary = {
            "holds": verdict.holds,
            "calculations": len(self.ledger.entries()),
            "training_structures": 30,
        }
        self.finish(name, 4.2, summary)

    def explore(self, cycle):
        explore, select, label = (StepName(cycle, step) for step in ("explore", "select", "label"))
        self.trajectories(explore, f"cycle-{cycle:02d}")
        outcomes = {"completed": 1, "uncertain": 2, "overlap": 1}
        self.finish(explore, 22.0, {"trajectories": 4, "outcomes": outcomes, "frames": 49, "steps": 2350})
        self.finish(select, 1.1, {"frames": 49, "screened_out": 3, "above_threshold": 17, "chosen": 8})
        chosen = [
            self.candidate("nvt", n, repeat=2, rattle=0.2, trajectory=f"cycle-{cycle:02d}/nvt-900K-{n:02d}")
            for n in range(8)
        ]
        keys = self.label(chosen, label)
        self.finish(
            label, 28.0, {"requested": 8, "labelled": 8, "failed": 0, "reused": 0, "skipped": 0}, keys
        )


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory):
    """A run of three cycles; read only, copy it to change it."""
    with warnings.catch_warnings():
        # matscipy relies on NumPy leaving masked entries alone.
        warnings.filterwarnings("ignore", "'where' used without 'out'", UserWarning)
        writer = RunWriter(tmp_path_factory.mktemp("report") / "silicon")
        writer.prepare()
        hold_out = []
        for cycle in SHARES:
            writer.train(cycle)
            if cycle == 2:
                name = StepName(2, "hold-out")
                writer.trajectories(name, "hold-out")
                hold_out = [
                    writer.candidate("hold-out", n, repeat=2, rattle=0.12, strain=0.02) for n in range(20)
                ]
                keys = writer.label(hold_out, name)
                writer.finish(name, 66.0, {"keys": keys, "label": {"requested": 20, "labelled": 20}})
            writer.verify(cycle, hold_out)
            if cycle < max(SHARES):
                writer.explore(cycle)
    return writer.folder.path


@pytest.fixture
def run_copy(finished_run, tmp_path):
    """A copy of the finished run that a test may damage."""
    return shutil.copytree(finished_run, tmp_path / "copy")
