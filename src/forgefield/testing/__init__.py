"""The contract kit: a new family or descriptor inherits these tests and states only its exceptions.

>>> class TestMine(PotentialContract):
...     @pytest.fixture
...     def potential(self):
...         return MyPotential(...)
"""

from forgefield.testing.descriptor import DescriptorContract
from forgefield.testing.potential import PotentialContract

__all__ = ["DescriptorContract", "PotentialContract"]
