// A page's text as elements: blocks of lines of words, tables as tables; and a box over the picture for each word.

import { h, s } from "./dom.js";
import { band } from "./status.js";

const TAGS = { title: "h3", table: "div", figure: "div" };

/**
 * Everything about a page that appears beside its picture.
 *
 * `units` are its words in reading order, each with its element in the text and its box; both carry its index.
 */
export function readPage(page) {
  const reading = new Reading();
  const blocks = page.blocks.map((block) => reading.block(block));
  return { blocks, boxes: reading.units.map(({ box }) => box), units: reading.units };
}

class Reading {
  constructor() {
    this.units = [];
  }

  block(block) {
    const content = block.table ? [this.#table(block)] : broken(block.lines.map((line) => this.#line(line)));
    return h(TAGS[block.kind] ?? "p", { class: "block", data: { kind: block.kind } }, ...content);
  }

  #table({ lines, table }) {
    const rows = Array.from({ length: table.rows }, () => []);
    for (const cell of table.cells) {
      const text = cell.lines.map((at) => this.#line(lines[at]));
      rows[cell.row].push(h("td", { rowspan: spans(cell.row_span), colspan: spans(cell.column_span) }, ...broken(text)));
    }
    const inCells = new Set(table.cells.flatMap((cell) => cell.lines));
    const others = lines.filter((_, at) => !inCells.has(at)).map((line) => this.#line(line));
    return h("div", { class: "read-table" }, h("table", {}, h("tbody", {}, ...rows.map((cells) => h("tr", {}, ...cells)))),
      ...broken(others));
  }

  /** The line as it was read, each word a span; what separates the words is taken from the line's text. */
  #line(line) {
    const parts = [];
    let at = 0;
    for (const word of line.words.length ? line.words : [line]) {
      const found = line.text.indexOf(word.text, at);
      if (found > at) parts.push(line.text.slice(at, found));
      else if (found < 0 && parts.length) parts.push(" ");
      parts.push(this.#unit(word, line.confidence));
      at = found < 0 ? at : found + word.text.length;
    }
    if (at < line.text.length && at > 0) parts.push(line.text.slice(at));
    return h("span", { class: "line" }, ...parts);
  }

  #unit(word, ofLine) {
    const confidence = word.confidence ?? ofLine;
    const data = { unit: this.units.length, band: band(confidence) };
    const text = h("span", { class: "unit", data }, word.text);
    const box = s("polygon", { points: word.polygon.map((point) => point.join(",")).join(" "), data });
    this.units.push({ word: word.text, confidence, text, box });
    return text;
  }
}

function broken(lines) {
  return lines.flatMap((line) => [line, h("br")]).slice(0, -1);
}

function spans(places) {
  return places > 1 ? places : null;
}
