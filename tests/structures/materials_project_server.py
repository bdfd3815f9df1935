"""A server on loopback that answers as the Materials Project does and knows documents of its public schema."""

from __future__ import annotations

import http.server
import json
import threading
from typing import Any
from urllib.parse import parse_qs, urlparse

from ase import Atoms

from forgefield.structures.pymatgen_bridge import to_pymatgen

from .compound_cases import anatase, brookite, rutile

A_KEY = "k" * 32


def document(identifier: str, atoms: Atoms, above: float) -> dict[str, Any]:
    structure = to_pymatgen(atoms)
    for site in structure:
        site.properties["magmom"] = 0.0
    return {
        "material_id": identifier,
        "formula_pretty": structure.composition.reduced_formula,
        "nsites": len(structure),
        "structure": structure.as_dict(),
        "energy_above_hull": above,
        "is_stable": above == 0.0,
        "fields_not_requested": [],
    }


DOCUMENTS = [
    document("mp-2657", rutile(), 0.03),
    document("mp-390", anatase(), 0.0),
    document("mp-1840", brookite(), 0.01),
    document("mp-9", rutile().repeat((2, 1, 1)), 0.5),
]


class MaterialsProject:
    """Answers as the interface does: filters, fields, keys."""

    def __init__(self) -> None:
        self.asked: list[dict[str, list[str]]] = []
        self.keys: set[str] = set()
        self.answer: tuple[int, str] | None = None
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.keys.add(self.headers["x-api-key"])
                status, text = outer.answer or (200, outer.documents(self.path))
                self.send_response(status)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: object) -> None:
                return

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def documents(self, path: str) -> str:
        assert urlparse(path).path == "/materials/summary/"
        query = parse_qs(urlparse(path).query)
        self.asked.append(query)
        names = query.get("material_ids", [""])[0].split(",")
        chosen = [doc for doc in DOCUMENTS if query.get("chemsys") == ["O-Ti"] or doc["material_id"] in names]
        fields = query["_fields"][0].split(",")
        return json.dumps({"data": [{field: doc[field] for field in fields} for doc in chosen], "meta": {}})
