"""What a user asks of a run of molecular dynamics, and the integrator that does it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ase import Atoms, units

from forgefield.atoms.errors import ForgefieldError
from forgefield.potentials.contract import Potential
from forgefield.sampling.barostat import estimated_bulk_modulus
from forgefield.sampling.integrators import Integrator, VelocityVerlet
from forgefield.sampling.plan import stable_timestep
from forgefield.sampling.programme import ProgrammeSpec, plan_programme
from forgefield.sampling.timestep import check_timestep

_ENSEMBLES = ("nve", "nvt", "npt")
_THERMOSTATS = ("langevin", "nose-hoover")
_SHAPES = ("isotropic", "free")
_ROOM_TEMPERATURE = 300.0


@dataclass(frozen=True, slots=True)
class MotionRequest:
    """Options of the command line, in its units.

    Attributes:
        ensemble: ``nve``, ``nvt`` or ``npt``.
        thermostat: ``langevin`` or ``nose-hoover``.
        temperatures: K, at start and end; None if none was given.
        pressure: GPa; None if none was given.
        picoseconds: length.
        timestep: fs; None for one that suits the lightest atom.
        every: steps between frames.
        cell_shape: ``isotropic`` or ``free``.

    Raises:
        ForgefieldError: values that are not allowed, or that do not go together.
    """

    ensemble: str
    thermostat: str
    temperatures: tuple[float, float] | None
    pressure: float | None
    picoseconds: float
    timestep: float | None
    every: int
    cell_shape: str

    def __post_init__(self) -> None:
        for name, value, known in (
            ("ensemble", self.ensemble, _ENSEMBLES),
            ("thermostat", self.thermostat, _THERMOSTATS),
            ("cell-shape", self.cell_shape, _SHAPES),
        ):
            if value not in known:
                raise ForgefieldError(f"unknown --{name} {value}", f"choose from {', '.join(known)}")
        if not 0.0 < self.picoseconds < float("inf"):
            raise ForgefieldError(f"--time {self.picoseconds:g} ps is no length of a run", "give one above 0")
        if self.every < 1:
            raise ForgefieldError(f"--every {self.every} steps gives no frames", "give at least 1")
        if self.pressure is not None and self.ensemble != "npt":
            raise ForgefieldError(
                f"--pressure {self.pressure:g} GPa with --ensemble {self.ensemble}, which keeps the cell",
                "leave it out, or choose --ensemble npt",
            )
        if self.ensemble == "npt" and self.thermostat == "nose-hoover":
            raise ForgefieldError(
                "--thermostat nose-hoover keeps the cell", "use langevin with --ensemble npt"
            )
        if self.ensemble == "nve" and self.temperatures and self.temperatures[0] != self.temperatures[1]:
            raise ForgefieldError(
                f"--temperature {self.temperatures[0]:g}:{self.temperatures[1]:g} with --ensemble nve, where "
                "nothing heats or cools",
                "give one temperature for the start, or choose --ensemble nvt or npt",
            )
        if self.timestep is not None:
            try:
                check_timestep(self.timestep)
            except ValueError as error:
                raise ForgefieldError(f"--{str(error).replace('_fs', '')}", "1 or 2 fs suit most") from error

    @property
    def start_temperature(self) -> float:
        """Of the velocities at the start, K."""
        return _ROOM_TEMPERATURE if self.temperatures is None else self.temperatures[0]

    @property
    def in_words(self) -> str:
        """What two commands have to agree in for one to go on where the other stopped."""
        words = [self.ensemble]
        if self.ensemble != "nve":
            words.append(self.thermostat)
        if self.temperatures is not None and self.temperatures[0] != self.temperatures[1]:
            # Of a ramp the length belongs to its slope.
            words.append(f"{self.temperatures[0]:g} to {self.temperatures[1]:g} K in {self.picoseconds:g} ps")
        elif self.temperatures is not None or self.ensemble != "nve":
            words.append(f"{self.start_temperature:g} K")
        if self.ensemble == "npt":
            words.append(f"{self.pressure or 0.0:g} GPa {self.cell_shape}")
        if self.timestep is not None:
            words.append(f"steps of {self.timestep:g} fs")
        return ", ".join([*words, f"a frame every {self.every} steps"])


def parse_temperatures(text: str | None) -> tuple[float, float] | None:
    """Start and end from ``600`` or ``300:1500``.

    Raises:
        ForgefieldError: neither of these, or not above zero.
    """
    if text is None:
        return None
    try:
        values = [float(each) for each in text.split(":")]
    except ValueError:
        values = []
    if len(values) not in (1, 2) or not all(0.0 < each < float("inf") for each in values):
        raise ForgefieldError(
            f"--temperature {text} is no temperature above 0 K",
            "give one such as 600, or a ramp such as 300:1500",
        )
    return values[0], values[-1]


def integrator_for(request: MotionRequest, atoms: Atoms, potential: Potential) -> tuple[Integrator, int]:
    """The integrator, and the number of steps, in whole intervals between frames.

    Args:
        request: what is wanted.
        atoms: what moves; it decides about an automatic time step.
        potential: says how stiff a cell is that moves.

    Raises:
        ForgefieldError: constant pressure for a structure that is not periodic in three directions.
    """
    timestep = stable_timestep(_Timestep(request.timestep or "auto"), atoms)
    intervals = max(1, round(1000.0 * request.picoseconds / (timestep * request.every)))
    steps = intervals * request.every
    if request.ensemble == "nve":
        return VelocityVerlet(timestep * units.fs), steps
    start, end = request.temperatures or (_ROOM_TEMPERATURE, _ROOM_TEMPERATURE)
    segment = {
        "from": start,
        "to": end,
        "steps": steps,
        "ensemble": request.ensemble,
        "thermostat": request.thermostat,
        "pressure": request.pressure or 0.0,
        "cell_shape": request.cell_shape,
    }
    spec = ProgrammeSpec.model_validate({"programme": [segment], "timestep_fs": timestep})
    crystal = request.ensemble == "npt" and bool(atoms.pbc.all()) and atoms.cell.rank == 3
    bulk_modulus = estimated_bulk_modulus(potential, atoms) if crystal else 100.0
    return plan_programme(spec, atoms, atoms.get_chemical_formula(), bulk_modulus), steps


@dataclass(frozen=True, slots=True)
class _Timestep:
    """The setting from which `stable_timestep` takes the time step."""

    timestep_fs: float | Literal["auto"]
