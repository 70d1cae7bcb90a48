// Makes elements without markup: all content from documents and servers becomes text, never HTML.

const SVG = "http://www.w3.org/2000/svg";

/** An element with properties and children; strings become text, and what is null or false is left out. */
export function h(tag, properties = {}, ...children) {
  return fill(document.createElement(tag), properties, children);
}

/** The same for SVG. */
export function s(tag, properties = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children);
}

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, each] of Object.entries(value)) element.style.setProperty(key, each);
    else if (name === "data") Object.assign(element.dataset, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Change an element's text only if it differs, so that screen readers do not repeat it. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Set or remove an attribute. */
export function mark(element, name, value) {
  if (value === null || value === undefined || value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

/** Let screen readers say it. */
export function announce(text) {
  say(document.getElementById("announcer"), text);
}

/** Call `action` at most once in this many milliseconds; the last call is never lost. */
export function throttled(action, milliseconds) {
  let timer = null, again = false, last = -Infinity;
  const run = () => {
    timer = null;
    if (!again) return;
    again = false;
    last = performance.now();
    action();
  };
  return () => {
    again = true;
    if (timer === null) timer = setTimeout(run, Math.max(0, last + milliseconds - performance.now()));
  };
}
