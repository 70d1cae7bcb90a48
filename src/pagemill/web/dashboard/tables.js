// Tables whose cells name their column, for screens too narrow for columns.

import { h } from "./dom.js";

export function table(columns, rows) {
  return h("table", {}, h("thead", {}, h("tr", {}, ...columns.map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, ...rows));
}

/** A row: its name, then a cell for each of the other columns. */
export function row(columns, name, ...values) {
  return h("tr", {}, h("th", { scope: "row" }, name),
    ...values.map((value, index) => cell(columns[index + 1], value)));
}

export function cell(label, content, data = {}) {
  return h("td", { data: { label, ...data } }, content);
}
