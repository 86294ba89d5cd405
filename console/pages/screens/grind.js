// Grind: tune a recipe on one picture, run it on all.
import { focusOnceDrawn, keys } from "../lib/a11y.js";
import { asCommand, asCurl, asJson, copy } from "../lib/copy.js";
import { h, name as shown, place, put, say } from "../lib/dom.js";
import * as drafts from "../lib/draft.js";
import { bytes, count, number } from "../lib/format.js";
import { icon } from "../lib/icons.js";
import { good, pictures, remove, selected, title } from "../lib/pictures.js";
import { load } from "../lib/api.js";
import { firstWrong } from "../lib/recipe.js";
import { go, route } from "../lib/route.js";
import { get, set, watch } from "../lib/store.js";
import { ofFile } from "../lib/thumbs.js";
import { send } from "../lib/upload.js";
import { composer, pick } from "../el/composer.js";
import { menu, toast } from "../el/dialog.js";
import { chooser } from "../el/drop.js";
import { stageOf } from "../el/stage.js";

/** How many thumbnails are shown at once; the rest is a number, which shows as many more. */
const STRIP = 60;

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
      "\\": (event) => compare()?.hold(event),
    },
    signal,
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

function drawStrip(strip, files, folder) {
  const all = pictures();
  strip.hidden = !all.length;
  if (!all.length) return;
  const chosen = selected();
  if (!strip.firstChild) {
    const clear = () => {
      remove(pictures().map((picture) => picture.id));
      focusOnceDrawn(() => document.querySelector(".drop-here button"));
    };
    put(
      strip,
      h(
        "div",
        { class: "line strip-head" },
        h("h2", { class: "grow" }),
        h("button", { class: "quiet", onclick: clear }, "Remove all"),
        h("button", { class: "quiet", onclick: () => folder.click() }, "Add folder"),
        h("button", { onclick: () => files.click() }, "Add pictures"),
      ),
      Object.assign(h("ul", { class: "strip" }), { shown: STRIP }),
    );
  }
  say(strip.querySelector("h2"), `Pictures · ${number(all.length)}`);
  const list = strip.querySelector("ul");
  const unfold = () => {
    list.shown += STRIP;
    drawStrip(strip, files, folder);
    list.querySelector(`li:nth-child(${list.shown - STRIP + 1}) .thumb`).focus();
  };
  const there = new Map([...list.children].map((li) => [li.dataset.id, li]));
  const items = all.slice(0, list.shown).map((picture) => there.get(String(picture.id)) ?? thumb(picture));
  const rest = all.length - items.length;
  if (rest > 0) {
    const more = there.get("rest") ?? h("li", { "data-id": "rest" }, h("button", { class: "rest", onclick: unfold }));
    say(more.firstChild, `+${number(rest)} more`);
    items.push(more);
  }
  // Thumbnails stay loaded.
  place(list, items);
  for (const li of list.children)
    li.querySelector("button")?.setAttribute("aria-pressed", String(li.dataset.id === String(chosen?.id)));
}

function thumb(picture) {
  const image = h("img", { alt: "", decoding: "async" });
  const gone = () => {
    const next = li.nextElementSibling ?? li.previousElementSibling;
    remove([picture.id]);
    focusOnceDrawn(() => (next ?? document.querySelector(".drop-here"))?.querySelector("button"));
  };
  const li = h(
    "li",
    {
      "data-id": picture.id,
      class: picture.problem ? "refused" : "",
      onkeydown: (event) => event.key === "Delete" && gone(),
    },
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
    h("button", { class: "thumb-remove square", "aria-label": `Remove ${picture.name}`, onclick: gone }, icon("cross")),
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
    focusOnceDrawn(() =>
      side.querySelector(
        `[data-key="${wrong.use}"] [data-parameter="${wrong.parameter}"] input:not([type=range]), [data-parameter="${wrong.parameter}"] select`,
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
