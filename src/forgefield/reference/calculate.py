"""One reference calculation in this process: gatekeeper, retry ladder, labels or a failure."""

from __future__ import annotations

import time

from ase import Atoms

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Failure, Labels
from forgefield.reference import gatekeeper
from forgefield.reference.engines.engine import Attempt, Engine, NotConvergedError, SinglePoint
from forgefield.reference.engines.registry import find_engine
from forgefield.reference.gatekeeper import Refusal
from forgefield.reference.recipe import Recipe

_RETRIED = frozenset({"not-converged", "not-finite", "error"})


def calculate(atoms: Atoms, recipe: Recipe) -> Labels | Failure:
    """Compute one structure, trying harder when self-consistency is not reached.

    The retries change how the cycle is run (mixing, steps), never what it converges to, so labels of
    all attempts belong together. The time limit is kept by ``calculate_within_limit``, not here.

    Args:
        atoms: N atoms; left untouched.
        recipe: from ``resolve_recipe``.

    Raises:
        ForgefieldError: the engine is not installed or cannot be used as the recipe asks.
        MemoryError: memory ran out, after which this process is of little use.
    """
    started = time.perf_counter()
    engine = find_engine(recipe.engine, recipe.command, recipe.pseudopotentials)
    refusal = gatekeeper.before(atoms, recipe, engine)
    if refusal is not None:
        return Failure(refusal.reason, refusal.kind, recipe.key, time.perf_counter() - started, attempts=0)
    story: list[str] = []
    for number, attempt in enumerate(engine.attempts(recipe.parameters)[: recipe.max_attempts], start=1):
        outcome = _try(atoms, recipe, engine, attempt)
        if isinstance(outcome, SinglePoint):
            return Labels(
                energy=outcome.energy,
                forces=outcome.forces,
                stress=outcome.stress,
                recipe=recipe.key,
                engine=recipe.label,
                seconds=time.perf_counter() - started,
                attempts=number,
            )
        story.append(f"attempt {number} ({attempt.change}): {outcome.reason}")
        refusal = outcome
        if refusal.kind not in _RETRIED:
            break
    kind = "error" if refusal is None else refusal.kind
    return Failure("; ".join(story), kind, recipe.key, time.perf_counter() - started, len(story))


def _try(atoms: Atoms, recipe: Recipe, engine: Engine, attempt: Attempt) -> SinglePoint | Refusal:
    try:
        point = engine.run(atoms.copy(), recipe.parameters, attempt)
    except NotConvergedError as error:
        return Refusal("not-converged", _one_line(error))
    except (ForgefieldError, MemoryError):
        raise
    except Exception as error:
        # The one place that catches everything: whatever a code may raise for one structure is
        # recorded with the structure and must not end the run.
        return Refusal("error", f"{type(error).__name__}: {_one_line(error)}")
    return gatekeeper.after(point, atoms, recipe.limits) or point


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or "no message"
