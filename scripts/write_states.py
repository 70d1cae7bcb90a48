"""Draws the state machine of tasks from the table that enforces it: `python scripts/write_states.py`."""

from pathlib import Path

from pagemill.domain.tasks import FINAL_STATUSES, TRANSITIONS, TaskStatus

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "states.md"
MEANINGS = {
    TaskStatus.CREATED: "Stored, not started: it was sent with `start=false`.",
    TaskStatus.QUEUED: "Waits to be let in.",
    TaskStatus.RUNNING: "Its pages are worked, or about to be.",
    TaskStatus.RETRYING: "Every page left waits for the time of its next try.",
    TaskStatus.CANCELLING: "Pages in work are being stopped; no other is started.",
    TaskStatus.SUCCEEDED: "Every page was read.",
    TaskStatus.PARTIALLY_SUCCEEDED: "Some pages were read; the others are named, with their reasons.",
    TaskStatus.FAILED: "No page could be read.",
    TaskStatus.CANCELLED: "Stopped by somebody; finished pages are kept.",
    TaskStatus.EXPIRED: "Waited too long for a first page, or passed its deadline; finished pages are kept.",
}
HEAD = """# States of a task

Drawn by `scripts/write_states.py` from `TRANSITIONS` in `src/pagemill/domain/tasks.py`. That table is enforced by every
change of status in the store, and once more by a trigger in the database. A final task goes back to the queue only when
its failed or cancelled pages are tried again (`POST /tasks/{task_id}/start`).
"""


def page() -> str:
    """The whole page, in Markdown."""
    arrows = [
        f"    {before} --> {after}" for before in TRANSITIONS for after in TaskStatus if after in TRANSITIONS[before]
    ]
    ends = [f"    {status} --> [*]" for status in TaskStatus if status in FINAL_STATUSES]
    drawing = "\n".join(["```mermaid", "stateDiagram-v2", "    [*] --> created", *arrows, *ends, "```"])
    rows = [f"| `{status}` | {MEANINGS[status]} | {_next(status)} |" for status in TaskStatus]
    table = "\n".join(["| status | meaning | next |", "|---|---|---|", *rows])
    return f"{HEAD}\n{drawing}\n\n{table}\n"


def _next(status: TaskStatus) -> str:
    return ", ".join(f"`{after}`" for after in TaskStatus if after in TRANSITIONS[status]) or "–"


if __name__ == "__main__":
    PAGE.write_text(page())
