// A device's memory over the last minutes: what is used and what is promised, under the guard's levels.

import { s } from "./dom.js";

const WIDTH = 600;
const HEIGHT = 160;
const LONGEST_MS = 5 * 60_000;
const SHORTEST_MS = 30_000;

/** How much of the past is shown: what was seen of it, within bounds. */
export function spanOf(points, now) {
  return Math.min(LONGEST_MS, Math.max(SHORTEST_MS, now - points[0].at));
}

/** `points`: `{at, used_mb, reserved_mb}`, oldest first. `levels`: per cent by name. */
export function memoryChart(points, limit, levels, now) {
  const span = spanOf(points, now);
  const x = (at) => WIDTH - ((now - at) / span) * WIDTH;
  const y = (mb) => HEIGHT - (Math.min(mb, limit) / limit) * HEIGHT;
  return s("svg", { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img",
    "aria-label": described(points, limit) },
  ...bands(levels),
  s("path", { class: "used", d: `${steps(points, x, (each) => y(each.used_mb))}V${HEIGHT}H${Math.max(0, x(points[0].at))}Z` }),
  s("path", { class: "promised", d: steps(points, x, (each) => y(each.reserved_mb)) }));
}

function bands(levels) {
  const edges = [...Object.entries(levels), ["end", 100]];
  return edges.slice(0, -1).map(([name, from], index) => s("rect", { class: `level ${name}`, x: 0, width: WIDTH,
    y: HEIGHT * (1 - edges[index + 1][1] / 100), height: (HEIGHT * (edges[index + 1][1] - from)) / 100 }));
}

/** Between two looks the value stays as it was seen; the last one reaches to the right edge. */
function steps(points, x, y) {
  const [first, ...others] = points;
  return `M${Math.max(0, x(first.at))} ${y(first)}${others.map((each) => `H${x(each.at)}V${y(each)}`).join("")}H${WIDTH}`;
}

function described(points, limit) {
  const last = points.at(-1);
  const most = Math.max(...points.map((each) => each.used_mb));
  return `Memory over the last minutes: now ${last.used_mb} MiB used and ${last.reserved_mb} MiB promised of `
    + `${limit} MiB; at most ${most} MiB were used.`;
}
