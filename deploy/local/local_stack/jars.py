# SPDX-License-Identifier: EUPL-1.2
"""The jars of Kafka: a committed list of coordinates with hashes, fetched once, compared before each use.

They lie in a cache outside the checkout, so that a second clone starts at once. A file whose hash differs never gets
into a class path.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from local_stack.errors import StackError

LIST = Path(__file__).resolve().parent.parent / "kafka-jars.txt"
AT_ONCE = 8
Progress = Callable[[int, int], None]
Fetch = Callable[["Jar", Path], Path]


@dataclass(frozen=True)
class Jar:
    """One line of the list. sha256: in hexadecimal."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def name(self) -> str:
        """The file's name in the class-path folder."""
        return f"{self.artifact}-{self.version}.jar"


def read_list(path: Path = LIST) -> list[Jar]:
    """The jars of *path*: lines ``group:artifact:version sha256``; ``#`` begins a comment."""
    jars = []
    for line in path.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            coordinates, digest = line.split()
            group, artifact, version = coordinates.split(":")
            jars.append(Jar(group, artifact, version, digest))
    return jars


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cache_folder() -> Path:
    """Where the jars of this list lie: under XDG_CACHE_HOME or ~/.cache, a folder per content of the list."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "tongban" / f"kafka-{sha256(LIST)[:12]}"


def check(path: Path, jar: Jar) -> None:
    """Raise StackError (`JAR_HASH_MISMATCH`) with both hashes unless *path* is what the list says."""
    found = sha256(path)
    if found != jar.sha256:
        raise StackError("JAR_HASH_MISMATCH", f"{jar.name}: expected sha256 {jar.sha256}, found {found}")


def ensure(progress: Progress = lambda _done, _all: None, fetch: Fetch | None = None) -> Path:
    """The folder with all jars, fetched where missing. progress(done, all) is called after each fetch.

    TONGBAN_KAFKA_LIBS names jars that are there already (the libs of a Kafka distribution); those aren't compared.
    Raises StackError: `JAR_HASH_MISMATCH`, `JARS_UNREACHABLE`, `KAFKA_LIBS_EMPTY`.
    """
    if ready := os.environ.get("TONGBAN_KAFKA_LIBS"):
        if not any(Path(ready).glob("kafka*.jar")):
            raise StackError("KAFKA_LIBS_EMPTY", f"TONGBAN_KAFKA_LIBS={ready} holds no kafka*.jar")
        return Path(ready)
    folder, jars = cache_folder(), read_list()
    folder.mkdir(parents=True, exist_ok=True)
    fill(folder, jars, fetch or fetch_from_maven, progress)
    return folder


def fill(folder: Path, jars: Sequence[Jar], fetch: Fetch, progress: Progress) -> None:
    """Make *folder* hold each of *jars*, each compared with its hash; what is wrong or missing is fetched."""
    wanted = missing(folder, jars)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for done, _ in enumerate(pool.map(lambda jar: _fetch_one(folder, jar, fetch), wanted), start=1):
            progress(done, len(wanted))


def missing(folder: Path, jars: Sequence[Jar]) -> list[Jar]:
    """Those of *jars* that *folder* doesn't hold with the right hash."""
    return [jar for jar in jars if not _holds(folder / jar.name, jar)]


def fetch_from_maven(jar: Jar, scratch: Path) -> Path:
    """Download *jar* into *scratch* by jgo, a Maven resolver in Python. Returns the file.

    From Maven Central, or from the repository that TONGBAN_MAVEN_MIRROR names; the hashes hold for both.
    """
    # Imported late: it takes 0.3 s, and most starts find the cache full.
    from jgo.maven import MavenContext  # noqa: PLC0415

    try:
        mirror = os.environ.get("TONGBAN_MAVEN_MIRROR")
        context = MavenContext(repo_cache=scratch, timeout=60, remote_repos={"mirror": mirror} if mirror else None)
        found = context.project(jar.group, jar.artifact).at_version(jar.version).artifact(packaging="jar").resolve()
    except Exception as failed:  # jgo and requests raise many kinds; all mean the same to us
        remedy = "check the network, or set TONGBAN_MAVEN_MIRROR, or TONGBAN_KAFKA_LIBS to a folder with Kafka's jars"
        raise StackError("JARS_UNREACHABLE", f"{jar.name}: {type(failed).__name__}. Remedy: {remedy}") from failed
    return Path(found)


def _holds(path: Path, jar: Jar) -> bool:
    return path.exists() and sha256(path) == jar.sha256


def _fetch_one(folder: Path, jar: Jar, fetch: Fetch) -> None:
    # A folder per process: two runners that fetch at once don't meet, and the rename is atomic.
    scratch = folder / f".part-{os.getpid()}-{jar.name}"
    try:
        fetched = fetch(jar, scratch)
        check(fetched, jar)
        fetched.replace(folder / jar.name)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
