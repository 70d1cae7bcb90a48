// How states look, in one place.

import { h } from "./dom.js";
import { words } from "./format.js";

const TONES = {
  created: "quiet", queued: "quiet", running: "busy", retrying: "warn", cancelling: "warn", succeeded: "good",
  partially_succeeded: "warn", failed: "bad", cancelled: "quiet", expired: "bad",
};
export const STATUSES = Object.keys(TONES);
const FINAL = new Set(["succeeded", "partially_succeeded", "failed", "cancelled", "expired"]);

export function isFinal(status) {
  return FINAL.has(status);
}

export function canCancel(status) {
  return !isFinal(status) && status !== "cancelling";
}

/** The task has ended with unread pages. */
export function canRetry({ status, progress }) {
  return isFinal(status) && progress.pages_done < progress.pages_total;
}

/** The chip that names a status; `showStatus` changes it. */
export function chip(status) {
  return showStatus(h("span", { class: "chip" }), status);
}

export function showStatus(element, status) {
  if (element.dataset.status !== status) {
    element.dataset.status = status;
    element.dataset.tone = TONES[status] ?? "quiet";
    element.textContent = words(status);
  }
  return element;
}

/** The band of a confidence; words from text layers have none. */
export function band(confidence) {
  if (confidence === null || confidence === undefined) return "none";
  if (confidence >= 0.95) return "high";
  return confidence >= 0.8 ? "middle" : "low";
}
