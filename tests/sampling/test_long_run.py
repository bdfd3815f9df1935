"""Runs on disk: files, interruptions, continuations."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import ase.io
import h5py
import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk

from forgefield.atoms.errors import ForgefieldError
from forgefield.sampling.integrators import Langevin, NoseHooverChain, VelocityVerlet
from forgefield.sampling.langevin import MotionState, start_motion
from forgefield.sampling.long_run import RunFiles, run_on_disk
from forgefield.sampling.observables import observed, read_log
from forgefield.sampling.trajectory_files import ExtendedXyzFile, trajectory_file
from forgefield.testing.lennard_jones import LennardJones

POTENTIAL = LennardJones("H", cutoff=2.5)
INTEGRATOR = Langevin(0.005, 8000.0, 0.5)


def start() -> MotionState:
    atoms = bulk("H", "fcc", a=1.6, cubic=True) * (4, 4, 4)
    return start_motion(POTENTIAL, atoms, 8000.0, np.random.default_rng(0))


def run(path: Path, steps: int = 200, **more) -> MotionState:
    return run_on_disk(POTENTIAL, start, INTEGRATOR, steps, RunFiles(path), 10, settings="test", **more)


def contents(path: Path):
    """Everything in the files of a run that does not tell the time of day."""
    if path.suffix == ".h5":
        found: dict[str, bytes] = {}
        with h5py.File(path) as file:
            file.visititems(
                lambda name, each: (
                    found.update({name: each[()].tobytes()}) if isinstance(each, h5py.Dataset) else None
                )
            )
        return found, RunFiles(path).log.read_bytes()
    if path.suffix == ".traj":
        frames = ase.io.read(path, ":")
        return [
            (frame.positions.tobytes(), frame.get_momenta().tobytes(), frame.get_forces().tobytes())
            for frame in frames
        ], RunFiles(path).log.read_bytes()
    return path.read_bytes(), RunFiles(path).log.read_bytes()


class StopError(Exception):
    """The plug is pulled."""


@pytest.mark.parametrize("suffix", [".traj", ".extxyz", ".xyz", ".h5"])
def test_a_stopped_run_goes_on_to_the_same_bits(suffix, tmp_path):
    whole, parts = tmp_path / f"whole{suffix}", tmp_path / f"parts{suffix}"
    end = run(whole)

    def stop_at(step):
        def progress(done):
            if done == step:
                raise StopError

        return progress

    for step in (73, 140):
        with pytest.raises(StopError):
            run(parts, progress=stop_at(step))
    again = run(parts)
    assert again.step == end.step == 200
    assert again.positions.tobytes() == end.positions.tobytes()
    assert contents(parts) == contents(whole)
    assert [each.step for each in read_log(RunFiles(parts).log)] == list(range(0, 201, 10))


def test_ctrl_c_waits_until_frames_are_written(tmp_path, monkeypatch):
    run(tmp_path / "whole.xyz")
    append = ExtendedXyzFile.append

    def interrupted(self, states):
        monkeypatch.setattr(ExtendedXyzFile, "append", append)
        append(self, states[:2])
        signal.raise_signal(signal.SIGINT)
        append(self, states[2:])

    monkeypatch.setattr(ExtendedXyzFile, "append", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "parts.xyz", 100)
    run(tmp_path / "parts.xyz")
    assert contents(tmp_path / "parts.xyz") == contents(tmp_path / "whole.xyz")


def test_a_longer_run_goes_on_and_a_finished_one_does_nothing(tmp_path):
    run(tmp_path / "whole.xyz", 200)
    run(tmp_path / "parts.xyz", 100)
    before = contents(tmp_path / "parts.xyz")
    assert run(tmp_path / "parts.xyz", 100).step == 100
    assert contents(tmp_path / "parts.xyz") == before
    run(tmp_path / "parts.xyz", 195)  # rounded up to whole intervals
    assert contents(tmp_path / "parts.xyz") == contents(tmp_path / "whole.xyz")


@pytest.mark.parametrize("suffix", [".traj", ".xyz", ".h5"])
def test_a_killed_run_goes_on_to_the_same_bits(suffix, tmp_path):
    """SIGKILL, wherever it hits; frames behind the checkpoint are not written twice, half a frame is cut off."""
    script = f"""
        import sys
        from pathlib import Path
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        import test_long_run
        test_long_run.run(Path({str(tmp_path / f"killed{suffix}")!r}), 100000, checkpoint_seconds=0.05)
    """
    path = tmp_path / f"killed{suffix}"
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)])
    patience = time.monotonic() + 60.0
    while not RunFiles(path).checkpoint.exists() and time.monotonic() < patience:
        time.sleep(0.02)
    time.sleep(0.3)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    if suffix == ".xyz":
        with path.open("a") as file:
            file.write("256\nhalf a fra")
    with RunFiles(path).log.open("a") as file:
        file.write("1230,0.0")
    steps = 10 * ((read_log(RunFiles(path).log)[-1].step + 60) // 10)
    run(path, steps)
    run(tmp_path / f"whole{suffix}", steps)
    assert contents(path) == contents(tmp_path / f"whole{suffix}")


def test_frames_behind_the_checkpoint_are_not_written_twice(tmp_path):
    path, files = tmp_path / "run.xyz", RunFiles(tmp_path / "run.xyz")
    run(path, 100)
    old = files.checkpoint.read_bytes()
    run(path, 200)
    complete = contents(path)
    files.checkpoint.write_bytes(old)
    run(path, 200)
    assert contents(path) == complete


def test_table_and_frames_agree(tmp_path):
    end = run(tmp_path / "run.traj", 100)
    rows, frames = read_log(tmp_path / "run.csv"), ase.io.read(tmp_path / "run.traj", ":")
    assert rows[-1] == observed(end, INTEGRATOR)
    assert rows[-1].time == pytest.approx(100 * 0.005 / units.fs / 1000)
    for row, frame in zip(rows, frames, strict=True):
        assert frame.get_total_energy() == pytest.approx(row.total_energy, abs=1e-9)
        assert frame.get_temperature() == pytest.approx(row.temperature)
        pressure = -frame.get_stress(include_ideal_gas=True)[:3].mean() / units.GPa
        assert row.pressure == pytest.approx(pressure)
        assert row.volume == pytest.approx(frame.cell.volume)


def test_temperature_counts_the_momenta_that_are_free():
    state = VelocityVerlet(1.0).start(start())
    n_atoms = len(state.masses)
    for integrator in (VelocityVerlet(1.0), NoseHooverChain(1.0, 300.0, 10.0)):
        assert observed(state, integrator).temperature == pytest.approx(
            state.temperature * n_atoms / (n_atoms - 1)
        )
    assert observed(state, INTEGRATOR).temperature == pytest.approx(state.temperature)


def test_molecules_have_no_pressure():
    potential = LennardJones("H")
    state = start_motion(potential, Atoms("H2", [[0, 0, 0], [1.1, 0, 0]]), 300.0, np.random.default_rng(0))
    assert np.isnan(observed(state, INTEGRATOR).pressure)


def test_h5md_has_what_the_convention_asks_for(tmp_path):
    end = run(tmp_path / "run.h5", 50)
    with h5py.File(tmp_path / "run.h5") as file:
        assert list(file["h5md"].attrs["version"]) == [1, 1]
        assert file["h5md/creator"].attrs["name"] == "forgefield"
        box = file["particles/all/box"]
        assert (box.attrs["dimension"], list(box.attrs["boundary"])) == (3, ["periodic"] * 3)
        for name in ("position", "velocity", "force", "box/edges"):
            group = file[f"particles/all/{name}"]
            assert len(group["value"]) == len(group["time"]) == len(group["step"]) == 6
        np.testing.assert_array_equal(file["particles/all/position/value"][-1], end.positions)
        np.testing.assert_allclose(
            file["particles/all/velocity/value"][-1], end.momenta / end.masses[:, None] * units.fs, rtol=1e-12
        )
        assert file["particles/all/position/time"][-1] == pytest.approx(50 * 0.005 / units.fs)
        assert file["observables/potential_energy/value"][-1] == end.energy
        assert file["particles/all/velocity/value"].attrs["unit"] == "Angstrom fs-1"


def test_amber_netcdf(tmp_path):
    pytest.importorskip("netCDF4")
    end = run(tmp_path / "run.nc", 50)
    frames = ase.io.read(tmp_path / "run.nc", ":")
    assert len(frames) == 6
    np.testing.assert_allclose(frames[-1].positions, end.positions, atol=1e-5)


def test_what_cannot_be_gone_on_with_is_refused(tmp_path):
    path, files = tmp_path / "run.xyz", RunFiles(tmp_path / "run.xyz")
    run(path, 20)
    with pytest.raises(
        ForgefieldError, match=r"run.xyz belongs to another run \(test\), and this one is hot"
    ):
        run_on_disk(POTENTIAL, start, INTEGRATOR, 20, files, 10, settings="hot")
    whole = path.read_text()
    path.write_text("")
    with pytest.raises(
        ForgefieldError, match=r"holds 0 frames and run.csv 3 rows where run.checkpoint.npz says 3"
    ):
        run(path, 40)
    path.write_text(whole)
    files.checkpoint.write_bytes(b"nonsense")
    with pytest.raises(ForgefieldError, match=r"holds no checkpoint .*; move the run's files away"):
        run(path, 40)
    files.checkpoint.unlink()
    with pytest.raises(ForgefieldError, match=r"run.xyz is there, but no checkpoint run.checkpoint.npz"):
        run(path, 40)
    with pytest.raises(
        ForgefieldError, match=r"other.dcd does not say in which format .* end it in one of .traj"
    ):
        run(tmp_path / "other.dcd", 10)
    (tmp_path / "broken.h5").write_bytes(b"nonsense")
    with pytest.raises(ForgefieldError, match="is not a whole H5MD file"):
        trajectory_file(tmp_path / "broken.h5", 1.0).frames(4)
    with pytest.raises(ForgefieldError, match=r"is no table of observations; name the .csv file"):
        read_log(path)


def test_netcdf_needs_its_package(tmp_path, monkeypatch):
    monkeypatch.setattr("forgefield.sampling.trajectory_files.find_spec", lambda name: None)
    with pytest.raises(ForgefieldError, match=r"netCDF4 is not installed.*; pip install netCDF4, or end"):
        trajectory_file(tmp_path / "run.nc", 1.0)
