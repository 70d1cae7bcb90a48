// The memory receipt of a task: estimate, reservation, peak, and the steps after it ran out of memory.

import { h } from "./dom.js";
import { count, mebibytes, seconds, words } from "./format.js";

export function showReceipt(place, task, receipt) {
  const most = Math.max(receipt.estimated_mb ?? 0, receipt.reserved_mb ?? 0, receipt.peak_mb ?? 0, 1);
  const over = receipt.reserved_mb !== null && receipt.peak_mb > receipt.reserved_mb;
  place.replaceChildren(
    h("h2", {}, "Memory receipt"),
    h("p", { class: "hint" }, receipt.is_final ? "Final" : "So far"),
    h("dl", { class: "sums" },
      sum("Estimated", receipt.estimated_mb, most),
      sum("Reserved", receipt.reserved_mb, most),
      sum("Peak", receipt.peak_mb, most, over ? "bad" : "good")),
    h("dl", { class: "lines" },
      line("Device", receipt.devices.join(", ") || "–"),
      line("Waited", seconds(receipt.waited_s)),
      line("Worked", seconds(receipt.worked_s)),
      ...Object.entries(receipt.retries).map(([why, times]) => line(`Retried: ${words(why)}`, `× ${times}`)),
      ...Object.entries(receipt.workers_lost).map(([why, times]) => line(`Worker lost: ${words(why)}`, `× ${times}`)),
      receipt.memory_warnings > 0 && line("Memory warnings", `× ${receipt.memory_warnings}`),
      line("Released and verified", task.resource_cleanup_completed ? "yes" : receipt.is_final ? "not yet" : "–")),
    ...(receipt.rungs.length ? [rungs(receipt.rungs)] : []));
}

function sum(label, mb, most, tone = "") {
  return h("div", {}, h("dt", {}, label),
    h("dd", {}, h("span", { class: "rod", data: { tone } }, h("i", { style: { width: `${(100 * (mb ?? 0)) / most}%` } })),
      h("b", {}, mebibytes(mb))));
}

function line(label, value) {
  return h("div", {}, h("dt", {}, label), h("dd", {}, value));
}

function rungs(taken) {
  const shown = taken.slice(-12);
  return h("div", {}, h("h3", {}, `Out of memory: ${count(taken.length, "step")}`), h("ol", { class: "rungs" },
    ...shown.map((rung) => h("li", {}, `Page ${rung.page} at ${mebibytes(rung.reached_mb)} on ${rung.device}: `,
      h("b", {}, rung.rung === null ? "given up" : words(rung.rung))))));
}
