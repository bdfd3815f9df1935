"""All settings of a run: every room's own, and those of the loop itself."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from forgefield.atoms.spec import Spec
from forgefield.dataset.spec import DatasetSpec
from forgefield.potentials.bayesian.spec import BayesianSpec
from forgefield.potentials.density.spec import DensitySpec
from forgefield.potentials.training_spec import TrainingSpec
from forgefield.properties.target_set import PropertiesSpec
from forgefield.properties.verdict import TargetsSpec
from forgefield.reference.spec import ReferenceSpec
from forgefield.sampling.loose_relaxation import LooseRelaxationSpec
from forgefield.sampling.spec import ExplorationSpec
from forgefield.selection.spec import SelectionSpec
from forgefield.structures.spec import StructuresSpec
from forgefield.workflow.system import SystemSpec


class CyclesSpec(Spec):
    """The loop explore → train → verify, or train → verify → explore → select → label."""

    max: int = Field(default=5, ge=1, le=100)
    """Trainings, at most; the loop ends earlier when every target holds."""


class BudgetSpec(Spec):
    """What the run may cost; null: no limit."""

    calculations: int | None = Field(default=300, ge=1)
    """Reference calculations in all: structures, targets and held-out configurations, failures included."""
    hours: float | None = Field(default=None, gt=0)
    """Wall time after which no new cycle begins."""


class DistillationSpec(Spec):
    """What the network learns from the surrogate, beside the reference's labels."""

    frames: int = Field(default=200, ge=0)
    """Frames of the on-the-fly trajectories that the surrogate labels, at most; 0: none."""
    strained: int = Field(default=60, ge=0)
    """Strained and rattled cells of the target crystal that it labels too: elastic constants hang on them; 0: none."""
    weight: float = Field(default=0.1, gt=0)
    """Weight of such a frame in the loss; a structure with labels of the reference has 1."""


class RelaxationSpec(Spec):
    """How structures are relaxed on a learned potential, with the last word from the reference."""

    force_tolerance: float = Field(default=0.05, gt=0.0)
    """Largest force that may be left, in eV/Å; where the cell moves also on its virial per atom."""
    cell: bool = True
    """Let cells move that repeat in all directions."""
    trust: float = Field(default=0.5, gt=0.0)
    """How far in Å an atom may move before the reference is asked."""
    calculations: int = Field(default=40, ge=1)
    """Reference calculations for one structure, at most."""
    structures: int = Field(default=10, ge=0)
    """In a run for a compound: how many of its crystals are relaxed, those of lowest energy; 0: none."""
    surrogate: BayesianSpec = BayesianSpec()
    """The potential that learns on the way; all structures share it."""


class HoldOutSpec(Spec):
    """Configurations from independent molecular dynamics that are never trained on, for the error targets."""

    configurations: int = Field(default=20, ge=1)
    """Labelled configurations."""
    temperatures: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        default=(300.0, 700.0, 1100.0, 1500.0), min_length=1
    )
    """Temperatures in K, one trajectory for each."""
    steps: int = Field(default=1500, ge=10)
    """Steps of each trajectory; configurations come from its second half."""
    max_atoms: int = Field(default=16, ge=1)
    """Largest cell that the target structure is repeated to."""
    relaxations: int | None = Field(default=None, ge=0)
    """How many of the configurations come from relaxations of perturbed crystals instead; null: a third for a compound,
    none for an element."""
    from_cycle: int | None = Field(default=None, ge=1)
    """Cycle in which they are made (the last, if there are fewer); null: the first with `exploration.method:
    on-the-fly`, where the surrogate drives the trajectories, the second with `md`, where that cycle's network does."""


class RunSpec(Spec):
    """A run, from the chemical question to the proven potential."""

    system: SystemSpec
    """The chemical system."""
    dataset: DatasetSpec = DatasetSpec()
    """Where labels are kept."""
    structures: StructuresSpec = StructuresSpec()
    """Initial structures."""
    reference: ReferenceSpec = ReferenceSpec()
    """Reference calculations (DFT)."""
    potential: DensitySpec = DensitySpec()
    """The potential."""
    training: TrainingSpec = TrainingSpec()
    """How the potential is fitted."""
    exploration: ExplorationSpec = ExplorationSpec()
    """How the potential looks for structures that it does not know."""
    surrogate: BayesianSpec = BayesianSpec(kernel="polynomial")
    """The potential that drives exploration on the fly and learns at once."""
    distillation: DistillationSpec = DistillationSpec()
    """What the network learns from it."""
    relaxation: RelaxationSpec = RelaxationSpec()
    """How structures are relaxed: the initial crystals of a compound, and those of `forgefield relax`."""
    perturbation: LooseRelaxationSpec = LooseRelaxationSpec()
    """How perturbed and stressed structures are relaxed in part, and which configurations on the way are computed."""
    selection: SelectionSpec = SelectionSpec()
    """Which of them are computed."""
    cycles: CyclesSpec = CyclesSpec()
    """How often."""
    hold_out: HoldOutSpec = HoldOutSpec()
    """Configurations for the error targets."""
    properties: PropertiesSpec = PropertiesSpec()
    """How the properties of the verdict are computed."""
    targets: TargetsSpec = TargetsSpec()
    """What the potential must reach."""
    budget: BudgetSpec = BudgetSpec()
    """What the run may cost."""
    seed: int = Field(default=1, ge=0, lt=2**32)
    """Seed of all randomness: the same seed gives the same structures and the same data."""

    @property
    def hold_out_cycle(self) -> int:
        """Cycle in which the held-out configurations are made."""
        first = 1 if self.exploration.method_of(0) == "on-the-fly" else 2
        return min(self.hold_out.from_cycle or first, self.cycles.max)

    @property
    def hold_out_relaxations(self) -> int:
        """How many of the held-out configurations come from relaxations."""
        wanted = self.hold_out.relaxations
        if wanted is None:
            wanted = self.hold_out.configurations // 3 if len(self.system.symbols) > 1 else 0
        return min(wanted, self.hold_out.configurations)

    @model_validator(mode="after")
    def _budget_covers_the_proof(self) -> RunSpec:
        limit = self.budget.calculations
        if limit is not None and limit <= self.hold_out.configurations:
            raise ValueError(
                f"budget.calculations {limit} does not even cover hold_out.configurations "
                f"{self.hold_out.configurations}; raise the budget or lower the configurations"
            )
        return self
