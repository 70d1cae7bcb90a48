// The service's insides: memory of each device, resident model sets, the queue, and work done.

import { h } from "./dom.js";
import { memoryChart, spanOf } from "./chart.js";
import { count, mebibytes, seconds, words } from "./format.js";

const TICK_MS = 1_000;

export function serviceView(live) {
  const element = h("div", { class: "service-view" }, h("h1", { class: "unseen" }, "Memory and queue"));
  const body = h("div", { class: "service-body" }, h("p", { class: "hint" }, "Waiting for the first picture …"));
  element.append(body);
  const left = new AbortController();
  const show = () => live.status && body.replaceChildren(...sections(live));
  live.addEventListener("status", show, { signal: left.signal });
  live.refresh();
  show();
  const ticking = setInterval(() => countDown(body, live), TICK_MS);
  return { element, title: "Memory and queue", leave: () => { left.abort(); clearInterval(ticking); } };
}

function sections(live) {
  const { status } = live;
  return [
    tiles(live),
    ...Object.entries(status.devices).map(([device, memory]) => deviceCard(device, memory, live)),
    modelSets(live),
    work(status.work),
  ];
}

function tiles({ status, rate }) {
  const { queue, lanes } = status;
  const left = rate > 0 && queue.waiting_pages ? ` · about ${seconds(queue.waiting_pages / rate)} left` : "";
  return h("section", { class: "tiles", "aria-label": "Queue" },
    tile("Pages to do", queue.waiting_pages.toLocaleString("en"), `${count(queue.active_tasks, "task")} at work${left}`),
    tile("Waiting tasks", queue.queued_tasks.toLocaleString("en"), queue.queued_tasks ? `the oldest for ${seconds(queue.oldest_wait_s)}` : "none waits"),
    tile("Pages a second", rate.toFixed(rate < 10 ? 1 : 0), "over the last minute"),
    tile("Wait to start", seconds(queue.average_wait_s), "mean of the last hour"),
    ...lanes.map((lane) => tile(`Services: ${lane.name}`, `${lane.in_use} / ${lane.capacity}`, "in use")));
}

function tile(label, value, more) {
  return h("div", { class: "tile" }, h("p", { class: "label" }, label), h("p", { class: "value" }, value),
    h("p", { class: "hint" }, more));
}

function deviceCard(device, memory, live) {
  const points = live.history.filter((each) => each.devices[device])
    .map((each) => ({ at: each.at, ...each.devices[device] }));
  const levels = live.setup.guard_percent;
  const own = live.status.server_mb + live.status.model_sets.reduce((sum, set) => sum + set.memory_mb, 0);
  return h("section", { class: "card device", "aria-label": `Memory of ${device}` },
    h("div", { class: "card-head" }, h("h2", {}, `Memory of ${device}`),
      h("span", { class: "chip", data: { tone: { normal: "good", soft: "warn" }[memory.level] ?? "bad" } },
        memory.level === "normal" ? "normal" : `level ${memory.level}`)),
    h("ul", { class: "legend" },
      h("li", { data: { line: "used" } }, `used by anybody ${mebibytes(memory.used_mb)}`),
      h("li", { data: { line: "promised" } }, `promised by the ledger ${mebibytes(memory.reserved_mb)}`),
      device === "cpu" ? h("li", {}, `held by Pagemill ${mebibytes(own)}`) : null,
      h("li", {}, `limit ${mebibytes(memory.limit_mb)}`)),
    h("div", { class: "plot" }, memoryChart(points, memory.limit_mb, levels, live.takenAt),
      h("ul", { class: "marks" }, ...Object.entries(levels).map(([name, at]) =>
        h("li", { style: { bottom: `${at}%` } }, `${name} ${at} %`)))),
    h("div", { class: "axis" }, h("span", {}, `${seconds(spanOf(points, live.takenAt) / 1000)} ago`), h("span", {}, "now")));
}

function modelSets(live) {
  const { model_sets: sets, unloads, unloaded_mb: back } = live.status;
  const head = h("tr", {}, ...["Model set", "Uses", "Idle", "Leaves in", "Holds", "Promised", "Process"].map((name) =>
    h("th", { scope: "col" }, name)));
  const rows = sets.map((set) => h("tr", { data: { busy: set.references > 0 ? "yes" : "no" } },
    h("th", { scope: "row" }, set.model_set),
    cell("Uses", String(set.references)),
    cell("Idle", set.references ? "in use" : seconds(set.idle_s), { idle: set.references ? "" : set.idle_s, part: "idle" }),
    cell("Leaves in", set.references ? "–" : "", { idle: set.references ? "" : set.idle_s, part: "leaves" }),
    cell("Holds", mebibytes(set.memory_mb)),
    cell("Promised", mebibytes(set.reserved_mb)),
    cell("Process", String(set.pid))));
  const section = h("section", { class: "card", "aria-label": "Resident model sets" },
    h("div", { class: "card-head" }, h("h2", {}, "Resident model sets"),
      h("p", { class: "hint" }, unloads ? `${count(unloads, "model set")} unloaded so far, ${mebibytes(back)} measured back` : "")),
    sets.length ? h("table", {}, h("thead", {}, head), h("tbody", {}, ...rows))
      : h("p", { class: "empty" }, "None: nothing is loaded, so only the server itself holds memory "
        + `(${mebibytes(live.status.server_mb)}).`));
  countDown(section, live);
  return section;
}

function cell(label, text, data = {}) {
  return h("td", { data: { label, ...data } }, text);
}

/** Idle times go on between two pictures. */
function countDown(place, live) {
  const since = (Date.now() - live.takenAt) / 1000;
  for (const each of place.querySelectorAll("td[data-idle]")) {
    if (each.dataset.idle === "") continue;
    const idle = Number(each.dataset.idle) + since;
    const text = each.dataset.part === "idle" ? seconds(idle) : seconds(Math.max(0, live.setup.idle_timeout_s - idle));
    if (each.textContent !== text) each.textContent = text;
  }
}

function work(done) {
  const stages = Object.entries(done.pages_read).map(([stage, times]) => stageRow(stage, times)).filter(Boolean);
  const counters = [["given up", done.pages_failed], ["tried again", done.pages_retried],
    ...Object.entries(done.oom_recoveries).map(([rung, times]) => [`out of memory, then ${words(rung)}`, times]),
    ...Object.entries(done.worker_losses).map(([cause, times]) => [`worker lost: ${words(cause)}`, times])];
  return h("section", { class: "card", "aria-label": "Work done" },
    h("div", { class: "card-head" }, h("h2", {}, "Since the server was started")),
    stages.length ? h("table", {}, h("thead", {}, h("tr", {}, ...["Pages", "Read", "Median", "90 % within", "99 % within"]
      .map((name) => h("th", { scope: "col" }, name)))), h("tbody", {}, ...stages)) : h("p", { class: "empty" }, "No page was read yet."),
    h("ul", { class: "counters" }, ...counters.filter(([, times]) => times).map(([name, times]) =>
      h("li", {}, `${count(times, "page")} ${name}`))));
}

function stageRow(stage, { bounds, counts }) {
  const total = counts.reduce((sum, each) => sum + each, 0);
  if (!total) return null;
  const within = (share) => {
    let seen = 0;
    const at = counts.findIndex((each) => (seen += each) >= total * share);
    return at < bounds.length ? `≤ ${seconds(bounds[at])}` : `> ${seconds(bounds.at(-1))}`;
  };
  return h("tr", {}, h("th", { scope: "row" }, stage === "text" ? "Text layers" : "Recognised"),
    cell("Read", total.toLocaleString("en")), cell("Median", within(0.5)), cell("90 % within", within(0.9)),
    cell("99 % within", within(0.99)));
}
