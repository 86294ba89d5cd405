// Addresses are hashes: `#/batch/ID?state=failed`. They work behind any proxy and stay out of logs.
import { get, set } from "./store.js";

const SCREENS = new Set(["grind", "batch", "jobs", "fleet", "dead"]);

/** @returns {{screen: string, id: string, query: URLSearchParams}} */
export function read(hash = location.hash) {
  const [path, query] = hash.replace(/^#\/?/, "").split("?");
  const [screen, id = ""] = path.split("/");
  const known = SCREENS.has(screen);
  return { screen: known ? screen : "grind", id: known ? decode(id) : "", query: new URLSearchParams(query) };
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

export function address(screen, id = "", query = {}) {
  const filled = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const text = new URLSearchParams(filled).toString();
  return `#/${screen}${id ? `/${encodeURIComponent(id)}` : ""}${text ? `?${text}` : ""}`;
}

export function go(screen, id, query) {
  location.hash = address(screen, id, query);
}

/** Changes the filters of this screen; typing leaves no trail in the history. */
export function filter(change) {
  const { screen, id, query } = read();
  history.replaceState(null, "", address(screen, id, { ...Object.fromEntries(query), ...change }));
  set("route", read());
}

/** Like a filter, but Back undoes it. */
export function step(change) {
  const { screen, id, query } = read();
  go(screen, id, { ...Object.fromEntries(query), ...change });
}

export const route = () => get("route");

export function begin() {
  addEventListener("hashchange", () => set("route", read()));
  set("route", read());
}
