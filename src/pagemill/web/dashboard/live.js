// Shared by all views: the one connection that reports changes, and a snapshot of the service with its recent past.
//
// A hidden tab keeps no connection. The snapshot is taken after a change, every two seconds while tasks run, and when an
// idle model set is due to be unloaded; at rest, the dashboard sends no requests.

import { get } from "./api.js";
import { throttled } from "./dom.js";
import { follow } from "./stream.js";

const WHILE_WORKING_MS = 2_000;
const KEPT_MS = 5 * 60_000;

export class Live extends EventTarget {
  constructor(setup) {
    super();
    this.setup = setup;
    this.status = null;
    this.takenAt = 0;
    this.history = [];
    this.forecasts = new Map();
    this.connected = null;
    this.refresh = throttled(() => this.#take(), 1_000);
    this.timer = null;
    this.connection = null;
    document.addEventListener("visibilitychange", () => this.#attend());
    this.#attend();
  }

  #attend() {
    if (document.hidden) {
      this.connection?.abort();
      this.connection = null;
      clearTimeout(this.timer);
    } else if (this.connection === null) {
      this.connection = new AbortController();
      follow("/events", {
        signal: this.connection.signal,
        onMessage: ({ data }) => this.#heard(data),
        onState: (state, refusal) => this.#connect(state === "open", refusal),
      });
    }
  }

  #heard(notice) {
    this.#tell("notice", notice);
    this.refresh();
  }

  #connect(open, refusal) {
    const before = this.connected;
    this.connected = open;
    if (open) this.refresh();
    if (open !== before || refusal?.status === 401) this.#tell("connection", { open, again: open && before === false, refusal });
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  async #take() {
    try {
      this.status = await get("/status");
    } catch {
      return; // the connection's state shows it
    }
    this.takenAt = Date.now();
    this.forecasts = new Map(this.status.queue.line.map((each) => [each.task_id, each]));
    this.#remember();
    this.#tell("status", this.status);
    this.#plan();
  }

  #remember() {
    const { devices, work, model_sets: sets } = this.status;
    const pages = Object.values(work.pages_read).flatMap((stage) => stage.counts).reduce((sum, each) => sum + each, 0);
    if (this.history.length && this.history.at(-1).pages > pages) this.history = []; // another or a restarted server
    const held = sets.map((set) => ({ id: set.worker_id, name: set.model_set, mb: set.memory_mb }));
    this.history.push({ at: this.takenAt, devices, pages, held });
    while (this.history[0].at < this.takenAt - KEPT_MS) this.history.shift();
  }

  #plan() {
    clearTimeout(this.timer);
    const { queue, model_sets: sets } = this.status;
    const working = queue.active_tasks > 0 || sets.some((set) => set.references > 0);
    const due = sets.map((set) => Math.max(2, this.setup.idle_timeout_s - set.idle_s + 2) * 1000);
    const next = working ? WHILE_WORKING_MS : Math.min(...due);
    if (Number.isFinite(next) && !document.hidden) this.timer = setTimeout(this.refresh, next);
  }

  /** What an unfinished task can expect; undefined if nothing is known. */
  forecast(id) {
    return this.forecasts.get(id);
  }

  /** Pages read per second over the last minute, or since the dashboard opened. */
  get rate() {
    const last = this.history.at(-1);
    const first = this.history.find((each) => each.at >= last?.at - 60_000);
    return last && last.at > first.at ? ((last.pages - first.pages) * 1000) / (last.at - first.at) : 0;
  }
}
