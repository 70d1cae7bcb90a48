// The queue in numbers: waiting tasks and their waits, speed, finished work and failures.

import { h } from "./dom.js";
import { count, seconds, sentence, words } from "./format.js";
import { row, table } from "./tables.js";

export function tiles({ status, rate }) {
  const { queue, lanes } = status;
  const left = rate > 0 && queue.waiting_pages ? ` · about ${seconds(queue.waiting_pages / rate)} left` : "";
  return h("section", { class: "tiles", "aria-label": "Queue" },
    tile("Pages left", queue.waiting_pages.toLocaleString("en"), `${count(queue.active_tasks, "task")} running${left}`),
    tile("Waiting tasks", queue.queued_tasks.toLocaleString("en"), queue.queued_tasks ? `oldest: ${seconds(queue.oldest_wait_s)}` : "none"),
    tile("Pages per second", rate.toFixed(rate < 10 ? 1 : 0), "over the last minute"),
    ...lanes.map((lane) => tile(`Services: ${lane.name}`, `${lane.in_use} / ${lane.capacity}`, "in use")));
}

function tile(label, value, more) {
  return h("div", { class: "tile" }, h("p", { class: "label" }, label), h("p", { class: "value" }, value),
    h("p", { class: "hint" }, more));
}

export function queueTables(queue) {
  return h("section", { class: "card", "aria-label": "Waiting and running" },
    h("div", { class: "card-head" }, h("h2", {}, "Waiting and running"), h("p", { class: "hint" }, "tasks of the last hour")),
    spreads(queue), oldestWaits(queue.oldest_by_priority));
}

function spreads({ waits, runs }) {
  const columns = ["Tasks", "Number", "Median", "90 % within", "99 % within"];
  const rows = [["Waiting time", waits], ["Running time", runs]].map(([name, spread]) =>
    row(columns, name, spread.count.toLocaleString("en"),
      ...["p50_s", "p90_s", "p99_s"].map((key) => (spread.count ? seconds(spread[key]) : "–"))));
  return table(columns, rows);
}

function oldestWaits(waits) {
  if (!waits.length) return h("p", { class: "hint after" }, "No tasks are waiting.");
  const columns = ["Waiting tasks", "Oldest has waited"];
  return h("div", { class: "after" }, table(columns, waits.map(({ priority, oldest_wait_s: wait }) =>
    row(columns, `priority ${priority}`, seconds(wait)))));
}

export function workDone(done) {
  const stages = Object.entries(done.pages_read).map(([stage, times]) => stageRow(stage, times)).filter(Boolean);
  const counters = [["given up", done.pages_failed], ["tried again", done.pages_retried],
    ...Object.entries(done.oom_recoveries).map(([rung, times]) => [`out of memory, then ${words(rung)}`, times]),
    ...Object.entries(done.worker_losses).map(([cause, times]) => [`worker lost: ${words(cause)}`, times])];
  return h("section", { class: "card", "aria-label": "Work done" },
    h("div", { class: "card-head" }, h("h2", {}, "Since the server started")),
    stages.length ? table(STAGE_COLUMNS, stages) : h("p", { class: "empty" }, "No pages read yet."),
    h("ul", { class: "counters" }, ...counters.filter(([, times]) => times).map(([name, times]) =>
      h("li", {}, `${count(times, "page")} ${name}`))));
}

const STAGE_COLUMNS = ["Pages", "Read", "Median", "90 % within", "99 % within"];

function stageRow(stage, { bounds, counts }) {
  const total = counts.reduce((sum, each) => sum + each, 0);
  if (!total) return null;
  const within = (share) => {
    let seen = 0;
    const at = counts.findIndex((each) => (seen += each) >= total * share);
    return at < bounds.length ? `≤ ${seconds(bounds[at])}` : `> ${seconds(bounds.at(-1))}`;
  };
  return row(STAGE_COLUMNS, stage === "text" ? "Text layers" : "Recognised", total.toLocaleString("en"),
    within(0.5), within(0.9), within(0.99));
}

/** Failures by reason: tasks of the last day with a link to the newest, and pages since the server started. */
export function failures({ queue, work }) {
  const columns = ["Reason", "Tasks of the last day", "Pages since server start", "Newest task"];
  const tasks = new Map(queue.failures.map((group) => [group.reason, group]));
  const reasons = [...new Set([...tasks.keys(), ...Object.keys(work.failed_for)])];
  if (!reasons.length) return null;
  const rows = reasons.map((reason) => {
    const group = tasks.get(reason);
    const newest = group?.newest_task_id ? h("a", { href: `#/tasks/${group.newest_task_id}` }, "show") : "–";
    return row(columns, sentence(reason), String(group?.tasks ?? 0), String(work.failed_for[reason] ?? 0), newest);
  });
  return h("section", { class: "card", "aria-label": "Failures by reason" },
    h("div", { class: "card-head" }, h("h2", {}, "Failures by reason")), table(columns, rows));
}
