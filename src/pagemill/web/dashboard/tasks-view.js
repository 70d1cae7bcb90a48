// The list of tasks: a page of it at a time, kept up to date row by row.

import { get, Refusal } from "./api.js";
import { h, say } from "./dom.js";
import { count, words } from "./format.js";
import { STATUSES } from "./status.js";
import { TaskRow } from "./task-row.js";
import { uploadPanel } from "./upload.js";

const PAGE = 50;

export function tasksView(live) {
  const view = new TasksView(live);
  return { element: view.element, title: "Tasks", leave: () => view.leave() };
}

/** Replaces the upload panel. */
function readOnly() {
  return { element: h("p", { class: "hint" }, "Your key can read. To send documents, use a key with the scope submit."), leave() {} };
}

class TasksView {
  constructor(live) {
    this.live = live;
    this.status = "";
    this.cursors = [null]; // each page shown so far began after this id
    this.rows = new Map();
    this.loading = new AbortController();
    this.left = new AbortController();
    this.panel = live.setup.scope === "read" ? readOnly() : uploadPanel(live.setup);
    this.filters = h("div", { class: "filters", role: "group", "aria-label": "Filter tasks by status" });
    this.list = h("ul", { class: "tasks", "aria-label": "Tasks, newest first" });
    this.empty = h("p", { class: "empty", hidden: true });
    this.error = h("p", { class: "notice bad", role: "alert", hidden: true });
    this.newer = h("button", { onclick: () => this.#turn(-1) }, "Newer");
    this.older = h("button", { onclick: () => this.#turn(1) }, "Older");
    this.place = h("span", { class: "hint" });
    this.element = h("div", { class: "tasks-view" },
      h("h1", { class: "unseen" }, "Tasks"), this.panel.element, this.filters, this.error, this.list, this.empty,
      h("div", { class: "pager" }, this.newer, this.place, this.older));
    const { signal } = this.left;
    live.addEventListener("notice", ({ detail }) => this.#notice(detail), { signal });
    live.addEventListener("status", () => { this.#showFilters(); this.#expect(); }, { signal });
    live.addEventListener("connection", ({ detail }) => detail.again && this.#load(), { signal });
    this.#showFilters();
    this.#load();
  }

  leave() {
    this.left.abort();
    this.loading.abort();
    this.panel.leave();
  }

  get #first() {
    return this.cursors.length === 1;
  }

  async #load() {
    this.loading.abort();
    this.loading = new AbortController();
    const query = new URLSearchParams({ limit: PAGE });
    if (this.status) query.set("status", this.status);
    const before = this.cursors.at(-1);
    if (before) query.set("before", before);
    try {
      const found = await get(`/tasks?${query}`, { signal: this.loading.signal });
      this.older.disabled = found.next === null;
      this.#fill(found.tasks);
      this.error.hidden = true;
    } catch (error) {
      if (error instanceof Refusal) this.#refused(error.message);
    }
  }

  #fill(tasks) {
    const wanted = new Set(tasks.map((task) => task.task_id));
    for (const id of [...this.rows.keys()].filter((each) => !wanted.has(each))) this.#drop(id);
    for (const task of tasks) this.#put(task);
    this.#expect();
    this.#showPlace();
  }

  #expect() {
    for (const [id, row] of this.rows) row.expect(this.live.forecast(id));
  }

  /** Insert or update a row; the newest is on top, and ids rise with time. */
  #put(task) {
    const known = this.rows.get(task.task_id);
    if (known) return known.show(task);
    const row = new TaskRow(task, this.live.setup, (message) => this.#refused(message));
    const next = [...this.rows.keys()].filter((id) => id < task.task_id).sort().at(-1);
    this.list.insertBefore(row.element, next ? this.rows.get(next).element : null);
    this.rows.set(task.task_id, row);
  }

  #drop(id) {
    this.rows.get(id)?.element.remove();
    this.rows.delete(id);
  }

  async #notice(notice) {
    const row = this.rows.get(notice.task_id);
    const fits = !this.status || notice.status === this.status;
    if (row && !fits) this.#drop(notice.task_id);
    else if (row) await row.notice(notice);
    else if (fits && this.#first) await this.#add(notice.task_id);
    this.#showPlace();
  }

  async #add(id) {
    try {
      const task = await get(`/tasks/${id}`, { signal: this.left.signal });
      if (this.status && task.status !== this.status) return;
      this.#put(task);
      const oldest = [...this.rows.keys()].sort();
      for (const each of oldest.slice(0, Math.max(0, oldest.length - PAGE))) this.#drop(each);
    } catch {
      // deleted meanwhile, or shown again once there is a connection
    }
  }

  #turn(by) {
    if (by > 0) this.cursors.push([...this.rows.keys()].sort()[0]);
    else this.cursors.pop();
    this.#load();
    this.list.scrollIntoView({ block: "nearest" });
  }

  #choose(status) {
    this.status = status;
    this.cursors = [null];
    this.#showFilters();
    this.#load();
  }

  #showFilters() {
    const counts = this.live.status?.queue.tasks ?? {};
    const total = Object.values(counts).reduce((sum, each) => sum + each, 0);
    const shown = STATUSES.filter((status) => counts[status] || status === this.status);
    const known = new Map([...this.filters.children].map((button) => [button.dataset.filter, button]));
    const wanted = ["", ...shown].map((status) => {
      const button = known.get(status) ?? h("button", { data: { filter: status }, onclick: () => this.#choose(status) },
        h("span", {}, status ? words(status) : "all"), h("span", { class: "count" }));
      button.setAttribute("aria-pressed", String(status === this.status));
      say(button.lastChild, (status ? (counts[status] ?? 0) : total).toLocaleString("en"));
      return button;
    });
    wanted.forEach((button, index) => {
      if (this.filters.children[index] !== button) this.filters.insertBefore(button, this.filters.children[index] ?? null);
    });
    while (this.filters.children.length > wanted.length) this.filters.lastChild.remove();
  }

  #showPlace() {
    this.newer.disabled = this.#first;
    say(this.place, `${count(this.rows.size, "task")}${this.#first ? "" : ` · page ${this.cursors.length}`}`);
    this.newer.parentElement.hidden = this.#first && this.older.disabled;
    this.empty.hidden = this.rows.size > 0;
    say(this.empty, this.status ? `No tasks are ${words(this.status)}.` : "No tasks yet. Drop a document above to start.");
  }

  #refused(message) {
    say(this.error, message);
    this.error.hidden = false;
  }
}
