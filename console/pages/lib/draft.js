// The recipe that is being composed: survives a reload, remembers fifty steps back.
import { load } from "./api.js";
import { fromJson, toText, use } from "./recipe.js";
import { get, kept, set } from "./store.js";

const STEPS = 50;
const past = [];
let last = null;
let steppedAt = 0;

/** @returns {import("./recipe.js").Draft} */
export const draft = () => get("draft");
export const current = () => draft().outputs[Math.min(get("output") ?? 0, draft().outputs.length - 1)];
export const text = () => toText(draft(), get("operations"));

/** Loads the server's tables and what was being composed. */
export async function begin() {
  if (!get("operations")) set("operations", await load("operations"));
  if (draft()) return;
  const known = kept.get("draft");
  let first = {
    outputs: [{ name: "web", chain: [use("resize", { width: "1600" })], format: use("webp", { quality: "82" }) }],
  };
  // Keys of another time are given anew.
  if (known?.outputs?.length)
    first = {
      outputs: known.outputs.map((o) => ({
        ...o,
        chain: o.chain.map((c) => use(c.name, c.values)),
        format: o.format && use(o.format.name, o.format.values),
      })),
    };
  last = JSON.stringify(first);
  set("draft", first);
}

/** Replaces the draft by what `change` makes of a copy. Changes that follow at once are one step. */
export function edit(change) {
  const next = structuredClone(draft());
  const made = change(next) ?? next;
  const text = JSON.stringify(made);
  if (text === last) return;
  const now = Date.now();
  if (now - steppedAt > 500) {
    past.push(last);
    if (past.length > STEPS) past.shift();
  }
  steppedAt = now;
  last = text;
  kept.set("draft", made);
  set("draft", made);
  set("undoable", past.length);
}

/** What brings the draft back that is there now, whatever follows. */
export const back = () => {
  const before = draft();
  return () => edit(() => before);
};

export const editOutput = (change) =>
  edit((next) => {
    change(next.outputs[Math.min(get("output") ?? 0, next.outputs.length - 1)]);
  });
export const replace = (json) => {
  steppedAt = 0;
  edit(() => fromJson(json));
  set("output", 0);
};

export function undo() {
  const before = past.pop();
  if (!before) return;
  last = before;
  steppedAt = 0;
  kept.set("draft", JSON.parse(before));
  set("draft", JSON.parse(before));
  set("undoable", past.length);
}
