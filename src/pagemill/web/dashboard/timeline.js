// The events of a task, in order; consecutive pages share one line.

import { get } from "./api.js";
import { h, say } from "./dom.js";
import { between, clock, seconds, sentence, words } from "./format.js";

const TONES = {
  succeeded: "good", page_failed: "bad", failed: "bad", expired: "bad", worker_lost: "bad", oom_recovery: "warn",
  page_retried: "warn", retrying: "warn", requeued: "warn", memory_warning: "warn", partially_succeeded: "warn",
  cancel_requested: "warn", started: "busy",
};
const NAMES = {
  resource_acquired: "Service acquired", resource_released: "Service released", cleanup_completed: "Resources released and verified",
  oom_recovery: "Out of memory", cleanup_started: "Cleaning up",
};
const KEPT = 2_000;
const TOLD = { seconds: "took", service_instance_id: "", device: "on", reason: "", message: "", next_rung: "then", retry_in_s: "again in" };
const TRIES = new Set(["page_done", "page_failed", "page_retried", "oom_recovery", "worker_lost"]);

export class Timeline {
  constructor(taskId) {
    this.taskId = taskId;
    this.after = 0;
    this.began = null;
    this.byPage = new Map();
    this.last = null;
    this.list = h("ol", { class: "timeline", tabindex: 0, "aria-label": "Events, oldest first" });
    this.element = h("section", { class: "card", "aria-label": "Timeline" }, h("h2", {}, "Timeline"), this.list);
  }

  /** Add the events since the last refresh. */
  async refresh(options) {
    for (;;) {
      const { events } = await get(`/tasks/${this.taskId}/events?after=${this.after}`, options);
      for (const event of events.filter((each) => each.sequence > this.after)) this.#add(event);
      if (events.length < 500) return;
    }
  }

  #add(event) {
    this.after = event.sequence;
    this.began ??= event.timestamp;
    if (TRIES.has(event.event_type)) this.#remember(event);
    if (event.event_type === "progress") return;
    if (event.event_type === "page_done" && this.last?.pages) return this.last.more(event.details);
    this.last = event.event_type === "page_done" ? this.#run(event) : this.#entry(event, details(event));
    while (this.list.children.length > KEPT) this.list.firstChild.remove();
  }

  /** The attempts at a page, oldest first; none if it was read at once. */
  tries(page) {
    const known = this.byPage.get(page) ?? [];
    return known.length === 1 && known[0].event_type === "page_done" ? [] : known.map((event) => ({
      what: NAMES[event.event_type] ?? sentence(event.event_type), tone: TONES[event.event_type] ?? "good",
      when: event.timestamp, more: details({ details: { ...event.details, page: null } }) }));
  }

  #remember(event) {
    const { page } = event.details;
    if (page === null || page === undefined) return;
    this.byPage.set(page, [...(this.byPage.get(page) ?? []), event]);
  }

  #entry(event, text) {
    const what = h("b", {}, NAMES[event.event_type] ?? sentence(event.event_type));
    const more = h("span", { class: "hint" }, text);
    const since = between(this.began, event.timestamp);
    this.list.append(h("li", { data: { tone: TONES[event.event_type] ?? "" } },
      h("time", { datetime: event.timestamp, title: clock(event.timestamp) }, `+${seconds(since)}`),
      h("div", {}, what, more)));
    return { what, more };
  }

  #run(event) {
    const { what, more } = this.#entry(event, "");
    const run = { pages: [], took: 0, more: (told) => {
      run.pages.push(told.page);
      run.took += told.seconds ?? 0;
      say(what, run.pages.length === 1 ? `Page ${told.page} read` : `${run.pages.length} pages read`);
      say(more, `${run.pages.length > 1 ? `${ranges(run.pages)} · ` : ""}${seconds(run.took)}`);
    } };
    run.more(event.details);
    return run;
  }
}

function details(event) {
  return Object.entries(event.details).filter(([, value]) => value !== null && value !== "" && value !== 0)
    .map(([name, value]) => detail(name, value)).join(" · ");
}

function detail(name, value) {
  if (name.endsWith("_mb")) return `${words(name.slice(0, -3))} ${value} MiB`;
  const shown = name === "seconds" || name.endsWith("_s") ? seconds(value)
    : name === "reason" || name === "next_rung" ? words(value) : value;
  return `${TOLD[name] ?? words(name)} ${shown}`.trim();
}

function ranges(numbers) {
  const sorted = [...new Set(numbers)].sort((one, other) => one - other);
  const runs = [];
  for (const number of sorted) {
    if (runs.length && runs.at(-1)[1] === number - 1) runs.at(-1)[1] = number;
    else runs.push([number, number]);
  }
  const shown = runs.slice(0, 8).map(([from, to]) => (from === to ? from : `${from}–${to}`)).join(", ");
  return runs.length > 8 ? `${shown}, …` : shown;
}
