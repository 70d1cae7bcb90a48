// One task: the state of each page, a page with its words, its memory and its events.

import { get, Refusal } from "./api.js";
import { h, say, throttled } from "./dom.js";
import { bytes, count, moment, words } from "./format.js";
import { PageGrid } from "./page-grid.js";
import { PageViewer } from "./page-viewer.js";
import { showReceipt } from "./receipt.js";
import { chip, showStatus } from "./status.js";
import { TaskActions } from "./task-actions.js";
import { showOutlook, showProgress } from "./task-row.js";
import { Timeline } from "./timeline.js";

export function taskView(live, id, page) {
  const view = new TaskView(live, id, page);
  return {
    element: view.element,
    title: "Task",
    leave: () => view.leave(),
    stays: (name, task, number) => name === "tasks" && task === id && view.open(number),
  };
}

class TaskView {
  constructor(live, id, page) {
    this.id = id;
    this.wanted = page;
    this.states = [];
    this.left = new AbortController();
    this.title = h("h1", {}, "…");
    this.chip = chip("queued");
    this.meta = h("p", { class: "hint" });
    this.bar = h("progress", {});
    this.far = h("span", { class: "pages" });
    this.outlook = h("span", { class: "outlook" });
    this.error = h("p", { class: "notice bad", role: "alert", hidden: true });
    this.why = h("p", { class: "notice bad", hidden: true });
    this.actions = new TaskActions(live.setup, (message) => this.#refused(message));
    this.grid = new PageGrid((number) => this.#go(number));
    this.viewer = new PageViewer(id, (step) => this.#step(step));
    this.receipt = h("section", { class: "card receipt", "aria-label": "Memory receipt" });
    this.timeline = new Timeline(id);
    this.element = h("article", { class: "task-view" },
      h("p", { class: "back" }, h("a", { href: "#/tasks" }, "← All tasks")),
      h("header", {}, h("div", { class: "headline" }, this.title, this.chip), this.meta,
        h("div", { class: "how-far" }, this.bar, this.far, this.outlook), this.actions.element),
      this.error, this.why,
      h("div", { class: "columns" },
        h("div", { class: "wide" }, this.grid.element, this.viewer.element),
        h("div", { class: "narrow" }, this.receipt, this.timeline.element)));
    this.refresh = throttled(() => this.#load(), 400);
    const { signal } = this.left;
    live.addEventListener("notice", ({ detail }) => detail.task_id === id && this.refresh(), { signal });
    live.addEventListener("connection", ({ detail }) => detail.again && this.refresh(), { signal });
    live.addEventListener("status", () => this.#expect(live), { signal });
    this.refresh();
  }

  #expect(live) {
    showOutlook(this.outlook, this.chip.dataset.status, live.forecast(this.id));
  }

  leave() {
    this.left.abort();
    this.viewer.leave();
  }

  /** Show another page of the same task, without rebuilding the view. */
  open(number) {
    this.wanted = number;
    this.#showPage();
    return true;
  }

  async #load() {
    const options = { signal: this.left.signal };
    try {
      const task = await get(`/tasks/${this.id}`, options);
      const { pages } = await get(`/tasks/${this.id}/pages`, options);
      this.#show(task, pages);
      showReceipt(this.receipt, task, task.receipt ?? (await get(`/tasks/${this.id}/receipt`, options)));
      await this.timeline.refresh(options);
      this.#showTries();
    } catch (error) {
      if (error instanceof Refusal) this.#refused(error.message);
    }
  }

  #show(task, pages) {
    this.states = pages;
    say(this.title, task.document.name);
    document.title = `${task.document.name} · Pagemill`;
    showStatus(this.chip, task.status);
    const { options } = task;
    say(this.meta, [task.document.kind.toUpperCase(), bytes(task.document.size_bytes),
      count(task.document.page_count, "page"), `${options.engine} ${options.profile}`, `OCR ${options.ocr}`,
      `${options.dpi} dpi`, `sent ${moment(task.created_at)}`].join(" · "));
    showProgress(this.bar, this.far, task);
    this.why.hidden = task.failure === null;
    if (task.failure) say(this.why, `${words(task.failure.reason)}: ${task.failure.message}`);
    this.actions.show(task);
    this.grid.show(pages);
    this.#showPage();
  }

  #showPage() {
    const chosen = this.wanted ?? this.states.find((page) => page.state === "done")?.number ?? this.states[0]?.number;
    const state = this.states.find((page) => page.number === chosen);
    if (!state) return;
    this.grid.select(chosen);
    this.viewer.show(state, this.states.length);
    this.#showTries();
  }

  #showTries() {
    this.viewer.showTries(this.timeline.tries(this.viewer.number));
  }

  #go(number) {
    location.hash = `#/tasks/${this.id}/pages/${number}`;
  }

  #step(by) {
    const at = this.states.findIndex((page) => page.number === this.viewer.number);
    const next = this.states[at + by];
    if (next) this.#go(next.number);
  }

  #refused(message) {
    say(this.error, message);
    this.error.hidden = false;
  }
}
