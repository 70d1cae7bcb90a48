// The servers that read pages: what each can reserve, which engines it has, and whether it is alive.

import { h } from "./dom.js";
import { count, mebibytes, seconds, words } from "./format.js";
import { row, table } from "./tables.js";

const COLUMNS = ["Node", "State", "Can reserve", "Engines", "Version", "Last seen"];

/** Null if this server reads pages and no other server does. */
export function nodes({ nodes: all }) {
  if (all.length === 1 && all[0].is_this) return null;
  const live = all.filter((node) => node.state === "live").length;
  const section = h("section", { class: "card", "aria-label": "Nodes" },
    h("div", { class: "card-head" }, h("h2", {}, "Nodes"), h("p", { class: "hint" }, `${count(live, "server")} can read pages`)));
  section.append(all.length ? table(COLUMNS, all.map(nodeRow))
    : h("p", { class: "empty" }, "No server reads pages. Start one with: pagemill node"));
  return section;
}

function nodeRow(node) {
  const sizes = Object.entries(node.devices).map(([device, { reservable_mb: size }]) => `${mebibytes(size)} of ${device}`);
  return row(COLUMNS, node.is_this ? `${node.name} (this server)` : node.name, words(node.state), sizes.join(", "),
    Object.keys(node.engines).join(", ") || "none", node.version, node.state === "live" ? "now" : `${seconds(node.seen_s)} ago`);
}
