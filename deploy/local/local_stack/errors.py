# SPDX-License-Identifier: EUPL-1.2
"""What can go wrong in the runner: one error with a stable code and a sentence for a person."""


class StackError(Exception):
    """The stack can't do what was asked. code: stable, UPPER_SNAKE. The text says what to do about it."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text
