"""Everything that changes during training, so that it can be stored and restored to the bit."""

from __future__ import annotations

import io
import math
from dataclasses import astuple, dataclass
from pathlib import Path

import torch
from torch import Tensor

from forgefield.atoms.errors import ForgefieldError
from forgefield.potentials.kalman import KalmanFilter
from forgefield.potentials.training_data import Pace, Prediction, Problem, Targets, weighted_loss
from forgefield.potentials.training_errors import ErrorSums, FitErrors
from forgefield.potentials.training_group import TrainingGroup
from forgefield.potentials.training_optimizers import learning_rate, make_optimizer
from forgefield.potentials.training_spec import TrainingSpec

_CLEARLY = 1e-4
"""Share by which a validation score must fall to count as better for early stopping."""


@dataclass(frozen=True)
class Progress:
    """State of training after a validation: one point of the learning curves.

    Attributes:
        epoch, epochs: passes done and to do.
        training: force RMSE of the running epoch, eV/Å.
        validation: force RMSE of the committee's mean on the validation set, eV/Å.
        training_energy, validation_energy: energy RMSE, eV/atom.
        training_stress, validation_stress: stress RMSE, eV/Å³; None without labels.
        learning_rate: step size of the optimiser.
        seconds: wall time used so far, interruptions apart.
        share: of the training that is over, 0 to 1, by steps or by time, whichever is larger.
    """

    epoch: int
    epochs: int
    training: float
    validation: float
    training_energy: float | None = None
    validation_energy: float | None = None
    training_stress: float | None = None
    validation_stress: float | None = None
    learning_rate: float = 0.0
    seconds: float = 0.0
    share: float = 0.0


class TrainingState:
    """Weights, their moving average, the best of them, the optimiser, and where in the data training is.

    Args:
        problem: the family's side, initialised.
        spec: settings.
        pace: its length and steps.
        group: of processes that train together.
    """

    def __init__(self, problem: Problem, spec: TrainingSpec, pace: Pace, group: TrainingGroup) -> None:
        self.group = group
        self.model = problem.model.requires_grad_(True)
        self.spec = spec
        self.pace = pace
        self.parameters = [each for each in self.model.parameters() if each.requires_grad]
        self.optimizer = make_optimizer(self.parameters, spec)
        self.average = {name: value.clone() for name, value in self.model.state_dict().items()}
        self.best = {name: value.clone() for name, value in self.average.items()}
        names = [name for name, each in self.model.named_parameters() if each.requires_grad]
        self.averaged = [self.average[name] for name in names]
        self.names = names
        self.steps = self.epoch = self.batch = self.best_epoch = self.worse = 0
        self.rate = self.seconds = 0.0
        self.best_score = math.inf
        self.sums = ErrorSums()
        self.history: list[Progress] = []

    @property
    def share(self) -> float:
        """Of the training that is over, by steps or by time, whichever is larger."""
        limit = self.spec.max_seconds
        return max(self.steps / self.pace.total_steps, self.seconds / limit if limit else 0.0)

    def step(self, prediction: Prediction, targets: Targets, of_batch: int) -> None:
        """One optimiser step and the moving average of the weights.

        Args:
            prediction: of this process's share of a batch, differentiable in the weights.
            targets: its labels.
            of_batch: structures in the whole batch.

        Raises:
            ForgefieldError: the loss is no longer finite.
        """
        if isinstance(self.optimizer, KalmanFilter):
            self._finite(prediction.forces.detach().square().sum())
            self.optimizer.step(prediction, targets)
        else:
            share = len(targets.sizes) / of_batch
            self._descend(self.optimizer, share * weighted_loss(prediction, targets))
        self._count()

    def step_of_others(self) -> None:
        """The step for a batch of which this process has no share.

        Raises:
            ForgefieldError: as `step`.
        """
        assert not isinstance(self.optimizer, KalmanFilter)
        self._descend(self.optimizer, torch.zeros((), dtype=torch.float64))
        self._count()

    def _count(self) -> None:
        self.steps += 1
        self.batch += 1
        # The first steps count less than the decay says, or the average would remember the initial weights.
        decay = min(self.spec.averaging, self.steps / (self.steps + 10))
        with torch.no_grad():
            torch._foreach_lerp_(self.averaged, [each.data for each in self.parameters], 1 - decay)

    def _descend(self, optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
        self.rate = learning_rate(self.spec, self.steps, self.share)
        for group in optimizer.param_groups:
            group["lr"] = self.rate
        optimizer.zero_grad(set_to_none=True)
        if loss.requires_grad:
            loss.backward()
        self._finite(self.group.add_gradients(self.parameters, loss))
        torch.nn.utils.clip_grad_norm_(self.parameters, self.spec.gradient_clip)
        optimizer.step()

    def _finite(self, loss: Tensor) -> Tensor:
        if not torch.isfinite(loss):
            raise ForgefieldError(
                f"training diverged in epoch {self.epoch}: the loss is {loss.item()}",
                "lower training.learning_rate",
            )
        return loss

    def judge(self, training: FitErrors, validation: FitErrors, score: float) -> None:
        """Write a point of the learning curves; keep the averaged weights if their score is the best so far."""
        self.history.append(
            Progress(
                self.epoch, self.pace.epochs, training.force, validation.force,
                training.energy, validation.energy, training.stress, validation.stress,
                self.rate, self.seconds, min(1.0, self.share),
            )
        )  # fmt: skip
        # Patience is not renewed by crumbs.
        clearly = score < self.best_score - _CLEARLY * abs(min(self.best_score, 1e300))
        self.worse = 0 if clearly else self.worse + 1
        if score < self.best_score:
            self.best_score, self.best_epoch = score, self.epoch
            self.best = {name: value.clone() for name, value in self.average.items()}

    def store(self, path: Path) -> None:
        """Write all state, atomically."""
        content = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average,
            "best": self.best,
            "counts": [self.steps, self.epoch, self.batch, self.best_epoch, self.worse],
            "numbers": [self.rate, self.seconds, self.best_score],
            "sums": self.sums.sums,
            "history": [list(astuple(each)) for each in self.history],
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        # torch itself says nothing of a full disk.
        whole = io.BytesIO()
        torch.save(content, whole)
        partial.write_bytes(whole.getbuffer())
        partial.replace(path)

    def restore(self, path: Path) -> None:
        """Read what `store` wrote.

        Raises:
            ForgefieldError: the file is damaged, or belongs to another model or another version.
        """
        try:
            content = torch.load(path, weights_only=True)
            self.model.load_state_dict(content["model"])
            self.optimizer.load_state_dict(content["optimizer"])
            self.average, self.best = content["average"], content["best"]
            self.averaged = [self.average[name] for name in self.names]
            self.steps, self.epoch, self.batch, self.best_epoch, self.worse = content["counts"]
            self.rate, self.seconds, self.best_score = content["numbers"]
            self.sums = ErrorSums(content["sums"])
            self.history = [Progress(*row) for row in content["history"]]
        except Exception as error:
            # torch and pickle fail in many ways on a damaged file.
            raise ForgefieldError(
                f"the checkpoint {path} does not fit this training ({type(error).__name__})",
                "remove the file to train from the beginning",
            ) from error
