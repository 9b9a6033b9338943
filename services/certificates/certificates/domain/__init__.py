# SPDX-License-Identifier: EUPL-1.2
"""Rules of certificates. Pure; days are UTC.

operations: the table of operations and states. content: what a certificate says and what may be issued. changing: an
operation applied. history: what was so on a day. sharing: what is told to whom. previews: what a person lets go.
"""

from certificates.domain.changing import Change, Standing, change, check_version
from certificates.domain.content import (
    SERIALS_A_DAY,
    Certificate,
    FieldRule,
    Former,
    Holder,
    Order,
    Provisional,
    TypeRule,
    check_listed,
    check_order,
    check_successor,
)
from certificates.domain.history import Done, as_of
from certificates.domain.operations import (
    FACTS,
    TABLE,
    Cell,
    Circumstances,
    Condition,
    FactType,
    Operation,
    Status,
    decide,
)
from certificates.domain.previews import (
    DECLINED,
    Preview,
    PreviewState,
    Seen,
    accepted,
    check_decidable,
    decided,
    expired,
    opened,
    overdue_rule,
)
from certificates.domain.sharing import EventGrant, ShareTask

__all__ = [
    "DECLINED",
    "FACTS",
    "SERIALS_A_DAY",
    "TABLE",
    "Cell",
    "Certificate",
    "Change",
    "Circumstances",
    "Condition",
    "Done",
    "EventGrant",
    "FactType",
    "FieldRule",
    "Former",
    "Holder",
    "Operation",
    "Order",
    "Preview",
    "PreviewState",
    "Provisional",
    "Seen",
    "ShareTask",
    "Standing",
    "Status",
    "TypeRule",
    "accepted",
    "as_of",
    "change",
    "check_decidable",
    "check_listed",
    "check_order",
    "check_successor",
    "check_version",
    "decide",
    "decided",
    "expired",
    "opened",
    "overdue_rule",
]
