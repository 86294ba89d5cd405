// The one stream of events of this tab. It closes while the tab is hidden, comes back by itself with
// growing pauses, and goes on after the last event that was heard.
import { ask, at } from "./api.js";
import { set } from "./store.js";

const SILENT_MS = 35_000;
const LONGEST_MS = 30_000;
const KINDS = ["job", "batch", "fleet", "decision"];

/** Events `job`, `batch`, `fleet`, `decision` with the server's document as `detail`; `refetch` when something may have been missed. */
export const live = new EventTarget();

let source = null;
let last = null;
let heardAt = 0;
let failures = 0;
let timer = 0;
let version = null;
let gap = false;

/** Calls with the document of each event of a kind, until the signal aborts. */
export function on(kind, run, signal) {
  live.addEventListener(kind, (event) => run(event.detail), { signal });
}

/** Tells of something as if the stream had: what an answer says is known without waiting for it. */
export const tell = (kind, detail) => live.dispatchEvent(new CustomEvent(kind, { detail }));

function connect() {
  clearTimeout(timer);
  source?.close();
  if (document.hidden) {
    source = null;
    return;
  }
  const mine = (source = new EventSource(at("events", { after: last })));
  heardAt = Date.now();
  const heard = (event) => {
    heardAt = Date.now();
    if (event.lastEventId) last = event.lastEventId;
  };
  mine.addEventListener("hello", (event) => {
    heard(event);
    greeted(JSON.parse(event.data));
  });
  mine.addEventListener("beat", heard);
  mine.addEventListener("reset", (event) => {
    heard(event);
    tell("refetch");
  });
  for (const kind of KINDS) {
    mine.addEventListener(kind, (event) => {
      heard(event);
      tell(kind, JSON.parse(event.data));
    });
  }
  mine.addEventListener("error", () => {
    if (mine === source) lost();
  });
}

function greeted(hello) {
  if (version && hello.version !== version) set("updated", true);
  version = hello.version;
  failures = 0;
  document.documentElement.removeAttribute("data-offline");
  set("link", { state: "live" });
  if (gap) {
    gap = false;
    tell("refetch");
  }
}

async function lost() {
  source?.close();
  source = null;
  gap = true;
  if (document.hidden) return;
  failures += 1;
  const pause = Math.min(LONGEST_MS, 1000 * 2 ** Math.min(failures - 1, 5)) * (0.5 + Math.random() / 2);
  clearTimeout(timer);
  timer = setTimeout(connect, pause);
  // Tells a server that is gone from one that wants a token, or has too many listeners.
  const code = await ask("GET", "session").then(
    () => "busy",
    (error) => error.code,
  );
  if (source?.readyState === EventSource.OPEN) return;
  const away = code === "offline" || code === "unavailable";
  document.documentElement.toggleAttribute("data-offline", away);
  set("link", { state: away ? "offline" : "connecting", since: heardAt });
}

/** Begins, once the session is known. */
export function begin() {
  connect();
  addEventListener("online", connect);
  addEventListener("offline", lost);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      source?.close();
      source = null;
      gap = true;
    } else connect();
  });
  setInterval(() => {
    if (source && Date.now() - heardAt > SILENT_MS) lost();
  }, 5000);
}

export const reconnect = connect;
