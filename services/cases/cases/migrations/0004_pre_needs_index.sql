-- SPDX-License-Identifier: EUPL-1.2
-- A step's needs are looked for at each answer and each task, those that another took the place of too; the unique
-- index knows only the others.
CREATE INDEX need_of_step ON need (step_id);
