// Starts the dashboard: gets the service's setup, then shows the view in the address.

import { forget, get, hasKey, keep, Refusal } from "./api.js";
import { announce, h, say } from "./dom.js";
import { mebibytes } from "./format.js";
import { Live } from "./live.js";
import { serviceView } from "./service-view.js";
import { taskView } from "./task-view.js";
import { tasksView } from "./tasks-view.js";

const main = document.getElementById("main");
let leave = () => {};

async function start() {
  let setup = null;
  try {
    setup = await get("/setup");
  } catch (error) {
    if (error instanceof Refusal && error.status === 401) return askForKey(hasKey() ? "The service does not accept this key." : "");
    main.replaceChildren(h("p", { class: "notice bad" }, `The dashboard cannot start: ${error.message}`));
    setTimeout(start, 3_000);
    return;
  }
  showCaller(setup);
  const live = new Live(setup);
  live.addEventListener("connection", ({ detail }) => (detail.refusal?.status === 401 ? leaveOff() : showConnection(detail)));
  live.addEventListener("status", () => showPulse(live.status));
  const route = () => show(live);
  addEventListener("hashchange", route);
  route();
}

function show(live) {
  const [view, id, part, number] = location.hash.replace(/^#\/?/, "").split("/");
  if (leave.stays?.(view, id, Number(number) || null)) return;
  leave();
  const views = {
    service: () => serviceView(live),
    tasks: () => (id ? taskView(live, decodeURIComponent(id), part === "pages" ? Number(number) : null) : tasksView(live)),
  };
  const shown = (views[view] ?? views.tasks)();
  leave = Object.assign(() => shown.leave(), { stays: shown.stays });
  document.title = `${shown.title} · Pagemill`;
  for (const link of document.querySelectorAll("nav [data-view]")) {
    const current = link.dataset.view === (view in views ? view : "tasks");
    if (current) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  main.replaceChildren(shown.element);
  scrollTo(0, 0);
}

function showConnection({ open, again, refusal }) {
  const place = document.getElementById("connection");
  place.dataset.state = open ? (again ? "again" : "live") : "lost";
  if (open) say(place, again ? "Connected again and up to date" : "Live");
  else say(place, refusal?.message ?? "No connection to the server. Trying again …");
}

function showPulse(status) {
  const place = document.getElementById("pulse");
  const parts = Object.entries(status.devices).map(([device, memory]) =>
    h("span", { class: "gauge", data: { level: memory.level }, title: `Memory of ${device}: level ${memory.level}` },
      h("b", {}, device),
      h("i", { style: { "--share": `${(100 * memory.used_mb) / memory.limit_mb}%` } }),
      `${mebibytes(memory.used_mb)} of ${mebibytes(memory.limit_mb)}`));
  place.replaceChildren(...parts);
}

/** The button that forgets the key; its title says whose key it is. */
function showCaller({ caller, scope }) {
  const button = document.getElementById("forget");
  button.hidden = !hasKey();
  button.title = `This is the key of ${caller}. It allows: ${scope}.`;
  button.addEventListener("click", leaveOff);
}

/** Forget the key, and everything that it showed. */
function leaveOff() {
  forget();
  location.reload();
}

function askForKey(refusal) {
  const field = h("input", { type: "password", id: "key", autocomplete: "current-password", required: true });
  const form = h("form", { class: "card key", onsubmit: (event) => {
    event.preventDefault();
    keep(field.value.trim());
    start();
  } }, h("h1", {}, "This service needs a key"), h("label", { for: "key" }, "API key"), field,
  h("p", { class: "notice bad", role: "alert", hidden: !refusal }, refusal),
  h("p", { class: "hint" }, "The key stays in this tab and is forgotten when you close it. Keys expire and can be revoked."),
  h("button", { class: "primary" }, "Open the dashboard"));
  main.replaceChildren(form);
  field.focus();
  announce("Enter an API key.");
}

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address names the view
  main.focus();
});
start();
