// Requests to the server. Paths are relative to the dashboard's own address; the key stays in this tab.

const ROOT = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");
const KEY = "pagemill-key";

/** A refusal, with the server's own sentence about what to do. */
export class Refusal extends Error {
  constructor(problem, status) {
    super(problem.detail || `The server answered ${status}.`);
    this.status = status;
    this.code = problem.code || "";
    this.retryable = Boolean(problem.retryable);
  }
}

export function url(path) {
  return ROOT + path;
}

export function hasKey() {
  return sessionStorage.getItem(KEY) !== null;
}

export function keep(key) {
  sessionStorage.setItem(KEY, key);
}

export function forget() {
  sessionStorage.removeItem(KEY);
}

function headers(more = {}) {
  const key = sessionStorage.getItem(KEY);
  return key === null ? more : { ...more, Authorization: `Bearer ${key}` };
}

/** The response if it is a success. Throws a `Refusal` for any other response, a `TypeError` for none. */
export async function request(path, { method = "GET", accept = "application/json", signal, more = {} } = {}) {
  const response = await fetch(url(path), { method, signal, headers: headers({ Accept: accept, ...more }) });
  if (!response.ok) throw new Refusal(await problem(response), response.status);
  return response;
}

export async function get(path, options) {
  return (await request(path, options)).json();
}

export async function post(path) {
  return (await request(path, { method: "POST" })).json();
}

async function problem(response) {
  try {
    return await response.json();
  } catch {
    return {};
  }
}

/** Send a document; `onProgress` gets the share sent so far (0 to 1). Resolves to the task. */
export function upload(file, fields, onProgress) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) if (value !== "") form.append(name, value);
  form.append("file", file, file.name);
  return new Promise((resolve, reject) => {
    const sending = new XMLHttpRequest();
    sending.open("POST", url("/tasks"));
    for (const [name, value] of Object.entries(headers({ Accept: "application/json" }))) {
      sending.setRequestHeader(name, value);
    }
    sending.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    sending.onload = () => {
      const answer = parsed(sending.responseText);
      if (sending.status < 300) resolve(answer);
      else reject(new Refusal(answer, sending.status));
    };
    sending.onerror = () => reject(new Error("The server is not reachable. Send the file again later."));
    sending.send(form);
  });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

/** A page's picture as the address of an object in memory; release it with `URL.revokeObjectURL`. */
export async function picture(path, signal) {
  const response = await request(path, { accept: "image/*", signal });
  return URL.createObjectURL(await response.blob());
}

/** Save a result. Without a key the browser streams it to disk; with one it has to pass through memory. */
export async function download(path, name) {
  const link = document.createElement("a");
  link.download = name;
  link.href = hasKey() ? await picture(path) : url(path);
  link.click();
  if (hasKey()) setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
