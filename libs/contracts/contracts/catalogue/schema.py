# SPDX-License-Identifier: EUPL-1.2
"""JSON Schema of each kind of entry, for editors and for whoever reads the catalogue without our code.

`python -m contracts.catalogue.schema FOLDER` writes them.
"""

import json
import sys
from pathlib import Path

from contracts.catalogue.entries import ENTRY_MODELS


def schemas() -> dict[str, str]:
    """Give file name -> JSON text (JSON Schema 2020-12), one for each kind, byte for byte the same every time."""
    texts = {}
    for kind, model in ENTRY_MODELS.items():
        schema = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": f"urn:tongban:schema:catalogue:{kind}",
            **model.model_json_schema(by_alias=True),
        }
        texts[f"{kind}.json"] = json.dumps(schema, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
    return texts


def write(folder: Path) -> None:
    """Write all schemas into *folder*."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in schemas().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
