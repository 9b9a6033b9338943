# SPDX-License-Identifier: EUPL-1.2
"""SQL of cases. One query a function; rules are elsewhere."""

from cases.store.aliases import aliases_of, issue_aliases, keep_aliases, keep_issue_aliases
from cases.store.files import (
    applicant_of,
    case_of_applicant,
    insert_case,
    insert_subjects,
    lock_case,
    store_case,
    subjects_of,
)
from cases.store.steps import (
    insert_demand,
    insert_needs,
    insert_steps,
    lock_need_of_exchange,
    mark_asked,
    needs_of_step,
    needs_of_steps,
    refuse_need,
    resolve_need,
    step_of_task,
    steps_of_case,
    steps_to_prepare,
    steps_to_seal,
    store_step,
    unsent_needs,
)

__all__ = [
    "aliases_of",
    "applicant_of",
    "case_of_applicant",
    "insert_case",
    "insert_demand",
    "insert_needs",
    "insert_steps",
    "insert_subjects",
    "issue_aliases",
    "keep_aliases",
    "keep_issue_aliases",
    "lock_case",
    "lock_need_of_exchange",
    "mark_asked",
    "needs_of_step",
    "needs_of_steps",
    "refuse_need",
    "resolve_need",
    "step_of_task",
    "steps_of_case",
    "steps_to_prepare",
    "steps_to_seal",
    "store_case",
    "store_step",
    "subjects_of",
    "unsent_needs",
]
