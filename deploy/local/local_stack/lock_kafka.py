# SPDX-License-Identifier: EUPL-1.2
"""``make lock-kafka``: write kafka-jars.txt again from kafka-pom.xml. Needs Maven; only maintainers run it."""

import subprocess
import sys
import tempfile
from pathlib import Path

from local_stack.jars import LIST, sha256

POM = LIST.with_name("kafka-pom.xml")


def coordinates(repository: Path, jar: Path) -> str:
    """``group:artifact:version`` of *jar* that lies in a folder laid out like a Maven repository."""
    *group, artifact, version, _name = jar.relative_to(repository).parts
    return f"{'.'.join(group)}:{artifact}:{version}"


def resolve(folder: Path) -> None:
    """Let Maven copy the runtime closure of the pom into *folder*, in repository layout."""
    goal = "dependency:copy-dependencies"
    options = ["-DincludeScope=runtime", "-Dmdep.useRepositoryLayout=true", f"-DoutputDirectory={folder}"]
    subprocess.run(["mvn", "-q", "-B", "-f", str(POM), goal, *options], check=True)


def main() -> None:
    """Write the list: one line a jar, sorted, with the hash of what Maven brought."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        resolve(folder)
        lines = sorted(f"{coordinates(folder, jar)} {sha256(jar)}" for jar in folder.rglob("*.jar"))
    head = "# The jars of Apache Kafka for the laptop stack; written by `make lock-kafka` from kafka-pom.xml.\n"
    LIST.write_text(head + "\n".join(lines) + "\n")
    sys.stdout.write(f"{LIST.name}: {len(lines)} jars\n")


if __name__ == "__main__":
    main()
