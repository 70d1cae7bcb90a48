// Resident model sets: their uses, their memory, and when they are unloaded; the last unloaded one, and why.

import { h } from "./dom.js";
import { clock, count, mebibytes, seconds } from "./format.js";
import { cell, table } from "./tables.js";

const CAUSES = {
  idle: "nothing used it for the idle timeout",
  spent: "its process had grown or was no longer usable",
  room: "other models or a larger page needed its memory",
  pressure: "memory was short",
};

export function modelSets(live) {
  const { model_sets: sets, server_mb: server } = live.status;
  const rows = sets.map((set) => h("tr", { data: { busy: set.references > 0 ? "yes" : "no" } },
    h("th", { scope: "row", class: "id" }, set.model_set),
    cell("Uses", set.unkillable ? "cannot be ended" : String(set.references)),
    cell("Idle", set.references ? "in use" : seconds(set.idle_s), { idle: set.references ? "" : set.idle_s, part: "idle" }),
    cell("Unloads in", set.references ? "–" : "", { idle: set.references ? "" : set.idle_s, part: "leaves" }),
    cell("Holds", mebibytes(set.memory_mb)),
    cell("Reserved", mebibytes(set.reserved_mb)),
    cell("Process", String(set.pid))));
  const section = h("section", { class: "card", "aria-label": "Resident model sets" },
    h("div", { class: "card-head" }, h("h2", {}, "Resident model sets"), h("p", { class: "hint" }, soFar(live.status))),
    sets.length ? table(["Model set", "Uses", "Idle", "Unloads in", "Holds", "Reserved", "Process"], rows)
      : h("p", { class: "empty" }, `No models are loaded. Only the server itself holds memory (${mebibytes(server)}).`),
    lastEviction(live.status.last_eviction));
  countDown(section, live);
  return section;
}

function soFar({ unloads, unloaded_mb: back }) {
  return unloads ? `${count(unloads, "model set")} unloaded so far, ${mebibytes(back)} returned (measured)` : "";
}

function lastEviction(last) {
  if (last === null) return null;
  const { at, cause, model_sets: sets, returned_mb: back } = last;
  return h("p", { class: "last-eviction hint" }, "Last unloaded ", h("time", { datetime: at }, clock(at)), ": ",
    h("b", {}, sets.join(", ")), `, because ${CAUSES[cause] ?? cause}; ${mebibytes(back)} returned (measured).`);
}

/** Let idle times run on between two snapshots. */
export function countDown(place, live) {
  const since = (Date.now() - live.takenAt) / 1000;
  for (const each of place.querySelectorAll("td[data-idle]")) {
    if (each.dataset.idle === "") continue;
    const idle = Number(each.dataset.idle) + since;
    const text = each.dataset.part === "idle" ? seconds(idle) : seconds(Math.max(0, live.setup.idle_timeout_s - idle));
    if (each.textContent !== text) each.textContent = text;
  }
}
