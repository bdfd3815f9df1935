"""What the OPTIMADE server of the tests stores, and how servers that misbehave answer."""

from __future__ import annotations

import http.server
import json
from collections.abc import Callable
from pathlib import Path

from ase import Atoms
from ase.build import bulk

from forgefield.structures.compound_spec import CrystalSpec, OptimadeSpec, WebSpec
from forgefield.structures.optimade_source import optimade_structures
from forgefield.structures.source_result import SourceResult

from .compound_cases import anatase, brookite, rutile

Handler = Callable[[http.server.BaseHTTPRequestHandler], None]
QUICK = WebSpec(timeout=30.0, attempts=3, wait=0.01)
# Cells as they are stored, however small.
LIMITS = CrystalSpec(min_atoms=1)


def asked(
    address: str,
    cache: Path,
    elements: tuple[str, ...] = ("Na", "Cl"),
    limits: CrystalSpec = LIMITS,
    **settings: object,
) -> SourceResult:
    spec = OptimadeSpec.model_validate({"web": QUICK, **settings})
    return optimade_structures([address], elements, spec, limits, cache)


def send(request: http.server.BaseHTTPRequestHandler, status: int, text: str, **headers: str) -> None:
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()
    request.wfile.write(text.encode())


def _changed(atoms: Atoms, **changes: object) -> Atoms:
    atoms.info["changes"] = json.dumps(changes)
    return atoms


STORED = [
    rutile(),
    anatase(),
    brookite(),
    bulk("TiO", "rocksalt", a=4.18),
    bulk("Ti", "hcp", a=2.95, c=4.68),
    bulk("NaCl", "rocksalt", a=5.64),
    bulk("NaCl", "cesiumchloride", a=3.4),
    bulk("NaCl", "rocksalt", a=5.64, cubic=True),
    _changed(bulk("NaCl", "zincblende", a=6.1), nsites=3),
    _changed(bulk("NaCl", "wurtzite", a=4.3), lattice_vectors=None),
    _changed(
        bulk("MgO", "rocksalt", a=4.2),
        species=[
            {"name": "Mg", "chemical_symbols": ["Mg", "vacancy"], "concentration": [0.5, 0.5]},
            {"name": "O", "chemical_symbols": ["O"], "concentration": [1.0]},
        ],
    ),
    _changed(bulk("ZnO", "wurtzite", a=3.25, c=5.2, u=0.382), task_id="mp-2133"),
]
