// Decisions of the controller, and what happens to instances, in words.
import { count, number, seconds, words } from "./format.js";

const SICK = {
  target: (of) => `its target is unhealthy (${of.code})`,
  silent: () => "it does not report any more",
  takes_nothing: () => "it takes nothing although jobs wait",
  stuck: () => "it holds jobs and comes no step further",
};
const WHY = {
  first_instance: (why) => `${count(why.jobs, "job")} and nobody to work`,
  rate: (why) => `${why.per_second.toFixed(1)} jobs arrive a second`,
  backlog: (why) => `${number(why.jobs)} waiting need ${number(why.needs)}`,
  minimum: (why) => `at least ${why.min} are wanted`,
  replacement: (why) => `in place of ${why.lost} lost`,
  canary: () => "many look sick: is a new one well?",
  idle: (why) => `${count(why.slots, "slot")} idle`,
  maximum: (why) => `at most ${why.max} are wanted`,
  sick: (why) => SICK[why.of.sickness]?.(why.of) ?? words(why.of.sickness),
  itself: () => "its worker drains by itself",
  marked: () => "it was marked before",
  drained: () => "it has finished",
  drain_timeout: (why) => `its drain took over ${seconds(why.after_seconds)}`,
  never_ran: () => "it never ran",
  never_reported: (why) => `no report for ${seconds(why.after_seconds)}`,
};
const VERB = { launch: "Launch", drain: "Drain", terminate: "End" };

/** A decision's actions, those of one reason together. */
export function doings(decision) {
  const all = new Map();
  for (const action of decision.actions ?? []) {
    const why = WHY[action.why?.reason]?.(action.why) ?? words(action.why?.reason);
    const key = `${VERB[action.action] ?? action.action}|${why}`;
    const known = all.get(key) ?? { verb: VERB[action.action] ?? action.action, many: 0, ids: [], why };
    known.many += action.intent?.count ?? 1;
    if (action.id) known.ids.push(action.id);
    all.set(key, known);
  }
  return [...all.values()].map(({ verb, many, ids, why }) => ({
    what: `${verb} ${ids.length === 1 ? shortId(ids[0]) : many}`,
    why,
  }));
}

export const troublesOf = (decision) => [
  ...(decision.troubles ?? []),
  ...(decision.failures ?? []).map((failure) => failure.error),
  ...(decision.warnings ?? []).map((one) => words(one.warning)),
];

/** An id as people can tell it from others: the beginning of a hash, the end of what begins with the time. */
export const shortId = (id) =>
  id.replace(/^[0-9a-f]{24,}/, (hash) => hash.slice(0, 8)).replace(/^[0-9a-f]{8}-[0-9a-f-]{19}([0-9a-f]{8})/, "$1");
