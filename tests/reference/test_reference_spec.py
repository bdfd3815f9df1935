import pytest
from pydantic import ValidationError

from forgefield.reference.spec import ReferenceSpec


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"engine": "gpwa"},
            r"'gpwa'; did you mean gpaw\? known engines: abinit, cp2k, espresso, gpaw, tblite, vasp, ase:",
        ),
        ({"engine": "ase"}, "unknown engine 'ase'"),
        ({"engine": "ase:EMT"}, r"does not name a calculator; write ase:<module>.<callable>"),
        (
            {"engine": "tblite", "k_spacing": 0.2},
            "k_spacing is not used by engine tblite; remove it, or .* gpaw",
        ),
        ({"engine": "expresso"}, r"unknown engine 'expresso'; did you mean espresso\?"),
        (
            {"engine": "gpaw", "command": "gpaw"},
            "command is not used by engine gpaw; .* espresso or cp2k or abinit or",
        ),
        (
            {"engine": "tblite", "pseudopotentials": "x"},
            "pseudopotentials is not used by engine tblite; remove",
        ),
        ({"engine": "vasp", "command": ""}, "command"),
        ({"engine": "gpaw", "method": "GFN1-xTB"}, "method is not used by engine gpaw; .* engine tblite"),
        ({"engine": "ase:ase.calculators.emt.EMT", "xc": "LDA"}, "xc is not used by engine ase:"),
        ({"cutoff": 5.0}, r"cutoff 5 eV is outside 50…5000 eV"),
        ({"cut_off": 500}, "cut_off"),
        ({"k_spacing": 0.0}, "k_spacing"),
        ({"max_attempts": 0}, "max_attempts"),
    ],
)
def test_reference_spec_refuses(settings, message):
    with pytest.raises(ValidationError, match=message):
        ReferenceSpec(**settings)


@pytest.mark.parametrize("engine", ["gpaw", "espresso", "vasp", "tblite", "ase:ase.calculators.emt.EMT"])
def test_reference_spec_written_in_full_reads_back(engine):
    spec = ReferenceSpec(engine=engine, max_force=20.0)
    assert ReferenceSpec.model_validate_json(spec.model_dump_json()) == spec


def test_reference_spec_describes_every_setting():
    assert all(field.description for field in ReferenceSpec.model_fields.values())
