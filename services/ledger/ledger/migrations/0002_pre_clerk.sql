-- SPDX-License-Identifier: EUPL-1.2
-- Who stood at the window, as the office calls its clerk: hers to read, whose data it was.
ALTER TABLE receipt ADD COLUMN clerk text;
