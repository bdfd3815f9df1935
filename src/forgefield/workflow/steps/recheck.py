"""Labels are looked at again once there are others to compare them with."""

from __future__ import annotations

from collections.abc import Sequence

from forgefield.dataset.records import Record
from forgefield.potentials.bayesian.examples import Example
from forgefield.potentials.bayesian.force_order import find_misordered
from forgefield.workflow.context import Context
from forgefield.workflow.folder import StepName


def take_back_misordered(context: Context, name: StepName, more: Sequence[Record] = ()) -> set[str]:
    """Take labels back whose forces are in another order than the atoms.

    Args:
        context: the run.
        name: the step that is about to rely on the labels.
        more: labelled structures that are neither for training nor for the test yet.

    Returns:
        the keys of their structures.

    Raises:
        ForgefieldError: there are so many that the engine cannot be believed.
    """
    records = [*context.training_records(), *context.hold_out_records(), *more]
    examples = [Example(record.atoms, record.labels) for record in records]
    found = find_misordered(examples, context.spec.system.symbols)
    wrong = [(records[index], problem) for index, problem in found.items()]
    context.labeller.take_back(wrong, name)
    return {record.key for record, _ in wrong}
