// One task in the list.

import { get } from "./api.js";
import { h, mark, say } from "./dom.js";
import { between, bytes, count, moment, seconds } from "./format.js";
import { chip, isFinal, showStatus } from "./status.js";
import { TaskActions } from "./task-actions.js";

export class TaskRow {
  constructor(task, setup, onRefused) {
    this.chip = chip(task.status);
    this.link = h("a", { class: "name" });
    this.meta = h("span", { class: "hint" });
    this.why = h("span", { class: "why" });
    this.bar = h("progress", {});
    this.pages = h("span", { class: "pages" });
    this.outlook = h("span", { class: "outlook" });
    this.actions = new TaskActions(setup, onRefused);
    this.element = h("li", { class: "task", data: { task: task.task_id } },
      this.chip,
      h("div", { class: "what" }, this.link, this.meta, this.why),
      h("div", { class: "how-far" }, this.bar, this.pages, this.outlook),
      this.actions.element);
    this.show(task);
  }

  show(task) {
    this.task = task;
    showStatus(this.chip, task.status);
    say(this.link, task.document.name);
    mark(this.link, "href", `#/tasks/${task.task_id}`);
    say(this.meta, about(task));
    say(this.why, task.failure?.message ?? "");
    showProgress(this.bar, this.pages, task);
    this.actions.show(task);
  }

  /** Show what the task can expect; `forecast` may be undefined. */
  expect(forecast) {
    showOutlook(this.outlook, this.task.status, forecast);
  }

  /** Show a notice's progress; fetch the rest if the status has changed. */
  async notice({ status, progress }) {
    const changed = status !== this.task.status;
    this.show({ ...this.task, status, progress });
    if (!changed) return;
    try {
      this.show(await get(`/tasks/${this.task.task_id}`));
    } catch {
      // deleted meanwhile, or shown again once there is a connection
    }
  }
}

/** A task's progress as a bar and in words. */
export function showProgress(bar, text, { document, status, progress }) {
  const { pages_total: total, pages_done: done, pages_failed: failed } = progress;
  bar.max = Math.max(1, total);
  bar.value = done + failed;
  mark(bar, "aria-label", `Finished pages of ${document.name}`);
  bar.classList.toggle("some-failed", failed > 0);
  const all = done === total && isFinal(status);
  say(text, (all ? count(total, "page") : `${done} of ${count(total, "page")}`) + (failed ? ` · ${failed} failed` : ""));
}

/** Its place in the queue and roughly how long it still needs. */
export function showOutlook(place, status, forecast) {
  if (!forecast || isFinal(status)) return say(place, "");
  const { position, left_s: left } = forecast;
  const parts = [position === 1 ? "next in the queue" : position > 1 ? `number ${position} in the queue` : "",
    left === null || status === "cancelling" ? "" : left < 1 ? "a moment left" : `about ${seconds(left)} left`];
  say(place, parts.filter(Boolean).join(" · "));
}

function about(task) {
  const parts = [task.document.kind.toUpperCase(), bytes(task.document.size_bytes), moment(task.created_at)];
  if (task.started_at && task.finished_at) parts.push(`took ${seconds(between(task.started_at, task.finished_at))}`);
  if (task.options.priority !== 0) parts.push(`priority ${task.priority}`);
  for (const [name, value] of Object.entries(task.options.labels)) parts.push(`${name}: ${value}`);
  return parts.join(" · ");
}
