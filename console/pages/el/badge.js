// The state of something: a sign, a word and a colour, never a colour alone.
import { h, put } from "../lib/dom.js";
import { icon } from "../lib/icons.js";

/** The states of jobs, batches and instances: sign, class, word. */
export const STATES = {
  pending: ["queued", "", "Queued"],
  running: ["running", "is-running", "Running"],
  done: ["done", "is-done", "Done"],
  failed: ["failed", "is-failed", "Failed"],
  dead: ["cross", "is-dead", "Dead"],
  retrying: ["retry", "is-retry", "Retrying"],
  redriving: ["retry", "is-retry", "Redriving…"],
  sending: ["up", "is-running", "Sending"],
  ready: ["done", "is-done", "In service"],
  booting: ["queued", "", "Booting"],
  silent: ["failed", "is-failed", "No report"],
  sick: ["failed", "is-failed", "Sick"],
  waiting: ["retry", "is-retry", "Kept waiting"],
  draining: ["retry", "is-retry", "Draining"],
  stopping: ["retry", "is-retry", "Stopping"],
  ended: ["cross", "", "Ended"],
  gone: ["failed", "is-failed", "Gone"],
};

export function badge(state, word) {
  const [sign, className, known] = STATES[state] ?? ["queued", "", state];
  return h("span", { class: `badge ${className}` }, icon(sign), word ?? known);
}

export function rebadge(element, state, word) {
  const fresh = badge(state, word);
  element.className = fresh.className;
  put(element, [...fresh.childNodes]);
}

/** Whether a job failed or was given up. */
export const isBad = ({ state }) => state === "failed" || state === "dead";

/** A job's state as people see it: one that failed before and is tried again is not just queued. */
export const stateOf = (job) => (job.state === "pending" && job.troubles?.length ? "retrying" : job.state);
