# SPDX-License-Identifier: EUPL-1.2
"""House rules that no tool knows, read from the syntax tree of every Python file.

Each rule names what it forbids, where it does not hold, and a snippet that breaks it: `test_the_rule_can_fail` feeds
it that snippet, so no rule can go blind unnoticed.
"""

from __future__ import annotations

import ast
import re
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
ELSEWHERE = {".git", ".venv", ".local", "__pycache__", "build", "dist", "node_modules"}
TESTS = r"(.*/)?(tests|bench)/|(.*/)?conftest\.py$"


@cache
def python_files() -> dict[str, str]:
    """All Python files of the checkout: path from the root -> text."""
    files = {path.relative_to(ROOT).as_posix(): path for path in ROOT.rglob("*.py")}
    return {
        name: path.read_text("utf-8") for name, path in sorted(files.items()) if not ELSEWHERE & set(name.split("/"))
    }


# --------------------------------------------------------------------------------------------------- readers
def dotted(node: ast.AST) -> str:
    """Give the name that *node* spells (`asyncio.create_task`); a call in it counts as the name it calls."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return dotted(node.func) if isinstance(node, ast.Call) else ""


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Each imported name in full, with its line; what is relative starts with a dot."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = "." * node.level + (f"{node.module}." if node.module else "")
            yield from ((node.lineno, origin + alias.name) for alias in node.names)


def words(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Each piece of text, also those within f-strings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


# ----------------------------------------------------------------------------------------------------- rules
CLOCK = re.compile(r"(.*\.)?(datetime|date)\.(now|utcnow|today)|time\.time(_ns)?")


def reads_the_clock(_: str, tree: ast.AST) -> Iterator[int]:
    yield from (
        node.lineno for node in ast.walk(tree) if isinstance(node, ast.Attribute) and CLOCK.fullmatch(dotted(node))
    )
    yield from (line for line, name in imported(tree) if name in {"time.time", "time.time_ns"})


TASK = re.compile(r"(asyncio\.|(.*[._])?loop\.|.*get_(running|event)_loop\.)?(create_task|ensure_future)")


def drops_a_task(_: str, tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        dropped = isinstance(node, ast.Expr) or (isinstance(node, ast.Assign) and dotted(node.targets[0]) == "_")
        if dropped and isinstance(node, ast.Expr | ast.Assign) and isinstance(node.value, ast.Call):
            yield from [node.lineno] if TASK.fullmatch(dotted(node.value.func)) else []


def knows_http_exceptions(_: str, tree: ast.AST) -> Iterator[int]:
    named = [(node.lineno, dotted(node)) for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    for line, name in (*imported(tree), *named):
        if name.endswith(".HTTPException") and not name.endswith("client.HTTPException"):  # not http.client's own
            yield line


def raises_http_exceptions(_: str, tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and node.exc and dotted(node.exc).endswith("HTTPException"):
            yield node.lineno


QUERY = re.compile(r".*\.(execute|executemany|fetch|fetchrow|fetchval|prepare|cursor)")


def builds_sql(_: str, tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and QUERY.fullmatch(dotted(node.func)):
            sql = node.args[0]
            glued = isinstance(sql, ast.JoinedStr | ast.BinOp) or dotted(sql).endswith(("format", "join", "replace"))
            if glued:
                yield node.lineno


STAR = re.compile(r"\b(select|returning)\s+(distinct\s+)?(\w+\.)?\*", re.IGNORECASE)


def selects_a_star(_: str, tree: ast.AST) -> Iterator[int]:
    yield from (line for line, text in words(tree) if STAR.search(text))


def skips(_: str, tree: ast.AST) -> Iterator[int]:
    skipping = re.compile(r"(pytest\.|.*\.mark\.|unittest\.)(skip|skipif|skipIf|importorskip|xfail)")
    yield from (
        node.lineno for node in ast.walk(tree) if isinstance(node, ast.Attribute) and skipping.fullmatch(dotted(node))
    )


def is_unfinished(_: str, tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and node.exc and dotted(node.exc) == "NotImplementedError":
            yield node.lineno


def imports_of(*roots: str) -> Callable[[str, ast.AST], Iterator[int]]:
    """Make a rule against importing any of *roots* or what is under them."""

    def check(_: str, tree: ast.AST) -> Iterator[int]:
        yield from (line for line, name in imported(tree) if any(f"{name}.".startswith(f"{root}.") for root in roots))

    return check


def imports_beyond(*allowed: str) -> Callable[[str, ast.AST], Iterator[int]]:
    """Make a rule that allows the standard library and *allowed*; `{package}` is the file's own package."""

    def check(path: str, tree: ast.AST) -> Iterator[int]:
        package = path.split("/")[-2] if path.endswith("domain.py") else path.split("/")[-3]
        names = [name.format(package=package) for name in (*sys.stdlib_module_names, *allowed)]
        known = tuple(f"{name}." if name.strip(".") else name for name in names)  # a bare dot: all that is relative
        yield from (line for line, name in imported(tree) if not f"{name}.".startswith(known))

    return check


@dataclass(frozen=True)
class Rule:
    """`holds` matches the paths it is for, `not_in` those it spares; `bad` breaks it, `good` does not."""

    name: str
    check: Callable[[str, ast.AST], Iterator[int]]
    bad: tuple[str, ...]
    good: str = "x = 1"
    holds: str = ".*"
    not_in: str = "(?!)"
    at: str = "services/identity/identity/x.py"


RULES = [
    Rule(
        "time comes from an injected clock",
        reads_the_clock,
        ("datetime.now(UTC)", "dt.datetime.utcnow()", "date.today()", "f(clock=time.time)", "from time import time"),
        good="now = clock(); time.monotonic(); time.sleep(1)",
        # the three clocks themselves (kit, SDK, and the time in a UUIDv7), and what measures or drives the machine
        not_in=r"libs/kit/kit/clock\.py|sdk/tongban/clock\.py|libs/contracts/contracts/ids\.py|deploy/local/|" + TESTS,
    ),
    Rule(
        "a task that nobody keeps can vanish while it runs",
        drops_a_task,
        (
            "asyncio.create_task(f())",
            "loop.create_task(f())",
            "_ = asyncio.ensure_future(f())",
            "asyncio.get_running_loop().create_task(f())",
            "self.loop.create_task(f())",
        ),
        good="task = asyncio.create_task(f()); group.create_task(f())",  # a TaskGroup keeps its own
    ),
    Rule(
        "failures are ServiceErrors; a status is the edge's business",
        knows_http_exceptions,
        ("from fastapi import HTTPException", "raise fastapi.HTTPException(404)"),
        good="except_ = http.client.HTTPException",
        not_in=r"libs/kit/kit/problems\.py",  # turns the router's own into problem documents
    ),
    Rule("nobody raises HTTPException", raises_http_exceptions, ("raise HTTPException(404)", "raise x.HTTPException")),
    Rule(
        "SQL in a store is a constant",
        builds_sql,
        (
            'tx.execute(f"DELETE FROM {t}")',
            'tx.fetch("SELECT a FROM " + t)',
            'self.tx.fetchval("{}".format(t))',
            'tx.fetchrow("SELECT %s" % t)',
            'tx.execute(" ".join(parts))',
        ),
        good='tx.fetch("SELECT a FROM t WHERE b = $1", f"{b}")',
        holds=r"services/.*/store(\.py|/.*)",
        at="services/identity/identity/store.py",
    ),
    Rule(
        "columns are named",
        selects_a_star,
        tuple(
            sql.format("*") for sql in ('"SELECT {}"', '"select distinct {}"', 'f"SELECT t.{} {{a}}"', '"RETURNING {}"')
        ),
        good='"SELECT count(*), a * b FROM t"',
    ),
    Rule("no test is skipped", skips, ("pytest.skip('x')", "@pytest.mark.skipif(x)\ndef f(): ...")),
    Rule("nothing is left unfinished", is_unfinished, ("raise NotImplementedError", "raise NotImplementedError('x')")),
    Rule(
        "only kit.http and one module of the SDK open the HTTP client",
        imports_of("httpx", "httpx2", "aiohttp", "requests", "starlette.testclient", "fastapi.testclient"),
        ("import httpx", "from httpx import Client", "from starlette.testclient import TestClient"),
        good="import httpxx",
        not_in=r"libs/kit/kit/http(\.py|/)|sdk/tongban/http\.py",
    ),
    Rule(
        "only kit.kafka opens Kafka",
        imports_of("aiokafka", "kafka", "confluent_kafka"),
        ("import aiokafka", "from aiokafka.errors import KafkaError"),
        good="from kit.kafka import ensure_topics",
        not_in=r"libs/kit/kit/kafka(\.py|/)|bench/",  # the floor under us is the bare client
    ),
    Rule(
        "only kit.db, stores, the runner and store tests know the database driver",
        imports_of("asyncpg", "psycopg"),
        ("import asyncpg", "from asyncpg.pool import Pool"),
        not_in=r"libs/kit/kit/db(\.py|/)|services/.*/store(\.py|/)|deploy/local/|.*tests/(store|integration|chaos)/|bench/",
    ),
    Rule(
        "rules import the standard library and errors only",
        imports_beyond("{package}.errors", "{package}.domain", ".errors", "..errors", ".domain"),
        ("import pydantic", "from kit.clock import Clock", "from identity.store import x", "from . import store"),
        good="import re\nfrom datetime import datetime\nfrom identity.errors import Unknown\nfrom . import errors",
        holds=r"services/[^/]+/[^/]+/domain(\.py|/.*)",
        at="services/identity/identity/domain.py",
    ),
    Rule(
        "contracts import pydantic and the standard library only",
        imports_beyond("pydantic", "pydantic_core", "contracts", "."),
        ("import orjson", "from kit.clock import Clock", "from joserfc import jwe"),
        good="from pydantic import BaseModel\nfrom contracts.base import Model\nfrom .base import x",
        holds=r"libs/contracts/contracts/.*",
        at="libs/contracts/contracts/x.py",
    ),
]


parsed = cache(ast.parse)  # each file is asked by every rule


def breaches(rule: Rule, path: str, text: str) -> list[str]:
    """Where *text*, if it stood at *path*, breaks *rule*."""
    if not re.match(rule.holds, path) or re.match(rule.not_in, path):
        return []
    return [f"{path}:{line}" for line in rule.check(path, parsed(text, path))]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_code_keeps_the_rule(rule: Rule) -> None:
    found = [breach for path, text in python_files().items() for breach in breaches(rule, path, text)]
    assert not found, f"{rule.name}: {', '.join(found)}"


@pytest.mark.parametrize(("rule", "bad"), [(rule, bad) for rule in RULES for bad in rule.bad])
def test_the_rule_can_fail(rule: Rule, bad: str) -> None:
    assert breaches(rule, rule.at, bad)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_rule_lets_good_code_pass(rule: Rule) -> None:
    assert not breaches(rule, rule.at, rule.good)
