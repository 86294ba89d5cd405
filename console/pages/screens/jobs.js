// Jobs: what was ground lately, batch by batch or job by job, to be searched.
import { keys } from "../lib/a11y.js";
import { load } from "../lib/api.js";
import { debounced, h, name as shown, paced, put, say } from "../lib/dom.js";
import { change, count, number, percent, when } from "../lib/format.js";
import { icon } from "../lib/icons.js";
import { on } from "../lib/live.js";
import { Pager } from "../lib/pager.js";
import { address, filter, go, route } from "../lib/route.js";
import { watch } from "../lib/store.js";
import { ofPath } from "../lib/thumbs.js";
import { nameOf } from "../lib/upload.js";
import { badge } from "../el/badge.js";
import { rowOf } from "../el/jobcells.js";
import { unground, unmatched } from "../el/empty.js";
import { segments } from "../el/segments.js";
import { trouble } from "../el/trouble.js";
import "../el/rows.js";

const TABS = [
  ["batches", "Batches"],
  ["jobs", "Jobs"],
];
const STATES = {
  batches: [
    ["", "All"],
    ["running", "Running"],
    ["ended", "Ended"],
    ["failed", "With failures"],
  ],
  jobs: [
    ["", "All"],
    ["pending", "Queued"],
    ["running", "Running"],
    ["done", "Done"],
    ["failed", "Failed"],
    ["dead", "Dead"],
  ],
};
const SINCE = [
  ["", "Any time"],
  ["1h", "Last hour"],
  ["24h", "Last day"],
  ["7d", "Last week"],
];
const HOURS = { "1h": 1, "24h": 24, "7d": 168 };

const tabNow = () => (route().query.get("tab") === "jobs" ? "jobs" : "batches");

export default async function jobsScreen(main, signal) {
  const tabs = segments({ "aria-label": "What is listed" }, TABS, (tab) => {
    search.value = "";
    filter({ tab, q: null, state: null });
  });
  const search = h("input", {
    type: "search",
    value: route().query.get("q") ?? "",
    "aria-label": "Search",
    oninput: debounced(() => filter({ q: search.value.trim() }), 250),
  });
  const chosen = h("select", { "aria-label": "State", onchange: () => filter({ state: chosen.value }) });
  const since = h("select", { "aria-label": "Since", onchange: () => filter({ since: since.value }) });
  const fresh = h("button", { class: "fresh", hidden: true });
  const rows = h("px-rows", { class: "data" });
  const counted = h("p", { class: "muted" });
  const nothing = h("div", { class: "empty", hidden: true });
  const wrong = h("div", { hidden: true });
  main.append(
    h("div", { class: "head" }, h("h1", {}, "Jobs"), tabs, counted),
    h("div", { class: "line filters" }, h("div", { class: "search grow" }, icon("search"), search), chosen, since),
    wrong,
    fresh,
    rows,
    nothing,
  );

  let pager = null;
  let seen = [0, 40];
  let asked = "";
  const draw = () => {
    const many = shownItems().length;
    rows.count = many + (pager.ended ? 0 : 1);
    // The server counts what it has looked through, which is as far as somebody has scrolled.
    const all = tabNow() === "jobs" ? count(many, "job") : count(many, "batch", "batches");
    say(counted, many ? `${all}${pager.ended ? "" : " and more"}` : "");
    const none = pager.ended && !many;
    nothing.hidden = !none;
    if (!none) return;
    const filtered = ["q", "state", "since"].some((key) => route().query.get(key));
    put(
      nothing,
      filtered
        ? unmatched(() => {
            search.value = "";
            filter({ q: null, state: null, since: null });
          })
        : unground("jobs", "Every batch that this pipeline gets is listed here, wherever it came from."),
    );
  };
  /** What the server does not filter is filtered here. */
  const shownItems = () => {
    const { query } = route();
    const limit = HOURS[query.get("since")] ? Date.now() - HOURS[query.get("since")] * 3_600_000 : 0;
    const q = (query.get("q") ?? "").toLowerCase();
    if (tabNow() === "jobs")
      return limit ? pager.items.filter((job) => !job.finished_at || new Date(job.finished_at) >= limit) : pager.items;
    return pager.items.filter(
      (batch) =>
        new Date(batch.created_at ?? Date.now()) >= limit &&
        (!q ||
          `${batch.batch} ${nameOf(batch) ?? ""} ${batch.recipe ?? ""} ${batch.by ?? ""} ${batch.failures.map((one) => one.reason).join(" ")}`
            .toLowerCase()
            .includes(q)) &&
        ({ running: !batch.ended, ended: batch.ended, failed: batch.failed + batch.dead > 0 }[query.get("state")] ??
          true),
    );
  };
  const want = (first, last) => {
    seen = [first, last];
    if (last >= shownItems().length && !pager.ended)
      pager.need(pager.items.length).then(draw, (error) => {
        if (error.name !== "AbortError") {
          wrong.hidden = false;
          put(wrong, trouble(error, begin));
        }
      });
  };
  const begin = () => {
    wrong.hidden = true;
    const tab = tabNow();
    const { query } = route();
    const here = JSON.stringify([tab, tab === "jobs" ? [query.get("q"), query.get("state")] : null]);
    tabs.choose(tab);
    search.placeholder = tab === "jobs" ? "Name, id or reason" : "Name, recipe or reason";
    put(
      chosen,
      STATES[tab].map(([value, text]) => h("option", { value, selected: value === (query.get("state") ?? "") }, text)),
    );
    put(
      since,
      SINCE.map(([value, text]) => h("option", { value, selected: value === (query.get("since") ?? "") }, text)),
    );
    if (here === asked) {
      rows.list(listing(tab));
      draw();
      return;
    }
    asked = here;
    pager =
      tab === "jobs"
        ? new Pager(
            async (after, limit) => {
              const page = await load("jobs", { after, limit, q: query.get("q"), state: query.get("state") }, signal);
              return { items: page.jobs, next: page.next, total: page.total };
            },
            (job) => `${job.batch}/${job.id}`,
          )
        : new Pager(
            async (after, limit) => {
              const page = await load("batches", { after, limit: Math.min(limit, 100) }, signal);
              return { items: page.batches, next: page.next, total: null };
            },
            (batch) => batch.batch,
          );
    rows.list(listing(tab));
    const mine = pager;
    pager.need(0).then(
      () => {
        if (mine === pager) draw();
      },
      (error) => {
        if (error.name !== "AbortError") {
          wrong.hidden = false;
          put(
            wrong,
            trouble(error, () => {
              asked = "";
              begin();
            }),
          );
        }
      },
    );
  };
  const listing = (tab) => ({
    label: tab === "jobs" ? "Jobs" : "Batches",
    height: tab === "jobs" ? 48 : 64,
    count: shownItems().length + (pager.ended ? 0 : 1),
    want,
    about: (index) => {
      const item = shownItems()[index];
      return item
        ? JSON.stringify(
            tab === "jobs"
              ? [item.id, item.state]
              : [item.batch, item.done, item.failed, item.dead, item.jobs, item.ended, item.name, item.thumbnails],
          )
        : "";
    },
    className: () => (tab === "jobs" ? "job" : "batch-row"),
    cells: (index) => (tab === "jobs" ? rowOf(shownItems()[index]) : batchRow(shownItems()[index])),
    open: (index) => {
      const item = shownItems()[index];
      if (item) go("batch", item.batch, tab === "jobs" ? { job: item.id } : {});
    },
  });

  watch(
    ["route"],
    () => {
      if (route().screen === "jobs") begin();
    },
    signal,
  );
  let held = 0;
  const again = paced(async () => {
    try {
      held = await pager.again(...seen, rows.matches(":hover, :focus-within"));
      fresh.hidden = !held;
      say(fresh, `${held} new`);
      draw();
    } catch {
      /* The next event asks again. */
    }
  }, 800);
  fresh.addEventListener("click", async () => {
    held = 0;
    fresh.hidden = true;
    await pager.again(...seen).catch(() => {});
    draw();
  });
  for (const kind of ["batch", "refetch"]) on(kind, again, signal);
  keys({ j: () => rows.focusOn(rows.focused + 1), k: () => rows.focusOn(rows.focused - 1) }, signal);
  begin();
}

function batchRow(batch) {
  if (!batch) return [{ className: "wide", content: h("div", { class: "skeleton" }) }];
  const bad = batch.failed + batch.dead;
  const far = percent(batch.done + bad, batch.jobs);
  const saved = batch.bytes_in ? change(batch.bytes_in, batch.bytes_out) : "";
  return [
    {
      className: "c-stack",
      content: h(
        "div",
        { class: "stack3" },
        (batch.thumbnails ?? []).map((path) => h("div", { class: "well" }, ofPath(h("img", { alt: "" }), path))),
      ),
    },
    {
      className: "c-name",
      content: h(
        "div",
        {},
        h(
          "a",
          { class: "ellipsis batch-link", href: address("batch", batch.batch) },
          shown(nameOf(batch) ?? batch.batch),
        ),
        h("div", { class: "muted ellipsis small" }, h("code", {}, batch.recipe ?? "several recipes")),
      ),
    },
    {
      className: "c-bar",
      content: h(
        "div",
        { class: "bar", role: "img", "aria-label": `${far} %` },
        h("span", { class: "bar-done", style: { width: `${(batch.done / Math.max(1, batch.jobs)) * 100}%` } }),
        h("span", { class: "bar-bad", style: { width: `${(bad / Math.max(1, batch.jobs)) * 100}%` } }),
      ),
    },
    { className: "c-count num", content: h("span", {}, `${number(batch.done)}/${number(batch.jobs)} ${saved}`) },
    {
      className: "c-state",
      content: batch.ended
        ? badge(bad ? "failed" : "done", bad ? `${number(bad)} failed` : "Done")
        : badge("running", `${far} %`),
    },
    { className: "c-when num muted", content: h("span", {}, when(batch.created_at)) },
  ];
}
