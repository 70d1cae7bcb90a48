// The actions on a task, the same in the list and in its own view.

import { download, post } from "./api.js";
import { announce, h } from "./dom.js";
import { canCancel, canRetry } from "./status.js";

const FORMATS = {
  pdf: "Searchable PDF", text: "Text", markdown: "Markdown", html: "HTML", json: "JSON with boxes", csv: "Tables as CSV",
  hocr: "hOCR", alto: "ALTO XML", zip: "All formats",
};
const ORDER = Object.keys(FORMATS);

/** The most popular formats come first, unknown ones last. */
function sorted(formats) {
  const place = ({ name }) => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length);
  return [...formats].sort((one, other) => place(one) - place(other));
}

function retryLabel({ pages_done: done, pages_failed: failed }) {
  if (done === 0) return "Try again";
  return failed > 0 ? "Retry failed pages" : "Read remaining pages";
}

/** The document's name with the result's extension, but never the document's own name. */
function resultName(document, { extension }) {
  const stem = document.replace(/\.[^.]*$/, "") || document;
  return stem + extension === document ? `${stem}-searchable${extension}` : stem + extension;
}

/** Buttons for a task; `show(task)` adapts them to it. `onRefused` gets the message of an error. */
export class TaskActions {
  constructor(setup, onRefused) {
    this.setup = setup;
    this.onRefused = onRefused;
    this.task = null;
    this.cancel = h("button", { onclick: () => this.#do("cancel", "Cancelling") }, "Cancel");
    this.start = h("button", { onclick: () => this.#do("start", "Started") }, "Start");
    this.retry = h("button", { onclick: () => this.#retry() }, "Retry failed pages");
    this.list = h("ul", { class: "menu-list" });
    this.menu = h("details", { class: "menu", onkeydown: (event) => event.key === "Escape" && this.#close(true),
      onfocusout: (event) => this.menu.contains(event.relatedTarget) || this.#close(false) },
    h("summary", { class: "button" }, "Download"), this.list);
    this.list.append(...sorted(setup.formats).map((format) => h("li", {},
      h("button", { onclick: () => this.#save(format) }, FORMATS[format.name] ?? format.name, h("span", {}, format.extension)))));
    this.element = h("div", { class: "actions" }, this.start, this.cancel, this.retry, this.menu);
  }

  show(task) {
    this.task = task;
    const readOnly = this.setup.scope === "read";
    this.start.hidden = readOnly || task.status !== "created";
    this.cancel.hidden = readOnly || !canCancel(task.status);
    this.retry.hidden = readOnly || !canRetry(task);
    this.retry.textContent = retryLabel(task.progress);
    this.menu.hidden = task.progress.pages_done === 0;
    for (const button of [this.cancel, this.start, this.retry]) {
      button.setAttribute("aria-label", `${button.textContent}: ${task.document.name}`);
    }
    this.menu.firstChild.setAttribute("aria-label", `Download ${task.document.name}`);
  }

  async #do(command, done) {
    try {
      await post(`/tasks/${this.task.task_id}/${command}`);
      announce(`${done}: ${this.task.document.name}`);
    } catch (error) {
      this.onRefused(error.message);
    }
  }

  #retry() {
    return this.#do(this.task.progress.pages_failed > 0 ? "retry" : "start", "Trying again");
  }

  #save(format) {
    this.#close(true);
    const path = `/tasks/${this.task.task_id}/result?format=${encodeURIComponent(format.name)}`;
    download(path, resultName(this.task.document.name, format))
      .catch((error) => this.onRefused(error.message));
  }

  #close(refocus) {
    if (this.menu.open && refocus) this.menu.firstChild.focus();
    this.menu.open = false;
  }
}
