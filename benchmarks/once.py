"""``python -m benchmarks.once MEASURE CONTESTANT``: one value, as JSON, from an interpreter of its own."""

from __future__ import annotations

import json
import sys

from benchmarks import measures, peers

__all__ = ["LIMIT", "take"]

LIMIT = "limit"
"""The contestant that is no library but what the machine allows."""


def take(measure_name: str, contestant: str) -> dict[str, object]:
    """Take one measurement; the result holds ``value``, or ``why`` there is none."""
    measure = measures.load(measure_name)
    try:
        if contestant == LIMIT:
            assert measure.limit is not None
            return {"value": measure.limit()}
        return {"value": measure.run(peers.load(contestant))}
    except (peers.NotOffered, ImportError) as error:
        return {"why": str(error)}


if __name__ == "__main__":
    answer = take(*sys.argv[1:])
    # What a library prints must not stand in the way.
    sys.stdout.write("\n" + json.dumps(answer) + "\n")
