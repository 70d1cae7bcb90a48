// A page as picture and text: boxes over the picture and words beside it, linked both ways.

import { get, picture, Refusal } from "./api.js";
import { announce, h, mark, s, say } from "./dom.js";
import { clock, percent, seconds } from "./format.js";
import { readPage } from "./page-text.js";

const BANDS = [["high", "95 % and more"], ["middle", "80–95 %"], ["low", "below 80 %"], ["none", "not measured"]];

export class PageViewer {
  constructor(taskId, onStep) {
    this.taskId = taskId;
    this.number = null;
    this.shown = ""; // page and state that are shown now
    this.units = [];
    this.current = -1;
    this.loading = new AbortController();
    this.#makeParts(onStep);
  }

  #makeParts(onStep) {
    this.title = h("h2", {}, "Page");
    this.facts = h("p", { class: "hint" });
    this.previous = h("button", { onclick: () => onStep(-1), "aria-label": "Previous page" }, "‹");
    this.next = h("button", { onclick: () => onStep(1), "aria-label": "Next page" }, "›");
    this.boxes = h("input", { type: "checkbox", checked: true,
      onchange: () => this.overlay.classList.toggle("off", !this.boxes.checked) });
    this.zoom = h("input", { type: "checkbox", onchange: () => this.sheet.classList.toggle("large", this.zoom.checked) });
    this.copy = h("button", { onclick: () => this.#copy() }, "Copy text");
    this.legend = h("ul", { class: "legend", "aria-label": "Confidence" });
    this.image = h("img", { alt: "" });
    this.overlay = s("svg", { class: "overlay", preserveAspectRatio: "none", "aria-hidden": "true" });
    this.sheet = h("div", { class: "sheet", tabindex: 0, role: "region", "aria-label": "Picture of the page" },
      h("div", { class: "paper" }, this.image, this.overlay));
    this.text = h("div", { class: "text", tabindex: 0, role: "group", onkeydown: (event) => this.#move(event) });
    this.note = h("p", { class: "notice", hidden: true });
    this.word = h("p", { class: "word", role: "status" });
    this.tries = h("ol", { class: "tries", "aria-label": "Attempts", hidden: true });
    for (const side of [this.overlay, this.text]) {
      side.addEventListener("pointerover", ({ target }) => this.#hover(target));
      side.addEventListener("pointerleave", () => this.#hover(null));
      side.addEventListener("click", ({ target }) => target.dataset.unit && this.#choose(Number(target.dataset.unit), side));
    }
    this.element = h("section", { class: "card viewer", "aria-label": "Page" },
      h("div", { class: "card-head" }, this.title, this.facts, h("div", { class: "stepper" }, this.previous, this.next)),
      h("div", { class: "tools" }, h("label", {}, this.boxes, "Boxes"), h("label", {}, this.zoom, "Full size"),
        this.legend, this.copy),
      this.note, this.tries, h("div", { class: "pair" }, this.sheet, h("div", { class: "reading" }, this.word, this.text)));
  }

  leave() {
    this.loading.abort();
    this.#dropPicture();
  }

  /** Show a page, unless it is shown already. */
  async show(state, total) {
    const wanted = `${state.number} ${state.state} ${state.finished_at}`;
    if (wanted === this.shown) return;
    const turned = state.number !== this.number;
    this.shown = wanted;
    this.number = state.number;
    this.loading.abort();
    this.loading = new AbortController();
    const { signal } = this.loading;
    say(this.title, `Page ${state.number}`);
    mark(this.element, "aria-label", `Page ${state.number}`);
    this.previous.disabled = state.number === 1;
    this.next.disabled = state.number === total;
    if (turned) this.#clear();
    await Promise.all([this.#loadText(state, signal), this.#loadPicture(state, signal)]);
  }

  /** Show the attempts at a page that was not read at once. */
  showTries(tries) {
    this.tries.hidden = tries.length === 0;
    this.tries.replaceChildren(...tries.map(({ what, tone, when, more }) => h("li", { data: { tone } },
      h("time", { datetime: when }, clock(when)), " ", h("b", {}, what), more ? ` ${more}` : "")));
  }

  #clear() {
    this.#clearText();
    this.legend.replaceChildren();
    say(this.facts, "");
    this.copy.hidden = true;
    this.#dropPicture();
  }

  #clearText() {
    this.units = [];
    this.current = -1;
    this.hovered = null;
    this.overlay.replaceChildren();
    this.text.replaceChildren();
    say(this.word, "");
  }

  #dropPicture() {
    if (this.image.src) URL.revokeObjectURL(this.image.src);
    this.image.removeAttribute("src");
  }

  async #loadText(state, signal) {
    this.note.hidden = state.state === "done";
    if (state.state !== "done") {
      const why = state.failure?.message ?? { queued: "This page is waiting for its turn.", leased: "This page is being read.",
        cancelled: "This page was not read: the task was cancelled.", failed: "This page could not be read." }[state.state];
      say(this.note, why);
      this.note.classList.toggle("bad", state.state === "failed");
      return;
    }
    try {
      const page = await get(`/tasks/${this.taskId}/pages/${state.number}`, { signal });
      this.#fill(page, state);
    } catch (error) {
      this.#explain(error);
    }
  }

  async #loadPicture(state, signal) {
    if (this.image.src && this.pictured === `${state.number} done`) return;
    try {
      const address = await picture(`/tasks/${this.taskId}/pages/${state.number}/image`, signal);
      this.#dropPicture();
      this.image.src = address;
      this.image.alt = `Picture of page ${state.number}`;
      this.pictured = `${state.number} ${state.state}`;
    } catch (error) {
      this.#explain(error);
    }
  }

  #explain(error) {
    if (!(error instanceof Refusal)) return;
    say(this.note, error.message);
    this.note.hidden = false;
  }

  #fill(page, state) {
    this.#clearText();
    mark(this.overlay, "viewBox", `0 0 ${page.width_px} ${page.height_px}`);
    mark(this.text, "aria-label", `Text of page ${page.number}; use the arrow keys to move between words`);
    const recognised = `recognised by ${page.engine} ${page.profile ?? ""}`.trim();
    const source = { ocr: recognised, mixed: `text layer, the rest ${recognised}` }[page.source] ?? "text layer";
    say(this.facts, [source, seconds(state.seconds), state.confidence === null ? "" : `confidence ${percent(state.confidence)}`,
      page.rotation ? `turned ${page.rotation}°` : ""].filter(Boolean).join(" · "));
    const { blocks, boxes, units } = readPage(page);
    this.text.append(...blocks);
    this.overlay.append(...boxes);
    this.units = units;
    if (!this.units.length) this.text.append(h("p", { class: "hint" }, "This page has no text."));
    this.text.append(...page.warnings.map(({ message }) => h("p", { class: "notice" }, message)));
    this.overlay.append(...page.warnings.filter(({ box }) => box).map(frame));
    this.copy.hidden = this.units.length === 0;
    this.#showLegend();
  }

  #showLegend() {
    const counts = {};
    for (const { text } of this.units) counts[text.dataset.band] = (counts[text.dataset.band] ?? 0) + 1;
    this.legend.replaceChildren(...BANDS.filter(([name]) => counts[name]).map(([name, label]) =>
      h("li", { data: { band: name } }, label, " ", h("span", { class: "count" }, String(counts[name])))));
  }

  #hover(target) {
    const hovered = target?.dataset?.unit === undefined ? null : this.units[target.dataset.unit];
    if (this.hovered === hovered) return;
    for (const [unit, on] of [[this.hovered, false], [hovered, true]]) {
      unit?.text.classList.toggle("hover", on);
      unit?.box.classList.toggle("hover", on);
    }
    this.hovered = hovered;
    if (hovered) this.#tell(hovered);
    else if (this.current >= 0) this.#tell(this.units[this.current]);
  }

  #choose(index, from) {
    const unit = this.units[index];
    const before = this.units[this.current];
    for (const [each, on] of [[before, false], [unit, true]]) {
      each?.text.classList.toggle("chosen", on);
      each?.box.classList.toggle("chosen", on);
    }
    this.current = index;
    if (from !== this.text) unit.text.scrollIntoView({ block: "nearest" });
    if (from !== this.overlay) unit.box.scrollIntoView({ block: "nearest", inline: "nearest" });
    this.#tell(unit);
  }

  #tell(unit) {
    const confidence = unit.confidence === null ? "from the text layer" : `confidence ${percent(unit.confidence)}`;
    this.word.replaceChildren(h("q", {}, unit.word), ` ${confidence}`);
  }

  #move(event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (step === undefined || !this.units.length || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.#choose(Math.min(this.units.length - 1, Math.max(0, this.current + step)), null);
  }

  async #copy() {
    const lines = [...this.text.querySelectorAll(".block")].map((block) =>
      [...block.querySelectorAll(".line")].map((line) => line.textContent).join("\n"));
    try {
      await navigator.clipboard.writeText(lines.join("\n\n"));
      announce("Page text copied.");
      say(this.copy, "Copied");
      setTimeout(() => say(this.copy, "Copy text"), 2_000);
    } catch {
      announce("The browser does not allow copying. Select the text instead.");
    }
  }
}

/** A frame over the picture, around what a warning is about. */
function frame({ box: [left, top, right, bottom] }) {
  return s("polygon", { class: "warned", points: `${left},${top} ${right},${top} ${right},${bottom} ${left},${bottom}` });
}
