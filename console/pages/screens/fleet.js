// Fleet: who works, why there are so many, and what has happened to them.
import { announce, keys } from "../lib/a11y.js";
import { ask, isMissing, load, part } from "../lib/api.js";
import { h, name as shown, put, say } from "../lib/dom.js";
import { clock, clockExact, count, number, shortId, since, words } from "../lib/format.js";
import { icon } from "../lib/icons.js";
import { on } from "../lib/live.js";
import { title } from "../lib/recipe.js";
import { filter, route } from "../lib/route.js";
import { get, set, watch } from "../lib/store.js";
import { badge } from "../el/badge.js";
import { confirm, toast } from "../el/dialog.js";
import { segments } from "../el/segments.js";
import { trouble } from "../el/trouble.js";
import "../el/chart.js";

const RANGES = {
  "1h": ["1 h", 3_600_000],
  "6h": ["6 h", 21_600_000],
  "24h": ["24 h", 86_400_000],
  "7d": ["7 d", 604_800_000],
};
const LOOK_MS = 3000;
const DECISIONS = 500;
/** Decisions since the last time they were asked for; events tell of most of them. */
const LATEST = 24;
const SHOWN = 60;
const FADES_MS = 8000;
/** One that has never reported boots for so long, before it counts as silent. */
const BOOTS_MS = 15_000;
/** The chart shows no less than this, and begins a moment before the first that is known. */
const SHORTEST_MS = 5 * 60_000;
const MARGIN_MS = 20_000;

export default async function fleetScreen(main, signal) {
  const totals = h("p", { class: "totals" });
  const spans = Object.entries(RANGES).map(([value, [word]]) => [value, word]);
  const ranges = segments({ "aria-label": "Time shown" }, spans, (range) => filter({ range }));
  const warning = h("div", { class: "banner", role: "status", hidden: true });
  const chart = h("px-chart");
  const decisions = h("ol", { class: "log", tabindex: "0", "aria-label": "Decisions" });
  const events = h("ol", { class: "log", tabindex: "0", "aria-label": "Events" });
  const cards = h("ul", { class: "instances", "aria-label": "Instances" });
  const nothing = h("div", { class: "card empty", hidden: true });
  const wrong = h("div", { hidden: true });
  main.append(
    h("div", { class: "head" }, h("h1", {}, "Fleet"), totals, h("span", { class: "grow" }), ranges),
    warning,
    wrong,
    h(
      "div",
      { class: "fleet data" },
      h("section", { class: "card", "aria-label": "Over time" }, chart),
      h("section", { class: "card logs" }, h("h2", {}, "Decisions"), decisions, h("h2", {}, "Events"), events),
    ),
    cards,
    nothing,
  );

  let known = [];
  let history = null;
  let happened = [];
  const range = () => (RANGES[route().query.get("range")] ? route().query.get("range") : "1h");

  const drawFleet = () => {
    const fleet = get("fleet");
    if (!fleet?.instances) return;
    const living = fleet.instances.filter((one) => one.state !== "ended");
    const serving = living.filter(
      (one) => one.state === "ready" || one.state === "waiting" || one.state === "sick",
    ).length;
    put(
      totals,
      h("strong", {}, living.length ? `${serving} of ${living.length} in service` : "Nobody works"),
      ` · ${number(fleet.visible ?? 0)} waiting · ${number(fleet.in_flight ?? 0)} in work`,
      fleet.delayed ? ` · ${number(fleet.delayed)} delayed` : "",
    );
    nothing.hidden = fleet.instances.length > 0 || cards.childElementCount > 0;
    const role = get("session")?.features.includes("fleet");
    put(
      nothing,
      icon("fleet", "big"),
      h("strong", {}, "No instances"),
      h(
        "p",
        {},
        role ? "The next job starts one, where pixmill up or a controller runs." : "This server knows of no fleet.",
      ),
    );
    const whyOf = (id) =>
      known.flatMap((decision) => decision.events).find((event) => event.instance === id && !isWrong(event))?.why;
    drawCards(cards, fleet.instances, (one) => drain(one, look), whyOf);
  };
  const drawLogs = () => {
    const told = known.filter((decision) => decision.events.some((event) => event.kind !== "warning"));
    const steady = known.length
      ? "Nothing had to be decided: the fleet has the size it needs."
      : "No controller has run here yet.";
    list(decisions, told.slice(0, SHOWN), decisionLine, steady);
    list(events, happened, eventLine, "Nothing has happened yet.");
    drawWarning(warning, get("fleet")?.controller);
    drawChart();
  };
  const drawChart = () => {
    const now = Date.now();
    const span = RANGES[range()][1];
    const marks = known
      .filter((decision) => decision.actions.length)
      .map((decision) => ({
        at: Date.parse(decision.at),
        key: decision.tick,
        text: deeds(decision)
          .map(({ what, why }) => `${what}: ${why}`)
          .join("; "),
      }));
    const kept = history ?? { at: [], backlog: [], rate: [], size: [] };
    // A young fleet fills the chart with what there is of it.
    const young = Math.min(kept.at[0] ?? now, marks.at(-1)?.at ?? now) - MARGIN_MS;
    chart.show(kept, marks, [Math.max(now - span, Math.min(young, now - SHORTEST_MS)), now]);
  };
  chart.addEventListener("mark", (event) => {
    const li = decisions.querySelector(`[data-tick="${event.detail}"]`);
    li?.scrollIntoView({ block: "nearest" });
    li?.classList.add("lit");
    setTimeout(() => li?.classList.remove("lit"), 1500);
  });

  /** Adds decisions to those that are known, the latest first. */
  const learn = (told) => {
    const ticks = new Set(told.map((decision) => decision.tick));
    const all = [...told, ...known.filter((decision) => !ticks.has(decision.tick))];
    known = all.sort((a, b) => Date.parse(b.at) - Date.parse(a.at)).slice(0, DECISIONS);
  };
  const loadHistory = async () => {
    try {
      const [past, told, { decisions }] = await Promise.all([
        load("fleet/history", { range: range() }, signal),
        load("fleet/events", { limit: SHOWN }, signal),
        load("decisions", { limit: history ? LATEST : DECISIONS }, signal),
      ]);
      history = columnsOf(past);
      happened = told.events;
      learn(decisions);
    } catch (error) {
      if (error.name === "AbortError") return;
      history = null;
    }
    drawLogs();
  };
  const look = async () => {
    try {
      set("fleet", await load("fleet", {}, signal));
      wrong.hidden = true;
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!get("fleet")?.instances) {
        wrong.hidden = false;
        put(wrong, trouble(error, look));
      }
    }
  };
  watch(["fleet"], drawFleet, signal);

  watch(
    ["route"],
    () => {
      if (route().screen === "fleet") {
        ranges.choose(range());
        loadHistory();
      }
    },
    signal,
  );
  on(
    "decision",
    (decision) => {
      learn([decision]);
      drawLogs();
      if (decision.events.length) loadHistory();
    },
    signal,
  );
  on("refetch", look, signal);
  let turns = 0;
  const timer = setInterval(() => {
    if (document.hidden) return;
    look();
    if (++turns % 3 === 0) loadHistory();
  }, LOOK_MS);
  signal.addEventListener("abort", () => clearInterval(timer));

  const focus = (by) => {
    const all = [...cards.querySelectorAll(".instance")];
    all[Math.max(0, Math.min(all.length - 1, all.indexOf(document.activeElement) + by))]?.focus();
  };
  const ranged = Object.keys(RANGES);
  keys(
    {
      1: () => filter({ range: ranged[0] }),
      2: () => filter({ range: ranged[1] }),
      3: () => filter({ range: ranged[2] }),
      4: () => filter({ range: ranged[3] }),
      j: () => focus(1),
      k: () => focus(-1),
      d: () => document.activeElement.closest?.(".instance")?.querySelector("[data-act=drain]")?.click(),
    },
    signal,
  );
  ranges.choose(range());
  drawFleet();
  await look();
  await loadHistory();
}

/** What the server keeps of the past, as the chart wants it. */
const columnsOf = (kept) => ({
  at: kept.at.map((at) => Date.parse(at)),
  backlog: kept.visible,
  rate: kept.served_per_second,
  size: kept.instances,
});

/** Draws a log anew if it has changed, and keeps what somebody reads in its place. */
function list(log, entries, line, none) {
  const about = JSON.stringify([none, entries.map(({ at, tick, why }) => [at, tick, why])]);
  if (log.about === about) return;
  log.about = about;
  const below = log.scrollTop && log.scrollHeight - log.scrollTop;
  put(log, entries.length ? entries.map(line) : h("li", { class: "muted" }, none));
  if (below) log.scrollTop = log.scrollHeight - below;
}

function eventLine({ at, kind, instance, count: many, why }) {
  const whom = instance ? h("code", {}, shortId(instance)) : many ? number(many) : "";
  const bad = isWrong({ kind });
  return h(
    "li",
    {},
    h("time", { class: "num muted" }, clockExact(at)),
    h("span", { class: bad ? "bad" : "" }, bad ? "" : [h("strong", {}, title(kind), " ", whom), ": "], why),
  );
}

const isWrong = ({ kind }) => kind === "failure" || kind === "warning";

/** What a decision did, and why; what has one reason is one. */
function deeds(decision) {
  const done = decision.events.filter((event) => !isWrong(event));
  const together = Object.values(Object.groupBy(done, ({ kind, why }) => `${kind} ${why}`));
  return together.map((events) => {
    const [{ kind, instance, why }] = events;
    const many = events.reduce((sum, event) => sum + (event.count ?? 1), 0);
    return { what: `${title(kind)} ${instance && many === 1 ? shortId(instance) : many}`, why };
  });
}

function decisionLine(decision) {
  const wrongs = [...decision.troubles, ...decision.events.filter(isWrong).map((event) => event.why)];
  return h(
    "li",
    { "data-tick": decision.tick },
    h("time", { class: "num muted" }, clock(decision.at)),
    h(
      "span",
      {},
      deeds(decision).map(({ what, why }, at) => [at ? "; " : "", h("strong", {}, what), `: ${why}`]),
      wrongs.length ? h("span", { class: "bad" }, ` ${wrongs.join("; ")}`) : null,
      decision.rehearsed ? " (only rehearsed)" : "",
    ),
  );
}

/** A controller that is late twice is silent: what is shown of it is old. */
function drawWarning(warning, controller) {
  const since = controller ? Date.now() - Date.parse(controller.last_tick_at) : 0;
  const late = since > Math.max(2000 * (controller?.tick_seconds ?? 10), 10_000);
  warning.hidden = !controller || !(late || controller.has_stopped);
  if (warning.hidden) return;
  const rest = "the fleet keeps its size until pixmill up or pixmill controller runs again.";
  put(
    warning,
    icon("retry"),
    h("span", {}, `No controller acts since ${clockExact(controller.last_tick_at)}: ${rest}`),
  );
}

/** `whyOf` gives why an instance was to go, if it was. */
function drawCards(list, instances, drain, whyOf) {
  list.faded ??= new Set();
  const there = new Map([...list.children].map((li) => [li.dataset.id, li]));
  for (const one of instances) {
    let li = there.get(one.id);
    there.delete(one.id);
    if (list.faded.has(one.id)) continue;
    if (!li) {
      li = h("li", { class: "instance card arrives", "data-id": one.id, tabindex: "-1" });
      list.append(li);
    }
    if (one.state === "ended") fade(list, li, one.reason ?? whyOf(one.id));
    else drawCard(li, one, drain);
  }
  for (const [id, li] of there) fade(list, li, whyOf(id));
}

/** One that has gone fades, with what became of it, while its successor slides in. */
function fade(list, li, why) {
  if (li.classList.contains("leaves")) return;
  const { id, state } = li.dataset;
  const isTold = why || state === "draining" || state === "stopping";
  li.classList.add("leaves");
  put(
    li,
    cardHead(id, isTold ? "ended" : "gone"),
    h("p", {}, why ?? (isTold ? "It finished what it held." : "It crashed, was killed, or its machine went.")),
    isTold ? null : h("p", { class: "muted small" }, "What it held is done by others."),
  );
  setTimeout(() => {
    list.faded.add(id);
    li.remove();
  }, FADES_MS);
}

const cardHead = (id, state) =>
  h("div", { class: "line" }, h("strong", { class: "num grow ellipsis", title: id }, shortId(id)), badge(state));

function drawCard(li, one, drain) {
  const { report } = one;
  const slots = report?.slots ?? 0;
  const busy = report?.busy ?? 0;
  const load = slots ? `${Math.round((busy / slots) * 100)} %` : "–";
  const beat = one.heartbeat_at ? since(one.heartbeat_at) : "–";
  const text = JSON.stringify([
    one.state,
    one.reason,
    slots,
    busy,
    report?.leases,
    report?.ended,
    one.target,
    one.draining_since,
  ]);
  li.dataset.state = one.state;
  if (li.text === text) {
    say(li.querySelector(".beat"), beat);
    say(li.querySelector(".age"), since(one.launched_at));
    return;
  }
  li.text = text;
  const focused =
    li.contains(document.activeElement) && document.activeElement !== li ? document.activeElement.dataset.act : null;
  const line = (term, value, className = "") =>
    h("div", { class: "pair" }, h("dt", {}, term), h("dd", { class: `num ${className}` }, value));
  const drainable = one.state !== "draining" && one.state !== "stopping" && one.drainable !== false;
  const isYoung = Date.now() - Date.parse(one.launched_at) < BOOTS_MS;
  const isBooting = one.state === "pending" || (one.state === "silent" && !report && isYoung);
  put(
    li,
    cardHead(one.id, isBooting ? "booting" : one.state),
    h(
      "div",
      { class: "slots", role: "img", "aria-label": `${busy} of ${count(slots, "slot")} taken` },
      Array.from({ length: Math.min(Math.max(slots, 1), 32) }, (_, n) => h("span", { class: n < busy ? "taken" : "" })),
    ),
    one.reason && h("p", { class: "reason" }, shown(one.reason)),
    one.target &&
      h(
        "p",
        { class: "small muted" },
        `Target ${words(one.target.state)}${one.target.reason ? `: ${one.target.reason}` : ""}`,
      ),
    h(
      "dl",
      {},
      line("Load", load),
      line("Holds", report ? count(report.leases, "job") : "–"),
      line("Ground", report ? number(report.ended) : "–"),
      line("Age", since(one.launched_at), "age"),
      line("Heartbeat", beat, "beat"),
    ),
    h("button", { class: "quiet", "data-act": "drain", disabled: !drainable, onclick: () => drain(one) }, "Drain…"),
  );
  if (focused) li.querySelector(`[data-act="${focused}"]`)?.focus();
}

async function drain(one, look) {
  const held = one.report?.leases ?? 0;
  const jobs = one.report?.jobs?.length
    ? h(
        "ul",
        { class: "held" },
        one.report.jobs.slice(0, 8).map((job) => h("li", {}, h("code", {}, `${job.batch}/${job.id}`))),
      )
    : null;
  const sure = await confirm(
    `Drain ${shortId(one.id)}?`,
    [
      h(
        "p",
        {},
        "It takes no more jobs, and ends when it has finished what it holds. The controller starts another one if one is needed.",
      ),
      h("p", {}, held ? `It holds ${count(held, "job")} now; none of them is lost.` : "It holds no job now."),
      jobs,
    ],
    "Drain it",
  );
  if (!sure) return;
  set("fleet", {
    ...get("fleet"),
    instances: get("fleet").instances.map((other) => (other.id === one.id ? { ...other, state: "draining" } : other)),
  });
  try {
    await ask("POST", `fleet/${part(one.id)}/drain`);
    announce(`${shortId(one.id)} drains`);
  } catch (error) {
    toast(`Not drained: ${isMissing(error) ? "it is gone already" : error.detail}`);
  }
  look();
}
