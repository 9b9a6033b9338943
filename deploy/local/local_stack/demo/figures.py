# SPDX-License-Identifier: EUPL-1.2
"""What a case says of itself, found again: each figure by one query over facts and receipts, for everybody to repeat.

The report of a case is made from the tables of its steps. These queries read none of them: they read the facts that
cases said on the bus (as its outbox keeps them), the moves of the sandbox's clock, and the receipts in the ledger.
$1 is the case's id. `make demo` prints them; `psql` takes them as they stand.
"""

from functools import cache
from typing import Final

import yaml

from local_stack.layout import CHECKOUT

_FACTS: Final = """WITH RECURSIVE fact AS (
  SELECT keyseq, convert_from(payload, 'UTF8')::jsonb AS said FROM outbox
  WHERE topic = 'cases.step.v1' AND key = $1::text),
last AS (
  SELECT DISTINCT ON (said ->> 'step', said ->> 'office') said FROM fact
  ORDER BY said ->> 'step', said ->> 'office', keyseq DESC)"""

_QUERIES: Final[dict[str, tuple[str, str]]] = {
    "offices": (
        "ledger",
        """SELECT count(DISTINCT office) FROM (
  SELECT leaf::jsonb -> 'asker' ->> 'office' AS office FROM receipt
  WHERE case_id = $1::uuid AND side = 'asker' AND leaf::jsonb ->> 'purpose' = 'case-task'
  UNION SELECT leaf::jsonb ->> 'provider' FROM receipt WHERE case_id = $1::uuid AND side = 'holder') AS part""",
    ),
    "steps": ("cases", _FACTS + "\nSELECT count(*) FROM last WHERE said ->> 'state' = 'done'"),
    "longestChain": (
        "cases",
        f"""{_FACTS}, done AS (
  SELECT DISTINCT split_part(said ->> 'step', '/', 2) AS id, said -> 'after' AS after FROM last
  WHERE said ->> 'state' = 'done'),
chain (id, long) AS (
  SELECT id, 1 FROM done UNION SELECT done.id, long + 1 FROM chain JOIN done ON done.after ? chain.id)
SELECT max(long) FROM chain""",  # noqa: S608 - no word of it comes from outside
    ),
    "uploads": (
        "cases",
        """SELECT (convert_from(payload, 'UTF8')::jsonb ->> 'uploads')::int FROM outbox
WHERE topic = 'cases.case.v1' AND key = $1::text ORDER BY keyseq DESC LIMIT 1""",
    ),
    "visits": ("cases", _FACTS + "\nSELECT count(DISTINCT said -> 'visit') FROM last WHERE said ->> 'state' = 'done'"),
    "demandsRefused": (
        "ledger",
        """SELECT count(*) FROM receipt WHERE case_id = $1::uuid AND side = 'gate' AND decision = 'refused'
AND leaf::jsonb ->> 'purpose' = 'proof-demand'""",
    ),
    "deemedSteps": ("cases", _FACTS + "\nSELECT count(*) FROM last WHERE (said ->> 'deemed')::boolean"),
    "commitments": ("cases", _FACTS + "\nSELECT count(*) FROM last WHERE (said ->> 'committed')::boolean"),
    "elapsedWorkingDays": (
        "cases",
        """WITH life AS (
  SELECT min(created_at) AS opened, max(created_at) FILTER (WHERE type = 'cases.case.closed.v1') AS closed
  FROM outbox WHERE topic = 'cases.case.v1' AND key = $1::text),
reckoned AS (  -- by the clock of deadlines: each moment as far ahead as the last move before it says
  SELECT (opened + coalesce((SELECT ahead FROM clock_move WHERE moved_at <= opened
      ORDER BY move_id DESC LIMIT 1), interval '0')) AT TIME ZONE 'UTC' AS opened,
    (closed + coalesce((SELECT ahead FROM clock_move WHERE moved_at <= closed
      ORDER BY move_id DESC LIMIT 1), interval '0')) AT TIME ZONE 'UTC' AS closed
  FROM life)
SELECT coalesce(floor(sum(extract(epoch FROM least(closed, day + interval '1 day') - greatest(opened, day))) / 86400),
  0)::int
FROM reckoned, generate_series(date_trunc('day', opened), closed, interval '1 day') AS day
WHERE (extract(isodow FROM day) < 6 AND day <> ALL (ARRAY[:holidays]::date[]))
  OR day = ANY (ARRAY[:workdays]::date[])""",
    ),
    "documentsNotAsked": (
        "ledger",
        """SELECT count(DISTINCT exchange_id) FROM receipt AS gate JOIN receipt AS holder USING (exchange_id)
WHERE holder.case_id = $1::uuid AND gate.side = 'gate' AND holder.side = 'holder' AND holder.decision = 'released'""",
    ),
}
"""Figure of the report -> (the deployment whose database is asked, the query)."""


@cache
def queries() -> dict[str, tuple[str, str]]:
    """Give for each figure the deployment whose database is asked, and the query; holidays are the catalogue's."""
    (calendar,) = yaml.safe_load((CHECKOUT / "catalogue" / "calendar.yaml").read_text(encoding="utf-8"))
    days = {name: ", ".join(f"'{day}'" for day in calendar[name]) for name in ("holidays", "workdays")}
    return {
        figure: (system, query.replace(":holidays", days["holidays"]).replace(":workdays", days["workdays"]))
        for figure, (system, query) in _QUERIES.items()
    }
