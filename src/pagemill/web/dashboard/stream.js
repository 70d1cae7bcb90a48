// Server-sent events over fetch: unlike EventSource it can send a key, and says why it has no connection.

import { Refusal, request } from "./api.js";

const SILENCE_MS = 60_000;
const SHORTEST_MS = 500;
const LONGEST_MS = 5_000;

/**
 * Follow a stream until `signal` is aborted; after every loss, continue at the same place.
 *
 * `onState` gets "open" and "lost" (with the refusal, if the server answered).
 */
export async function follow(path, { signal, onMessage, onState }) {
  let lastId = null, wait = SHORTEST_MS;
  while (!signal.aborted) {
    let refusal = null;
    try {
      await listen(path, lastId, signal, () => { wait = SHORTEST_MS; onState("open"); }, (message) => {
        lastId = message.id ?? lastId;
        onMessage(message);
      });
    } catch (error) {
      if (error instanceof Refusal) refusal = error;
    }
    if (signal.aborted) return;
    onState("lost", refusal);
    await pause(wait, signal);
    wait = Math.min(LONGEST_MS, wait * 2);
  }
}

async function listen(path, lastId, signal, onOpen, onMessage) {
  const silence = new AbortController();
  const more = lastId === null ? {} : { "Last-Event-ID": lastId };
  let timer = setTimeout(() => silence.abort(), SILENCE_MS);
  try {
    const either = AbortSignal.any([signal, silence.signal]);
    const response = await request(path, { accept: "text/event-stream", signal: either, more });
    onOpen();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE_MS);
      const messages = (rest + value).split("\n\n");
      rest = messages.pop();
      messages.map(parsed).filter(Boolean).forEach(onMessage);
    }
  } finally {
    clearTimeout(timer);
  }
}

function parsed(text) {
  const message = { id: null, data: "" };
  for (const line of text.split("\n")) {
    if (line.startsWith("id: ")) message.id = line.slice(4);
    if (line.startsWith("data: ")) message.data += line.slice(6);
  }
  return message.data ? { id: message.id, data: JSON.parse(message.data) } : null;
}

function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}
