# SPDX-License-Identifier: EUPL-1.2
"""Which PostgreSQL, which Java, which jars: the search order and the refusals."""

import hashlib
from pathlib import Path

import pytest

from local_stack import jars, java, postgres
from local_stack.errors import StackError
from local_stack.jars import Jar

GOOD = b"the right bytes"


def _jar(content: bytes = GOOD) -> Jar:
    return Jar("org.example", "thing", "1.0", hashlib.sha256(content).hexdigest())


def _fetches(content: bytes) -> jars.Fetch:
    def fetch(jar: Jar, scratch: Path) -> Path:
        scratch.mkdir()
        (scratch / jar.name).write_bytes(content)
        return scratch / jar.name

    return fetch


def test_a_jar_with_another_hash_is_refused_with_both_hashes_and_not_kept(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="JAR_HASH_MISMATCH") as refused:
        jars.fill(tmp_path, [_jar()], _fetches(b"wrong bytes"), lambda _done, _all: None)
    assert _jar().sha256 in refused.value.text
    assert hashlib.sha256(b"wrong bytes").hexdigest() in refused.value.text
    assert list(tmp_path.iterdir()) == []


def test_a_jar_that_was_changed_in_the_cache_is_fetched_again(tmp_path: Path) -> None:
    (tmp_path / "thing-1.0.jar").write_bytes(b"tampered")
    seen: list[tuple[int, int]] = []
    jars.fill(tmp_path, [_jar()], _fetches(GOOD), lambda done, of: seen.append((done, of)))
    assert (tmp_path / "thing-1.0.jar").read_bytes() == GOOD
    assert seen == [(1, 1)]


def test_jars_that_are_there_already_are_not_fetched(tmp_path: Path) -> None:
    (tmp_path / "thing-1.0.jar").write_bytes(GOOD)

    def refuse(jar: Jar, scratch: Path) -> Path:
        raise AssertionError(jar)

    jars.fill(tmp_path, [_jar()], refuse, lambda _done, _all: None)


def test_the_committed_list_is_one_kafka_with_its_logger_and_no_address() -> None:
    listed = jars.read_list()
    assert len(listed) == 46
    assert {jar.version for jar in listed if jar.group == "org.apache.kafka"} == {"4.3.1"}
    slf4j = {jar.artifact: jar.version for jar in listed if jar.group == "org.slf4j"}
    assert slf4j["slf4j-simple"] == slf4j["slf4j-api"]
    assert "://" not in jars.LIST.read_text()


def test_a_folder_of_jars_that_holds_no_kafka_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TONGBAN_KAFKA_LIBS", str(tmp_path))
    with pytest.raises(StackError, match="KAFKA_LIBS_EMPTY"):
        jars.ensure()


def test_an_old_postgresql_is_refused_in_one_clear_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TONGBAN_PG_BIN", str(tmp_path))
    with pytest.raises(StackError) as refused:
        postgres.find(lambda _folder: "17.4")
    assert refused.value.code == "POSTGRES_TOO_OLD"
    assert "PostgreSQL 17.4 is too old, 18 or later is needed" in refused.value.text


def test_a_wish_for_one_postgresql_excludes_all_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TONGBAN_PG_BIN", str(tmp_path))
    with pytest.raises(StackError, match="POSTGRES_MISSING"):
        postgres.find(lambda folder: None if folder == tmp_path else "18.6")


def test_the_first_postgresql_that_is_new_enough_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TONGBAN_PG_BIN", raising=False)
    monkeypatch.setattr(postgres, "candidates", lambda: [("old", Path("/old")), ("new", Path("/new"))])
    found = postgres.find(lambda folder: {"/old": "17.9", "/new": "18.1"}[str(folder)])
    assert (found.folder, found.version, found.found) == (Path("/new"), "18.1", "new")


def test_an_old_java_is_refused_and_the_next_one_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(java, "candidates", lambda: [("JAVA_HOME", Path("/a/bin/java")), ("PATH", Path("/b/bin/java"))])
    assert java.find(lambda program: {"/a/bin/java": 11, "/b/bin/java": 21}[str(program)]).home == Path("/b")
    with pytest.raises(StackError, match=r"JAVA_MISSING.*Java 11 is too old, 17 or later is needed"):
        java.find(lambda _program: 11)
