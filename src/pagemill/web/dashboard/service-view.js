// The service's insides: memory of each device, resident model sets, the queue, and work done.

import { h } from "./dom.js";
import { memoryCard } from "./memory-card.js";
import { countDown, modelSets } from "./model-sets.js";
import { nodes } from "./nodes.js";
import { failures, queueTables, tiles, workDone } from "./queue-cards.js";

const TICK_MS = 1_000;

export function serviceView(live) {
  const element = h("div", { class: "service-view" }, h("h1", { class: "unseen" }, "Memory and queue"));
  const body = h("div", { class: "service-body" }, h("p", { class: "hint" }, "Loading …"));
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
    ...Object.entries(status.devices).map(([device, memory]) => memoryCard(device, memory, live)),
    modelSets(live),
    nodes(status),
    queueTables(status.queue),
    workDone(status.work),
    failures(status),
  ].filter(Boolean);
}
