"""Calculators that serve as truth."""

import pytest
from ase.build import bulk
from ase.calculators.emt import EMT

manybody = pytest.importorskip("matscipy.calculators.manybody")


@pytest.fixture
def stillinger_weber():
    from matscipy.calculators.manybody.explicit_forms import StillingerWeber
    from matscipy.calculators.manybody.explicit_forms.stillinger_weber import Stillinger_Weber_PRB_31_5262_Si

    return manybody.Manybody(**StillingerWeber(Stillinger_Weber_PRB_31_5262_Si))


@pytest.fixture
def tersoff():
    from matscipy.calculators.manybody.explicit_forms import TersoffBrenner
    from matscipy.calculators.manybody.explicit_forms.tersoff_brenner import Tersoff_PRB_39_5566_Si_C

    return manybody.Manybody(**TersoffBrenner(Tersoff_PRB_39_5566_Si_C))


@pytest.fixture
def emt():
    return EMT()


@pytest.fixture
def sw_silicon(stillinger_weber):
    """Diamond silicon at the zero-stress volume of Stillinger–Weber (a = 5.43095 Å by construction)."""
    return bulk("Si", a=5.430949778)
