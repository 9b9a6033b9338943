# SPDX-License-Identifier: EUPL-1.2
"""A draft's constants stay in the draft's own module, so that the next draft is a new file and nothing else."""

from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
FORMATS = ROOT / "libs/contracts/contracts/certificates/formats"
HOMES = {
    "dc+sd-jwt": "sdjwtvc_d26.py",
    "aka_vcts": "sdjwtvc_d26.py",
    "vct#integrity": "sdjwtvc_d26.py",
    "kb+jwt": "sdjwt_rfc9901.py",
    "_sd_alg": "sdjwt_rfc9901.py",
}


def sources() -> Iterator[Path]:
    for folder in ("libs", "sdk", "services", "examples"):
        for path in (ROOT / folder).rglob("*.py"):
            if "tests" not in path.parts:
                yield path


@pytest.mark.parametrize(("constant", "home"), HOMES.items())
def test_a_constant_of_a_draft_has_one_home(constant: str, home: str) -> None:
    found = {path for path in sources() if f'"{constant}"' in path.read_text(encoding="utf-8")}
    assert found == {FORMATS / home}


def test_nobody_imports_a_draft_s_module_directly() -> None:
    outside = [path for path in sources() if FORMATS not in path.parents]
    assert [path for path in outside if "certificates.formats." in path.read_text(encoding="utf-8")] == []
