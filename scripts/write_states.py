"""Draws the state machine of tasks from the table that enforces it: `python scripts/write_states.py`."""

from pathlib import Path

from pagemill.domain.task.task import FINAL_STATUSES, TRANSITIONS, TaskStatus

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "states.md"
MEANINGS = {
    TaskStatus.CREATED: "Stored, not started: it was sent with `start=false`.",
    TaskStatus.QUEUED: "Waits for its turn.",
    TaskStatus.RUNNING: "Its pages are being read, or are next.",
    TaskStatus.RETRYING: "Every remaining page waits for its next attempt.",
    TaskStatus.CANCELLING: "Pages being read are stopped; no others start.",
    TaskStatus.SUCCEEDED: "Every page was read.",
    TaskStatus.PARTIALLY_SUCCEEDED: "Some pages were read; the others are named, with their reasons.",
    TaskStatus.FAILED: "No page could be read.",
    TaskStatus.CANCELLED: "Cancelled on request; finished pages are kept.",
    TaskStatus.EXPIRED: "Its first page did not start in time, or its deadline passed; finished pages are kept.",
}
HEAD = """# States of a task

Drawn by `scripts/write_states.py` from `TRANSITIONS` in `src/pagemill/domain/task/task.py`. The store checks every
change of status against that table, and a trigger in the database checks it again. A final task returns to the queue
only when you try its failed or cancelled pages again (`POST /tasks/{task_id}/start`).
"""


def page() -> str:
    """The whole page, in Markdown."""
    arrows = [
        f"    {before} --> {after}" for before in TRANSITIONS for after in TaskStatus if after in TRANSITIONS[before]
    ]
    ends = [f"    {status} --> [*]" for status in TaskStatus if status in FINAL_STATUSES]
    drawing = "\n".join(["```mermaid", "stateDiagram-v2", "    [*] --> created", *arrows, *ends, "```"])
    rows = [f"| `{status}` | {MEANINGS[status]} | {_next_statuses(status)} |" for status in TaskStatus]
    table = "\n".join(["| status | meaning | next |", "|---|---|---|", *rows])
    return f"{HEAD}\n{drawing}\n\n{table}\n"


def _next_statuses(status: TaskStatus) -> str:
    return ", ".join(f"`{after}`" for after in TaskStatus if after in TRANSITIONS[status]) or "–"


if __name__ == "__main__":
    PAGE.write_text(page())
