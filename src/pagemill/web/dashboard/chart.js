// A device's memory over the last minutes: used and reserved, with the guard's levels in the background; enlarged, with
// the memory of each worker.

import { s } from "./dom.js";
import { count, mebibytes } from "./format.js";

const WIDTH = 600;
const HEIGHT = 160;
const LONGEST_MS = 5 * 60_000;
const SHORTEST_MS = 30_000;

/** The time span to show, in milliseconds: since the first point, within bounds. */
export function spanOf(points, now) {
  return Math.min(LONGEST_MS, Math.max(SHORTEST_MS, now - points[0].at));
}

/** The whole device. `points`: `{at, used_mb, reserved_mb, held}`, oldest first. `levels`: per cent by name. */
export function memoryChart(points, limit, { levels, now }) {
  const scale = scaled(points, limit, now);
  const last = points.at(-1);
  const most = Math.max(...points.map((each) => each.used_mb));
  return chart(`Memory over the last minutes: now ${last.used_mb} MiB used and ${last.reserved_mb} MiB reserved of `
    + `${limit} MiB; highest use ${most} MiB.`,
  ...bands(levels), area("used", points, scale, (each) => each.used_mb), promised(points, scale));
}

/** Our workers, stacked. `held`: `{id, mb}` of each; `shades`: the shade of each by id. */
export function ownChart(points, top, { now, shades }) {
  const scale = scaled(points, top, now);
  const held = heldBy(points.at(-1).held.map(({ id }) => id));
  return chart(`Memory held by workers over the last minutes: now ${held(points.at(-1))} MiB in `
    + `${count(points.at(-1).held.length, "worker")}.`, ...heldAreas(points, scale, shades), promised(points, scale));
}

/** The top of the workers' chart: the most that was held or reserved, and a little more. */
export function topOf(points) {
  return Math.ceil(1.1 * Math.max(1, ...points.map((each) =>
    Math.max(each.reserved_mb, heldBy(each.held.map(({ id }) => id))(each)))));
}

function scaled(points, top, now) {
  const span = spanOf(points, now);
  return {
    x: (at) => Math.max(0, WIDTH - ((now - at) / span) * WIDTH),
    y: (mb) => HEIGHT - (Math.min(mb, top) / top) * HEIGHT,
  };
}

function chart(described, ...parts) {
  return s("svg", { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img",
    "aria-label": described }, ...parts);
}

function bands(levels) {
  const edges = [...Object.entries(levels), ["end", 100]];
  return edges.slice(0, -1).map(([name, from], index) => s("rect", { class: `level ${name}`, x: 0, width: WIDTH,
    y: HEIGHT * (1 - edges[index + 1][1] / 100), height: (HEIGHT * (edges[index + 1][1] - from)) / 100 }));
}

/** Stacks each worker on those before it; paints from the top, so that each lower area covers the rest. */
function heldAreas(points, scale, shades) {
  const ids = [...shades.keys()];
  return ids.map((id, index) => area("held", points, scale, heldBy(ids.slice(0, index + 1)), shades.get(id))).reverse();
}

function heldBy(ids) {
  const wanted = new Set(ids);
  return (point) => point.held.reduce((sum, each) => sum + (wanted.has(each.id) ? each.mb : 0), 0);
}

function promised(points, scale) {
  return s("path", { class: "promised", d: steps(points, scale, (each) => each.reserved_mb) });
}

function area(name, points, scale, value, shade = null) {
  return s("path", { class: name, data: shade === null ? {} : { shade },
    d: `${steps(points, scale, value)}V${HEIGHT}H${scale.x(points[0].at)}Z` });
}

/** A line that stays level between two snapshots; the last value extends to the right edge. */
function steps(points, { x, y }, value) {
  const [first, ...others] = points;
  const more = others.map((each) => `H${x(each.at).toFixed(1)}V${y(value(each)).toFixed(1)}`).join("");
  return `M${x(first.at)} ${y(value(first))}${more}H${WIDTH}`;
}

/** The marks of a scale that has no levels. */
export function marksOf(top) {
  return [top / 2, top].map((mb) => ({ at: (100 * mb) / top, text: mebibytes(mb) }));
}
