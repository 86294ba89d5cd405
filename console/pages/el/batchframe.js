// The parts of the Batch screen, and what draws them.
import { at, batchPath } from "../lib/api.js";
import { debounced, h, put } from "../lib/dom.js";
import { words } from "../lib/format.js";
import { icon } from "../lib/icons.js";
import { filter, route } from "../lib/route.js";
import { kept } from "../lib/store.js";
import { badge } from "./badge.js";
import { drawHead } from "./batchhead.js";
import { rowOf, tileOf } from "./jobcells.js";
import { unmatched } from "./empty.js";
import { segments } from "./segments.js";
import { trouble } from "./trouble.js";
import "./grist.js";
import "./rows.js";

const STATES = [
  ["", "All"],
  ["pending", "Queued"],
  ["running", "Running"],
  ["done", "Done"],
  ["failed", "Failed"],
  ["dead", "Dead"],
];

/** The parts of the screen, and what draws them. */
export function frame(id, state, signal) {
  const title = h("h1", { class: "ellipsis" }, "Batch");
  const badged = badge("pending");
  const download = h(
    "a",
    { class: "button large", href: at(batchPath(id, "/outputs.zip")), download: "", hidden: true },
    icon("download"),
    h("span"),
  );
  const grist = h("px-grist", { class: "data" });
  const figures = h("div", { class: "figures data", "aria-live": "off" });
  const interrupted = h("div", { hidden: true });
  const failures = h("section", { class: "failures", "aria-label": "Why pictures failed", hidden: true });
  const search = h("input", {
    type: "search",
    placeholder: "Name, id or reason",
    "aria-label": "Search in this batch",
    value: route().query.get("q") ?? "",
    oninput: debounced(() => filter({ q: search.value.trim() }), 200),
  });
  const chips = segments({ "aria-label": "State" }, STATES, (state) => filter({ state, code: null }));
  const coded = h("button", { class: "quiet", hidden: true, onclick: () => filter({ code: null }) });
  const viewed = h("button", { class: "square", onclick: () => root.toggle() });
  const finding = h("div", { class: "search grow" }, icon("search"), search);
  const filters = h("div", { class: "line filters" }, finding, chips, coded, viewed);
  const progress = h("section", { class: "card grist-card", "aria-label": "Progress" }, grist, figures);
  const fresh = h("button", { class: "fresh", hidden: true });
  const rows = h("px-rows", { class: "data" });
  const nothing = h("div", { class: "empty", hidden: true });
  const wrong = h("div", { hidden: true });
  const element = h(
    "div",
    { class: "screen batch" },
    h("div", { class: "head" }, title, badged, h("span", { class: "grow" }), download),
    wrong,
    interrupted,
    progress,
    failures,
    filters,
    fresh,
    rows,
    nothing,
  );

  const isGallery = () => (route().query.get("view") ?? kept.get("view", "rows")) === "gallery";
  const root = {
    root: element,
    rows,
    toggle() {
      const to = isGallery() ? "rows" : "gallery";
      kept.set("view", to);
      filter({ view: to });
    },
    onGrist(run) {
      grist.addEventListener("cell", (event) => run(event.detail), { signal });
    },
    grist(batch, jobs) {
      const whole = !route().query.get("state") && !route().query.get("q") && !route().query.get("code");
      grist.show(batch, whole ? jobs.items.map((job) => job.state) : []);
    },
    draw(batch, jobs) {
      drawHead(batch, { title, badged, download, figures, interrupted, failures }, id);
      root.grist(batch, jobs);
    },
    problem(error, retry) {
      wrong.hidden = !error;
      put(wrong, error && trouble(error, retry));
      for (const part of [badged, progress, filters]) part.hidden = Boolean(error);
    },
    fresh(many, show) {
      fresh.hidden = !many;
      put(fresh, `${many} new`);
      fresh.onclick = show;
    },
    filters() {
      chips.choose(route().query.get("state") ?? "");
      const code = route().query.get("code");
      coded.hidden = !code;
      put(coded, words(code), icon("cross"));
      put(viewed, icon(isGallery() ? "rows" : "grid"));
      viewed.setAttribute("aria-label", isGallery() ? "Show as rows" : "Show as a gallery");
    },
    empty(batch, jobs) {
      const none = jobs.ended && !jobs.items.length;
      nothing.hidden = !none;
      if (!none) return;
      const filtered = ["q", "state", "code"].some((key) => route().query.get(key));
      put(
        nothing,
        filtered
          ? unmatched(() => {
              search.value = "";
              filter({ q: null, state: null, code: null });
            })
          : [h("strong", {}, "No pictures yet")],
      );
    },
    list(jobs, want, open, retry, onlyIfChanged) {
      const gallery = isGallery();
      if (onlyIfChanged && rows.gallery === gallery) {
        rows.refresh();
        return;
      }
      rows.gallery = gallery;
      rows.list({
        label: "Pictures of the batch",
        count: jobs.count,
        want,
        open,
        height: gallery ? 212 : 48,
        tile: gallery ? (innerWidth < 760 ? 150 : 180) : undefined,
        about: (index) => {
          const job = jobs.items[index];
          return job ? `${job.id} ${job.state} ${job.worker} ${job.outputs.length} ${job.troubles?.length}` : "";
        },
        className: (index) => (gallery ? `tile is-${jobs.items[index]?.state}` : "job"),
        cells: (index) => (gallery ? tileOf : rowOf)(jobs.items[index], retry),
      });
    },
  };
  root.filters();
  return root;
}
