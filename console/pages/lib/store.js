// What is known, by key; whoever shows a part of it is called once a frame after it changed.

const known = new Map();
const watchers = new Map();
const changed = new Set();
let due = false;

export const get = (key) => known.get(key);

export function set(key, value) {
  if (known.get(key) === value) return;
  known.set(key, value);
  changed.add(key);
  if (due) return;
  due = true;
  // Frames do not come in hidden tabs, whose titles tell how far a batch is.
  if (document.hidden) queueMicrotask(tell);
  else requestAnimationFrame(tell);
}

export const update = (key, change) => set(key, change(known.get(key)));

function tell() {
  due = false;
  const keys = [...changed];
  changed.clear();
  const all = new Set(keys.flatMap((key) => [...(watchers.get(key) ?? [])]));
  for (const show of all) show();
}

/** Calls after any of the keys has changed, until the signal aborts. */
export function watch(keys, show, signal) {
  for (const key of keys) {
    const all = watchers.get(key) ?? new Set();
    watchers.set(key, all.add(show));
    signal?.addEventListener("abort", () => all.delete(show));
  }
}

/** A value that outlives the tab; nothing that is secret. */
export const kept = {
  get(key, otherwise) {
    try {
      return JSON.parse(localStorage.getItem(`pixmill.${key}`)) ?? otherwise;
    } catch {
      return otherwise;
    }
  },
  set(key, value) {
    try {
      if (value === undefined || value === null) localStorage.removeItem(`pixmill.${key}`);
      else localStorage.setItem(`pixmill.${key}`, JSON.stringify(value));
    } catch {
      // A full or forbidden storage: it is not kept.
    }
  },
};
