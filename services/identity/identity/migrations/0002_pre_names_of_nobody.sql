-- SPDX-License-Identifier: EUPL-1.2
-- The name that an unknown number gets is kept like any other, or the missing row could be measured from outside.
-- It points at no person; whoever reads the table joins person.
ALTER TABLE pseudonym DROP CONSTRAINT pseudonym_person_id_fkey;
