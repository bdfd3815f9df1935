"""Molecular dynamics that the reference has done elsewhere, laid beside the potential's."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.formats import read_structures
from forgefield.properties import dynamics
from forgefield.properties.examination_spec import ExaminationSpec
from forgefield.properties.production_run import equilibrated_part
from forgefield.properties.property_list import PROPERTIES
from forgefield.properties.trajectory_frames import from_frames
from forgefield.workflow.validation_folder import MOTION, REFERENCE, Outcome, ValidationFolder, outcome_key

(_MOTION,) = (each for each in PROPERTIES if each.name == MOTION)


@dataclass(frozen=True, slots=True)
class ReferenceTrajectory:
    """Frames of one run at constant volume.

    Attributes:
        structure: name of the structure that moves.
        path: file of the frames, in any format that is read.
        interval: between frames, fs.
    """

    structure: str
    path: Path
    interval: float


def analyse_trajectory(
    folder: ValidationFolder, given: ReferenceTrajectory, settings: ExaminationSpec
) -> None:
    """Compute the reference's statistics of motion from its frames, unless they are in the folder already.

    Args:
        folder: where the result is kept.
        given: the frames.
        settings: how distances and angles are counted; what they say of the run is the potential's alone.

    Raises:
        ForgefieldError: a file that cannot be read, or of other species than the structure.
    """
    frames = read_structures(given.path)
    structure = folder.structure(given.structure)
    if frames[0].symbols.formula.reduce()[0] != structure.symbols.formula.reduce()[0]:
        raise ForgefieldError(
            f"{given.path} is a trajectory of {frames[0].symbols}, and {given.structure} is {structure.symbols}",
            "give a trajectory of that structure",
        )
    content = hashlib.sha256(given.path.read_bytes()).hexdigest()
    key = outcome_key(structure, f"{content} {given.interval}", (settings.dynamics,))
    known = folder.outcome(REFERENCE, given.structure, _MOTION, key)
    if known is not None and known.finding is not None:
        return
    began = time.perf_counter()
    found = dynamics.analyse(equilibrated_part(from_frames(frames, given.interval)), settings.dynamics)
    outcome = Outcome(found, "", time.perf_counter() - began)
    folder.write_outcome(REFERENCE, given.structure, _MOTION, key, outcome)
