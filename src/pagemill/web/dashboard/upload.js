// Sends documents, dropped or chosen, two at a time, with a few options.

import { upload } from "./api.js";
import { announce, h, say } from "./dom.js";
import { bytes } from "./format.js";

const AT_ONCE = 2;

/** The upload panel. */
export function uploadPanel(setup) {
  const waiting = [];
  let sending = 0;
  const options = optionFields(setup);
  const rows = h("ul", { class: "sending", "aria-label": "Uploads" });
  const chooser = h("input", { type: "file", multiple: true, class: "unseen", id: "files", tabindex: -1,
    "aria-label": "Documents", accept: ".pdf,.png,.jpg,.jpeg,.tif,.tiff,.webp,.bmp,.gif,.heic,.heif,.avif,application/pdf,image/*",
    onchange: () => { take(chooser.files); chooser.value = ""; } });
  const zone = h("section", { class: "drop", "aria-label": "Send documents" },
    h("div", { class: "drop-face" },
      h("p", { class: "drop-title" }, "Drop documents here"),
      h("p", { class: "hint" }, `PDF, TIFF, PNG, JPEG, HEIC, AVIF, WebP, GIF, BMP · up to ${bytes(setup.max_upload_bytes)} each`)),
    h("button", { class: "primary", onclick: () => chooser.click() }, "Choose files"), chooser,
    options.element, rows);

  function take(files) {
    waiting.push(...[...files].map((file) => ({ file, fields: options.values(), row: new Row(file, rows) })));
    next();
  }

  function next() {
    while (sending < AT_ONCE && waiting.length) {
      sending += 1;
      send(waiting.shift()).finally(() => { sending -= 1; next(); });
    }
  }

  async function send({ file, fields, row }) {
    if (file.size > setup.max_upload_bytes) {
      return row.refuse(`The file is too large: ${bytes(file.size)}. The limit is ${bytes(setup.max_upload_bytes)}.`);
    }
    try {
      await upload(file, fields, (share) => row.progress(share));
      row.done();
      announce(`${file.name} was sent.`);
    } catch (error) {
      row.refuse(error.message);
    }
  }

  const stop = takeDrops(zone, take);
  return { element: zone, leave: stop };
}

class Row {
  constructor(file, list) {
    this.name = file.name;
    this.bar = h("progress", { max: 1, value: 0, "aria-label": `Sending ${file.name}` });
    this.state = h("span", { class: "hint" }, bytes(file.size));
    this.element = h("li", {}, h("span", { class: "name" }, file.name), this.bar, this.state);
    list.append(this.element);
  }

  progress(share) {
    this.bar.value = share;
    if (share === 1) say(this.state, "Inspecting …");
  }

  done() {
    this.element.remove();
  }

  refuse(message) {
    this.bar.remove();
    this.element.classList.add("bad");
    say(this.state, message);
    this.element.append(h("button", { "aria-label": `Dismiss ${this.name}`, onclick: () => this.done() }, "Dismiss"));
    announce(`${this.name} was not accepted. ${message}`);
  }
}

/** Files may be dropped anywhere on the page while the panel is shown. */
function takeDrops(zone, take) {
  const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");
  let depth = 0;
  const light = (on) => zone.classList.toggle("over", on);
  const handlers = {
    dragenter: (event) => holdsFiles(event) && (depth += 1, light(true)),
    dragleave: (event) => holdsFiles(event) && (depth = Math.max(0, depth - 1)) === 0 && light(false),
    dragover: (event) => holdsFiles(event) && event.preventDefault(),
    drop: (event) => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      depth = 0;
      light(false);
      take(event.dataTransfer.files);
    },
  };
  for (const [name, handler] of Object.entries(handlers)) addEventListener(name, handler);
  return () => {
    for (const [name, handler] of Object.entries(handlers)) removeEventListener(name, handler);
  };
}

function optionFields(setup) {
  const [engine, profiles] = Object.entries(setup.profiles)[0] ?? ["", []];
  const engines = Object.keys(setup.profiles);
  const choices = engines.length > 1
    ? Object.entries(setup.profiles).flatMap(([name, ways]) => ways.map((way) => [`${name}/${way}`, `${name} · ${way}`]))
    : profiles.map((way) => [`${engine}/${way}`, way]);
  const fields = {
    profile: select("How to read", choices),
    ocr: select("Recognise", [["auto", "pages without usable text"], ["force", "every page"], ["never", "no page: use text layers only"]]),
    structure: select("Look for", [["", "text"], ["true", "text, headings and tables"]]),
    pages: text("Pages", "all, or 1-3,7,-1"),
    languages: text("Languages", "the engine's default, or en,de"),
    dpi: select("Resolution", [["150", "150 dpi"], ["200", "200 dpi"], ["300", "300 dpi"], ["400", "400 dpi"]], "200"),
    rotation: select("Turn pages", [["", "automatically"], ["0", "not at all"], ["90", "90° right"], ["180", "upside down"], ["270", "90° left"]]),
    priority: select("Priority", [["10", "high"], ["0", "normal"], ["-10", "low"]], "0"),
    password: text("Password of the PDF", "only if it has one", "password"),
  };
  const element = h("details", { class: "options" }, h("summary", {}, "Options"),
    h("div", { class: "fields" }, ...Object.values(fields).map((field) => field.element)));
  return { element, values: () => asRequest(fields) };
}

function asRequest(fields) {
  const { profile, ...others } = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.input.value]));
  const [engine, way] = profile.split("/");
  return { ...(engine ? { engine, profile: way } : {}), ...others };
}

function select(label, choices, chosen = choices[0]?.[0]) {
  const input = h("select", {}, ...choices.map(([value, shown]) =>
    h("option", { value, selected: value === chosen }, shown)));
  return { input, element: h("label", {}, h("span", {}, label), input) };
}

function text(label, placeholder, type = "text") {
  const input = h("input", { type, placeholder, spellcheck: "false", autocomplete: type === "password" ? "off" : null });
  return { input, element: h("label", {}, h("span", {}, label), input) };
}
