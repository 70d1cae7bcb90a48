// One device's memory: limit, guard levels, and reserved and used memory over time, by worker.

import { marksOf, memoryChart, ownChart, spanOf, topOf } from "./chart.js";
import { h } from "./dom.js";
import { mebibytes, seconds } from "./format.js";

const TONES = { normal: "good", soft: "warn" };
const SHADES = 6;

export function memoryCard(device, memory, live) {
  const points = live.history.filter((each) => each.devices[device])
    .map((each) => ({ at: each.at, ...each.devices[device], held: device === "cpu" ? each.held : [] }));
  const levels = live.setup.guard_percent;
  return h("section", { class: "card device", "aria-label": `Memory of ${device}` },
    h("div", { class: "card-head" }, h("h2", {}, `Memory of ${device}`),
      h("span", { class: "chip", data: { tone: TONES[memory.level] ?? "bad" } },
        memory.level === "normal" ? "normal" : `level ${memory.level}`)),
    h("ul", { class: "legend" },
      h("li", {}, `limit ${mebibytes(memory.limit_mb)}`),
      h("li", { data: { line: "used" } }, `used by all programs ${mebibytes(memory.used_mb)}`),
      promisedLegend(memory)),
    plot(memoryChart(points, memory.limit_mb, { levels, now: live.takenAt }), "Levels of the memory guard",
      Object.entries(levels).map(([name, at]) => ({ at, text: `${name} ${at} %`, level: name }))),
    axis(points, live),
    ...(points.at(-1)?.held.length ? own(memory, points, live) : []));
}

/** What our workers hold of it, on a scale of its own: next to the whole device it would be too small to see. */
function own(memory, points, live) {
  const shades = shadesOf(points);
  const top = topOf(points);
  return [
    h("h3", {}, "Used by our workers"),
    h("ul", { class: "legend" }, promisedLegend(memory), ...points.at(-1).held.map(({ id, name, mb }) =>
      h("li", { data: { line: "held", shade: shades.get(id) } }, `${name} ${mebibytes(mb)}`)),
      h("li", {}, `this server itself ${mebibytes(live.status.server_mb)}`)),
    plot(ownChart(points, top, { now: live.takenAt, shades }), "Scale", marksOf(top)),
    axis(points, live),
  ];
}

function promisedLegend(memory) {
  return h("li", { data: { line: "promised" } }, `reserved ${mebibytes(memory.reserved_mb)}`);
}

function plot(chart, label, marks) {
  return h("div", { class: "plot" }, chart, h("ul", { class: "marks", "aria-label": label }, ...marks.map(({ at, text, level }) =>
    h("li", { style: { bottom: `${at}%` }, data: { level: level ?? "" } }, h("span", {}, text)))));
}

function axis(points, live) {
  return h("div", { class: "axis" }, h("span", {}, `${seconds(spanOf(points, live.takenAt) / 1000)} ago`), h("span", {}, "now"));
}

/** Every worker keeps its shade as long as it is shown. */
function shadesOf(points) {
  const ids = new Set(points.flatMap((each) => each.held.map(({ id }) => id)));
  return new Map([...ids].map((id, index) => [id, index % SHADES]));
}
