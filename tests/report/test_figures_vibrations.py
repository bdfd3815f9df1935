"""Figures of vibrations draw what the records say, one or both sides, and survive odd numbers."""

import json
import re

import numpy as np
import pytest
from ase import units

from forgefield.properties.grueneisen import Grueneisen
from forgefield.properties.quasiharmonic import Quasiharmonic
from forgefield.properties.thermal_conductivity_record import (
    HeatCarriers,
    MeshConductivity,
    ThermalConductivity,
)
from forgefield.properties.thermal_conductivity_strain import ConductivityAgainstStrain
from forgefield.properties.thermal_properties import ThermalProperties
from forgefield.report.figures_vibrations import (
    conductivity_strain_plot,
    grueneisen_plot,
    quasiharmonic_plot,
    thermal_conductivity_plot,
    thermal_properties_plot,
)

TEMPERATURES = np.array([0.0, 300.0, 600.0])


def traces(html):
    """What is drawn, by name and panel."""
    data = json.loads(re.search(r'-data">(.*?)</script>', html).group(1))
    return {(trace["name"], trace.get("xaxis", "x")): trace for trace in data["data"]}


def thermal(scale=1.0):
    rising = scale * units.kB * np.array([0.0, 2.9, 3.0])
    return ThermalProperties(TEMPERATURES, -rising, rising, rising, 0.03, 0.0, 0.0)


def quasiharmonic():
    return Quasiharmonic(
        volumes=np.linspace(11, 13, 5),
        static_energies=np.zeros(5),
        unstable_volumes=(),
        temperatures=TEMPERATURES,
        free_energy=-TEMPERATURES / 1e4,
        volume=np.array([11.8, 12.0, 12.2]),
        bulk_modulus=np.array([140.0, 130.0, 120.0]),
        expansion=np.array([0.0, 5e-5, 6e-5]),
        heat_capacity_volume=units.kB * np.array([0.0, 2.9, 3.0]),
        heat_capacity=units.kB * np.array([0.0, 3.0, 3.2]),
        static_volume=11.7,
        highest_wanted=600.0,
        residual_force=0.0,
        largest_force=0.01,
    )


def conductivity(scale=1.0, meshes=2, direct=True):
    tensors = [
        scale * np.outer([90.0, 30.0], [1, 1, 1, 0, 0, 0]) * (1 - 0.1 / n) for n in range(1, meshes + 1)
    ]
    return ThermalConductivity(
        temperatures=np.array([300.0, 900.0]),
        meshes=tuple(
            MeshConductivity(np.full(3, 7 + 2 * place), 0.9 * each, each if direct else None)
            for place, each in enumerate(tensors)
        ),
        statistics="quantum",
        isotopes=True,
        calculations=111,
        carriers=HeatCarriers(
            np.geomspace(10, 1e4, 5),
            np.tile(np.linspace(0, 1, 5), (2, 1)),
            np.linspace(0, 15, 5),
            np.ones((2, 5)),
        ),
        lowest=0.0,
        imaginary_share=0.0,
        imaginary_tolerance=0.1,
    )


def grueneisen():
    return Grueneisen(
        volumes=np.array([15.8, 16.0, 16.2]),
        qpoints=np.zeros((1, 3)),
        weights=np.ones(1),
        frequencies=np.array([[0.0, 0.0, 0.0, 6.0, 6.0, 9.0]]),
        parameters=np.array([[np.nan, np.nan, np.nan, 1.0, 1.1, 2.0]]),
        temperatures=TEMPERATURES,
        mean=np.array([np.nan, 1.3, 1.4]),
        high_temperature_mean=1.4,
        imaginary_volumes=(),
    )


def test_thermal_properties_are_drawn_per_mole():
    drawn = traces(thermal_properties_plot(thermal(), thermal(0.9), "DFT (PBE)"))
    assert set(drawn) == {(name, axis) for name in ("potential", "DFT (PBE)") for axis in ("x", "x2", "x3")}
    assert drawn["potential", "x"]["y"] == pytest.approx([0, 2.9 * 8.3145, 3 * 8.3145], rel=1e-3)
    assert drawn["potential", "x"]["mode"] == "lines"
    assert drawn["DFT (PBE)", "x"]["mode"] == "markers"
    assert drawn["potential", "x3"]["y"][2] == pytest.approx(-3000 * units.kB, rel=1e-2)


def test_one_side_is_enough():
    assert {name for name, _ in traces(thermal_properties_plot(thermal(), None, "DFT"))} == {"potential"}
    assert {name for name, _ in traces(quasiharmonic_plot(None, quasiharmonic(), "DFT"))} == {"DFT"}
    assert traces(thermal_conductivity_plot(None, None, "DFT")) == {}
    assert traces(conductivity_strain_plot(None, None, "DFT")) == {}


def test_expansion_is_drawn_in_four_panels():
    drawn = traces(quasiharmonic_plot(quasiharmonic(), None, "DFT"))
    assert drawn["potential", "x2"]["y"] == [0.0, 50.0, 60.0]
    assert drawn["potential", "x4"]["y"] == [140.0, 130.0, 120.0]


def test_modes_without_parameter_are_not_drawn():
    (trace,) = traces(grueneisen_plot(grueneisen(), None, "DFT")).values()
    assert trace["y"] == [1.0, 1.1, 2.0]
    assert trace["x"] == [6.0, 6.0, 9.0]


def test_conductivity_shows_methods_meshes_and_carriers():
    found = conductivity()
    html = thermal_conductivity_plot(found, conductivity(0.8, direct=False), "DFT")
    drawn = traces(html)
    assert drawn["potential", "x"]["y"] == pytest.approx(found.conductivity[:, 0], abs=0.01)
    assert drawn["potential", "x"]["error_y"]["array"] == pytest.approx(found.error[:, 0], abs=1e-3)
    assert drawn["potential, relaxation time", "x"]["y"][0] == pytest.approx(0.9 * 90 * 0.95, abs=0.01)
    assert ("DFT, relaxation time", "x") not in drawn
    spacings = drawn["potential", "x2"]["x"]
    assert spacings == pytest.approx([1 / 7, 1 / 9, 0], abs=1e-6)
    assert drawn["potential", "x2"]["y"][-1] == pytest.approx(found.conductivity[0, 0], abs=0.01)
    assert drawn["potential", "x3"]["x"] == pytest.approx(np.geomspace(1, 1e3, 5), rel=1e-4)
    assert "Potential: quantum statistics, with isotopes; middle and right at 300 K." in html


def test_a_single_mesh_has_no_limit():
    drawn = traces(thermal_conductivity_plot(conductivity(meshes=1), None, "DFT"))
    assert drawn["potential", "x2"]["x"] == pytest.approx([1 / 7], abs=1e-6)


def test_strain_is_drawn_against_the_crystal_at_rest():
    found = ConductivityAgainstStrain(
        np.array([-0.01, 0.0, 0.01]), (conductivity(1.1), conductivity(1.0), conductivity(0.9))
    )
    drawn = traces(conductivity_strain_plot(found, None, "DFT"))
    assert drawn["potential", "x"]["y"] == pytest.approx([1.1, 1.0, 0.9], abs=1e-4)
    assert drawn["potential", "x"]["x"] == [-1.0, 0.0, 1.0]
