// Every page of a task as a small square that shows its state; arrow keys move between them.

import { h, mark, say } from "./dom.js";
import { percent, words } from "./format.js";
import { band } from "./status.js";

const MARKS = { failed: "×", cancelled: "–" };

export class PageGrid {
  constructor(onChoose) {
    this.onChoose = onChoose;
    this.buttons = new Map();
    this.grid = h("div", { class: "grid", role: "group", "aria-label": "Pages; use the arrow keys to move between them",
      onkeydown: (event) => this.#move(event),
      onclick: (event) => event.target.dataset.page && onChoose(Number(event.target.dataset.page)) });
    this.sum = h("p", { class: "hint" });
    this.element = h("section", { class: "card", "aria-label": "Pages" },
      h("div", { class: "card-head" }, h("h2", {}, "Pages"), this.sum), this.grid);
  }

  show(pages) {
    for (const page of pages) {
      let button = this.buttons.get(page.number);
      if (!button) {
        button = h("button", { class: "cell", data: { page: page.number }, tabindex: -1 });
        this.buttons.set(page.number, button);
        this.grid.append(button);
      }
      button.dataset.state = page.state;
      button.dataset.band = page.state === "done" ? band(page.confidence) : "";
      const note = MARKS[page.state] ?? (page.warnings.length ? "!" : "");
      say(button, note ? `${page.number} ${note}` : String(page.number));
      mark(button, "aria-label", described(page));
      mark(button, "title", described(page));
    }
    say(this.sum, summed(pages));
  }

  select(number) {
    for (const [each, button] of this.buttons) {
      mark(button, "aria-current", each === number ? "true" : null);
      button.tabIndex = each === number ? 0 : -1;
    }
  }

  #move(event) {
    const all = [...this.buttons.values()];
    const at = all.indexOf(document.activeElement);
    const across = Math.max(1, all.filter((button) => button.offsetTop === all[0].offsetTop).length);
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across, Home: -at, End: all.length - 1 - at }[event.key];
    if (step === undefined || at < 0) return;
    event.preventDefault();
    const next = all[Math.min(all.length - 1, Math.max(0, at + step))];
    next.focus();
    this.onChoose(Number(next.dataset.page));
  }
}

function described(page) {
  const parts = [`Page ${page.number}: ${page.state === "leased" ? "being read" : words(page.state)}`];
  if (page.state === "done" && page.confidence !== null) parts.push(`confidence ${percent(page.confidence)}`);
  if (page.warnings.length) parts.push(`warnings: ${page.warnings.length}`);
  if (page.attempts) parts.push(`failed ${page.attempts} times`);
  if (page.crashes) parts.push(`lost ${page.crashes} workers`);
  if (page.failure) parts.push(page.failure.message);
  return parts.join(", ");
}

function summed(pages) {
  const counts = {};
  for (const { state } of pages) counts[state] = (counts[state] ?? 0) + 1;
  return Object.entries(counts).map(([state, number]) => `${number} ${state === "leased" ? "being read" : words(state)}`).join(" · ");
}
