# SPDX-License-Identifier: EUPL-1.2
"""What a task lets an office do, by the case proof that came with it."""

from certificates.domain import Holder
from certificates.errors import ClaimsInvalid, FieldError, TaskNotProven
from certificates.service.keys import Keys
from certificates.service.rulebook import Rulebook
from contracts.certificates import api as models
from contracts.certificates.api import TaskRef
from contracts.identifiers import is_uscc
from kit import aliases, gate
from kit.aliases import AliasRefused
from kit.tokens import KeyOf


class Proving:
    """Reads case proofs and aliases. case_keys: keys of systems with the role cases, and of nobody else."""

    def __init__(self, *, rulebook: Rulebook, keys: Keys, case_keys: KeyOf) -> None:
        self._rulebook = rulebook
        self._keys = keys
        self._case_keys = case_keys

    def check(self, task: TaskRef, office: str, type_name: str, *, alias: str | None, organisation: str | None) -> bool:
        """Check a task against its case proof: office, case, step, type and holder (an alias or an organisation).

        Tells whether the task founds the organisation. Raises TaskNotProven.
        """
        try:
            proof = gate.read_case_proof(task.case_proof, key_of=self._case_keys, recorded_at=self._rulebook.now())
        except gate.GateRefused as why:
            raise TaskNotProven from why
        if (proof.office, proof.case_id, proof.step) != (office, task.case_id, task.step):
            raise TaskNotProven
        of_type = [issue.holder for issue in proof.issues if issue.type == type_name]
        named = alias or organisation
        if named is not None and aliases.digest(named) in of_type:
            return False
        # An organisation that is born by this very certificate: cases can't know its code yet, so its proof leaves the
        # holder open, and the office's own power counts.
        if organisation is not None and alias is None and None in of_type:
            return True
        raise TaskNotProven

    def holder(self, office: str, given: models.Holder) -> Holder:
        """Read a holder, named in one way; an alias is opened. Raises ClaimsInvalid."""
        if sum(value is not None for value in (given.subject, given.alias, given.organisation)) != 1:
            raise ClaimsInvalid([FieldError("/holder", "EXACTLY_ONE", "Name one holder in one way.")])
        if given.organisation is not None and not is_uscc(given.organisation):
            raise ClaimsInvalid([FieldError("/holder/organisation", "CHECK_FAILED")])
        if given.alias is None:
            return Holder(given.subject, given.organisation)
        return Holder(self.subject(office, given.alias, "/holder/alias"))

    def subject(self, office: str, alias: str, pointer: str) -> str:
        """Open an alias to the office's own pseudonym. Raises ClaimsInvalid at *pointer*."""
        try:
            return aliases.open_alias(self._keys.opening(office), office, alias)
        except AliasRefused as why:
            raise ClaimsInvalid([FieldError(pointer, "NOT_OURS")]) from why
