// The stage of Grind: one picture before and after, as soon as anything changes; or where to drop some.
import { h, put } from "../lib/dom.js";
import * as drafts from "../lib/draft.js";
import { bytes, change, size } from "../lib/format.js";
import { icon } from "../lib/icons.js";
import { selected } from "../lib/pictures.js";
import { CLOSE_SIDE, preview } from "../lib/preview.js";
import { entry, firstWrong } from "../lib/recipe.js";
import { get } from "../lib/store.js";
import "./compare.js";

const PAUSE_MS = 80;
const PAUSE_MOVING_MS = 250;
/** So long after the last change the very output is made, for its size. */
const QUIET_MS = 600;

/** The stage: what to do while there is no picture, else the preview. Gives what draws it. */
export function stageOf(stage, choose, chooseFolder, signal) {
  const empty = h(
    "div",
    { class: "empty drop-here" },
    icon("grind", "big"),
    h("strong", {}, "Drop pictures anywhere"),
    h("p", {}, "or a whole folder, or paste one from the clipboard"),
    h(
      "div",
      { class: "line" },
      h("button", { class: "large", onclick: choose }, icon("picture"), "Choose pictures"),
      h("button", { class: "large", onclick: chooseFolder }, icon("folder"), "Choose a folder"),
    ),
  );
  const compare = h("px-compare");
  const note = h("p", { class: "preview-note", role: "status" });
  const box = h("div", { class: "stage-box" }, compare, note);
  let asking = null;
  let timer = 0;
  let original = null;
  compare.addEventListener("unshowable", async ({ detail }) => {
    // Browsers do not open every format that the mill does.
    const picture = selected();
    if (detail === "before" && picture)
      preview(picture, "rotate:0", null, signal).then(
        (made) => {
          compare.before = made.url;
        },
        () => {},
      );
  });
  const make = (picture, asked, how) =>
    preview(picture, drafts.text(), drafts.draft().outputs.length > 1 ? drafts.current().name : null, asked, how);
  // Looked at closely it is the very output, as large as it may be shown.
  let isClose = false;
  compare.addEventListener("zoom", ({ detail }) => {
    if (detail > 1 === isClose) return;
    isClose = detail > 1;
    show();
  });
  const show = async () => {
    const picture = selected();
    if (!picture) return;
    if (original?.id !== picture.id) {
      if (original) URL.revokeObjectURL(original.url);
      original = { id: picture.id, url: URL.createObjectURL(picture.file) };
      compare.before = picture.problem ? null : original.url;
      compare.after = picture.problem ? null : original.url;
      put(compare.facts);
    }
    asking?.abort();
    const wrong = picture.problem ?? firstWrong(drafts.draft(), get("operations"))?.text;
    if (wrong) {
      compare.busy = false;
      put(note, icon("failed"), wrong);
      return;
    }
    const mine = (asking = new AbortController());
    const slow = setTimeout(() => {
      compare.busy = true;
    }, 150);
    try {
      const made = await make(picture, mine.signal, { full: isClose, side: isClose ? CLOSE_SIDE : undefined });
      if (mine !== asking) return;
      compare.after = made.url;
      put(note);
      put(compare.facts, facts(picture, made));
      stage.dataset.preview = drafts.text();
      if (!made.exact && made.bytes !== null) settle(picture, mine);
    } catch (error) {
      if (error.name !== "AbortError" && mine === asking) {
        compare.after = null;
        put(
          note,
          icon("failed"),
          error.code === "offline" ? "No preview while the server does not answer." : (error.detail ?? error.message),
        );
      }
    } finally {
      clearTimeout(slow);
      if (mine === asking) compare.busy = false;
    }
  };
  const settle = (picture, mine) =>
    setTimeout(async () => {
      if (mine !== asking || mine.signal.aborted) return;
      const made = await make(picture, mine.signal, { full: true }).catch(() => null);
      if (made && mine === asking) {
        compare.after = made.url;
        put(compare.facts, facts(picture, made));
      }
    }, QUIET_MS);
  signal.addEventListener("abort", () => {
    asking?.abort();
    if (original) URL.revokeObjectURL(original.url);
  });
  return () => {
    const has = Boolean(selected());
    if (!has) {
      if (stage.firstChild !== empty) put(stage, empty);
      original = null;
      return;
    }
    if (stage.firstChild !== box) put(stage, box);
    clearTimeout(timer);
    timer = setTimeout(show, document.body.hasAttribute("data-moving") ? PAUSE_MOVING_MS : PAUSE_MS);
  };
}

function facts(picture, made) {
  const { format } = drafts.current();
  const row = format && entry(get("operations").encodings, format.name);
  const about = made.exact ? "" : "≈ ";
  const isData = row && !["jpeg", "png", "webp", "auto"].includes(row.name);
  return [
    made.bytes === null || isData
      ? h("strong", { class: "headline" }, isData ? "JSON" : bytes(picture.file.size))
      : h("strong", { class: "headline" }, `${about}${bytes(made.bytes)}`),
    made.bytes === null || isData
      ? h("span", { class: "muted" }, isData ? "is what this output writes" : "before")
      : h("span", { class: "muted" }, `${change(picture.file.size, made.bytes)} of ${bytes(picture.file.size)}`),
    h("span", { class: "muted" }, `${size(made.width, made.height)}${format ? ` ${row?.name ?? ""}` : ""}`),
    h(
      "span",
      { class: "muted" },
      `preview ${Math.round(made.milliseconds)} ms${made.scale && made.scale < 1 ? ` · fitted, ${Math.round(made.scale * 100)} %` : ""}`,
    ),
  ];
}
