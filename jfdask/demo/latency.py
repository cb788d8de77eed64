"""How long a real server took: seconds an answer, measured on 12.0 with 500 movies a page."""

from __future__ import annotations

from dataclasses import dataclass

from jfdask.demo.answers import Answer


@dataclass(frozen=True)
class Latencies:
    """Seconds; a page of 500 takes .045 plain, .12 with fields and .1 with user data."""

    answer_seconds: float = 0.003
    plain_seconds: float = 0.00009  # a movie
    fields_seconds: float = 0.00024
    user_data_seconds: float = 0.0002

    def seconds(self, answer: Answer) -> float:
        """Return how long this answer took, people apart."""
        by_kind = {
            "plain": self.plain_seconds,
            "fields": self.fields_seconds,
            "user_data": self.user_data_seconds,
        }
        return self.answer_seconds + answer.n_items * by_kind.get(answer.kind, 0.0)


NO_LATENCY = Latencies(0.0, 0.0, 0.0, 0.0)
