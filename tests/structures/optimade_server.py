"""The reference OPTIMADE server, on loopback, with the structures of one file: optimade_server.py PORT FILE."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import ase.io
import uvicorn
from optimade.adapters.structures.ase import from_ase_atoms
from optimade.server.config import ServerConfig
from optimade.server.create_app import create_app


def main() -> None:
    port, path = int(sys.argv[1]), Path(sys.argv[2])
    config = ServerConfig(
        insert_test_data=False,
        database_backend="mongomock",
        base_url=f"http://127.0.0.1:{port}",
        log_dir=path.parent,
        aliases={"structures": {"id": "task_id"}},
    )
    app = create_app(config)
    documents = []
    for number, atoms in enumerate(ase.io.read(path, ":")):
        changes = json.loads(atoms.info.pop("changes", "{}"))
        atoms.info.clear()
        document = from_ase_atoms(atoms).model_dump(exclude_unset=True, mode="json")
        documents.append(
            {**document, "task_id": f"entry-{number}", "last_modified": "2026-01-01T00:00:00Z", **changes}
        )
    app.state.entry_collections["structures"].insert(documents)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error")


if __name__ == "__main__":
    main()
