"""The figure of a hop: curve of the potential, dots of the reference."""

import numpy as np
import pytest

from forgefield.properties.energy_profile import EnergyProfile
from forgefield.report.figures_kinetics import path_plot
from forgefield.report.figures_style import POTENTIAL, REFERENCE

from .page_reader import PageReader

LENGTHS = np.linspace(0, 2, 5)
POTENTIAL_PROFILE = EnergyProfile(
    LENGTHS, np.sin(np.pi * LENGTHS / 2) ** 2, np.pi / 2 * np.sin(np.pi * LENGTHS)
)
REFERENCE_PROFILE = EnergyProfile(LENGTHS, 0.8 * POTENTIAL_PROFILE.energies, 0.8 * POTENTIAL_PROFILE.slopes)


def test_reference_is_dots_and_the_potential_a_curve_through_its_images():
    page = path_plot(POTENTIAL_PROFILE, REFERENCE_PROFILE, "DFT (PBE)", "O vacancy, 2.53 Å")
    dots, curve, images = PageReader(page).figures["path-o-vacancy--2-53--"]["data"]
    assert (dots["mode"], dots["name"], dots["marker"]["color"]) == ("markers", "DFT (PBE)", REFERENCE)
    assert dots["y"] == pytest.approx(REFERENCE_PROFILE.energies.tolist(), abs=1e-4)
    assert (curve["mode"], curve["line"]["color"]) == ("lines", POTENTIAL)
    assert len(curve["x"]) > 50
    assert max(curve["y"]) == pytest.approx(1, abs=1e-3)
    assert images["x"] == pytest.approx(LENGTHS.tolist())
    assert "Barriers: potential 1.00 eV, DFT (PBE) 0.800 eV." in page
    assert "Energy along the path: O vacancy, 2.53 Å" in page


@pytest.mark.parametrize(
    ("potential", "reference", "count"),
    [(POTENTIAL_PROFILE, None, 2), (None, REFERENCE_PROFILE, 1), (None, None, 0)],
)
def test_either_may_be_missing(potential, reference, count):
    page = path_plot(potential, reference, "DFT")
    assert len(PageReader(page).figures["path"]["data"]) == count
    assert ("Barriers" in page) == (count > 0)
