// Grind: tune a recipe on one picture, run it on all.
import { keys } from "../lib/a11y.js";
import { asCommand, asCurl, asJson, copy } from "../lib/copy.js";
import { h, name as shown, put, say } from "../lib/dom.js";
import * as drafts from "../lib/draft.js";
import { bytes, change, count, size } from "../lib/format.js";
import { icon } from "../lib/icons.js";
import { good, pictures, remove, selected, title } from "../lib/pictures.js";
import { load } from "../lib/api.js";
import { preview } from "../lib/preview.js";
import { entry, firstWrong } from "../lib/recipe.js";
import { go, route } from "../lib/route.js";
import { get, set, watch } from "../lib/store.js";
import { ofFile } from "../lib/thumbs.js";
import { send } from "../lib/upload.js";
import { composer, pick } from "../el/composer.js";
import { menu, toast } from "../el/dialog.js";
import { chooser } from "../el/drop.js";
import "../el/compare.js";

/** How many thumbnails there are at most; the rest is a number. */
const STRIP = 60;
const PAUSE_MS = 80;
const PAUSE_MOVING_MS = 250;
/** So long after the last change the very output is made, for its size. */
const QUIET_MS = 600;

export default async function grind(main, signal) {
  await drafts.begin();
  const files = chooser(false);
  const folder = chooser(true);
  const side = composer(signal);
  const stage = h("div", { class: "stage" });
  const strip = h("section", { class: "strip-box", "aria-label": "Pictures" });
  const bar = h("section", { class: "action-bar", "aria-label": "Run" });
  main.append(
    h(
      "div",
      { class: "head" },
      h("h1", {}, "Grind"),
      h("span", { class: "muted" }, "Tune on one picture, run on all."),
    ),
    files,
    folder,
    h("div", { class: "grind" }, h("div", { class: "grind-left" }, stage, strip), side),
    bar,
  );

  const shownStage = stageOf(
    stage,
    () => files.click(),
    () => folder.click(),
    signal,
  );
  const drawAll = () => {
    drawStrip(strip, files, folder);
    drawBar(bar, side);
    shownStage();
  };
  watch(["pictures", "selected", "draft", "output"], drawAll, signal);
  watch(["link", "upload"], () => drawBar(bar, side), signal);
  drawAll();
  named(signal);

  const step = (by) => {
    const all = good();
    const at = all.indexOf(selected());
    if (all.length) set("selected", all[(at + by + all.length) % all.length].id);
  };
  const compare = () => stage.querySelector("px-compare");
  const mode = (to) => {
    const one = compare();
    if (one) one.mode = to;
  };
  keys(
    {
      "Ctrl+Enter": () => run(side),
      "[": () => step(-1),
      "]": () => step(1),
      1: () => mode("before"),
      2: () => mode("split"),
      3: () => mode("after"),
      "\\": () => compare()?.hold(true),
    },
    signal,
  );
  addEventListener(
    "keyup",
    (event) => {
      if (event.key === "\\") compare()?.hold(false);
    },
    { signal },
  );
  addEventListener(
    "keydown",
    (event) => {
      if (event.ctrlKey && event.key === "Enter" && event.target.closest("textarea, input")) {
        event.preventDefault();
        run(side);
      }
    },
    { signal },
  );
}

/** `?recipe=NAME` begins with a saved recipe. */
async function named(signal) {
  const wanted = route().query.get("recipe");
  if (!wanted) return;
  const { recipes } = await load("recipes", {}, signal).catch(() => ({ recipes: [] }));
  const row = recipes.find((one) => one.name === wanted);
  if (row) pick(row);
}

/** The stage: what to do while there is no picture, else the preview. Gives what draws it. */
function stageOf(stage, choose, chooseFolder, signal) {
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
  const show = async () => {
    const picture = selected();
    const draft = drafts.draft();
    if (!picture) return;
    if (original?.id !== picture.id) {
      if (original) URL.revokeObjectURL(original.url);
      original = { id: picture.id, url: URL.createObjectURL(picture.file) };
      compare.before = picture.problem ? null : original.url;
      compare.after = picture.problem ? null : original.url;
      put(compare.facts);
    }
    asking?.abort();
    const wrong = picture.problem ?? firstWrong(draft, get("operations"))?.text;
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
      const made = await preview(
        picture,
        drafts.text(),
        draft.outputs.length > 1 ? drafts.current().name : null,
        mine.signal,
      );
      if (mine !== asking) return;
      compare.after = made.url;
      put(note);
      put(compare.facts, facts(picture, made));
      stage.dataset.preview = drafts.text();
      if (!made.exact && made.bytes !== null) settle(picture, draft, mine);
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
  const settle = (picture, draft, mine) =>
    setTimeout(async () => {
      if (mine !== asking || mine.signal.aborted) return;
      const made = await preview(
        picture,
        drafts.text(),
        draft.outputs.length > 1 ? drafts.current().name : null,
        mine.signal,
        true,
      ).catch(() => null);
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

function drawStrip(strip, files, folder) {
  const all = pictures();
  strip.hidden = !all.length;
  if (!all.length) return;
  const chosen = selected();
  if (!strip.firstChild) {
    put(
      strip,
      h(
        "div",
        { class: "line strip-head" },
        h("h2", { class: "grow" }),
        h("button", { class: "quiet", onclick: () => remove(pictures().map((picture) => picture.id)) }, "Remove all"),
        h("button", { class: "quiet", onclick: () => folder.click() }, "Add folder"),
        h("button", { onclick: () => files.click() }, "Add pictures"),
      ),
      h("ul", { class: "strip" }),
    );
  }
  say(strip.querySelector("h2"), `Pictures · ${all.length}`);
  const list = strip.querySelector("ul");
  const there = new Map([...list.children].map((li) => [li.dataset.id, li]));
  const first = all.slice(0, STRIP);
  const items = first.map((picture) => there.get(String(picture.id)) ?? thumb(picture));
  if (all.length > STRIP) items.push(h("li", { class: "rest" }, `+${all.length - STRIP} more`));
  // Only what has changed is moved: thumbnails stay loaded, and the focus where it is.
  const same = items.length === list.children.length && items.every((item, at) => item === list.children[at]);
  if (!same) put(list, items);
  for (const li of list.children)
    li.querySelector("button")?.setAttribute("aria-pressed", String(li.dataset.id === String(chosen?.id)));
}

function thumb(picture) {
  const image = h("img", { alt: "", decoding: "async" });
  const li = h(
    "li",
    { "data-id": picture.id, class: picture.problem ? "refused" : "" },
    h(
      "button",
      {
        class: "thumb",
        "aria-pressed": "false",
        title: picture.problem ?? picture.path,
        onclick: () => set("selected", picture.id),
      },
      picture.problem ? icon("failed", "big") : image,
      h("span", { class: "thumb-name" }, shown(picture.name)),
      h("span", { class: "thumb-size num" }, picture.problem ? "refused" : bytes(picture.file.size)),
    ),
    h(
      "button",
      { class: "thumb-remove square", "aria-label": `Remove ${picture.name}`, onclick: () => remove([picture.id]) },
      icon("cross"),
    ),
  );
  if (!picture.problem) ofFile(image, picture);
  return li;
}

function drawBar(bar, side) {
  const all = good();
  const refused = pictures().length - all.length;
  const total = all.reduce((sum, picture) => sum + picture.file.size, 0);
  const outputs = drafts.draft().outputs.length;
  if (!bar.firstChild) {
    const copier = menu(
      h("button", { class: "large" }, icon("copy"), "Copy as", icon("up")),
      () => [
        ["Command line", () => copy(asCommand(good(), drafts.text()), "The command"), "pixmill run …"],
        ["curl", () => copy(asCurl(good(), drafts.text()), "The request"), "for scripts, by the HTTP API"],
        [
          "JSON",
          () =>
            asJson(drafts.text()).then(
              (text) => copy(text, "The recipe"),
              (error) => toast(error.detail),
            ),
          "the recipe, for programs",
        ],
      ],
      { up: true },
    );
    put(
      bar,
      h("p", { class: "grow sum" }),
      copier,
      h("button", { class: "primary large", id: "run", onclick: () => run(side) }, h("span")),
    );
  }
  const button = bar.querySelector("#run");
  put(
    bar.querySelector(".sum"),
    all.length
      ? [
          h("strong", {}, count(all.length, "picture")),
          ` · ${bytes(total)} → ${count(all.length * outputs, "file")}`,
          refused ? ` · ${refused} refused` : "",
        ]
      : h("span", { class: "muted" }, refused ? `${count(refused, "file")} refused, none to grind` : "No pictures yet"),
  );
  say(button.firstChild, all.length ? `Grind ${count(all.length, "picture")}` : "Grind");
  const offline = get("link")?.state === "offline";
  button.setAttribute("aria-disabled", String(offline));
}

/** Sends the pictures. Pressed too early it says what is missing, and leads there. */
async function run(side) {
  const all = good();
  if (get("link")?.state === "offline") {
    toast("The server does not answer; what is composed here stays.");
    return;
  }
  if (!all.length) {
    toast(
      pictures().length
        ? "None of these can be ground; their tooltips say why."
        : "Choose pictures first: drop them anywhere, or press Choose pictures.",
    );
    document.querySelector(".drop-here button")?.focus();
    return;
  }
  if (get("upload") && !get("upload").ended) {
    toast("Another batch is still being sent.");
    return;
  }
  const wrong = firstWrong(drafts.draft(), get("operations"));
  if (wrong) {
    toast(wrong.text);
    set("output", wrong.output);
    requestAnimationFrame(() =>
      requestAnimationFrame(() =>
        side
          .querySelector(
            `[data-key="${wrong.use}"] [data-parameter="${wrong.parameter}"] input:not([type=range]), [data-parameter="${wrong.parameter}"] select`,
          )
          ?.focus(),
      ),
    );
    return;
  }
  const sending = send(all, drafts.text(), title(all));
  set(
    "pictures",
    pictures().filter((picture) => picture.problem),
  );
  go("batch", get("upload").batch);
  try {
    await sending;
  } catch (error) {
    // What has not come is there again, to be sent once more.
    set("pictures", all);
    toast(`Not all of it was sent: ${error.detail ?? error.message}`);
  }
}
