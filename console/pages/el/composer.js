// The recipe as people compose it: outputs as tabs, the chain of one, its format, and the text.
import { announce, focusOnceDrawn } from "../lib/a11y.js";
import { ask, isMissing, load, part, send } from "../lib/api.js";
import { debounced, h, name as shown, put, say } from "../lib/dom.js";
import * as drafts from "../lib/draft.js";
import { icon } from "../lib/icons.js";
import { entry, fromJson, title, use } from "../lib/recipe.js";
import { get, set, watch } from "../lib/store.js";
import { adder, drawChain, parameters } from "./chain.js";
import { askName, menu, toast } from "./dialog.js";

/** The panel. What it edits is the store's `draft`. */
export function composer(signal) {
  const tabs = h("div", { role: "tablist", "aria-label": "Outputs", class: "tabs" });
  const list = h("ol", { class: "chain", "aria-label": "Operations" });
  const format = h("div", { class: "format" });
  const code = h("textarea", {
    id: "recipe-text",
    rows: 2,
    spellcheck: "false",
    autocomplete: "off",
    "aria-describedby": "recipe-wrong",
    oninput: () => typed(),
  });
  const wrong = h("p", { class: "wrong", id: "recipe-wrong", role: "alert" });
  const undo = h(
    "button",
    { class: "quiet square", "aria-label": "Undo", disabled: true, onclick: drafts.undo },
    icon("undo"),
  );
  const panel = h("div", { role: "tabpanel", id: "output-panel" }, list, h("div", { class: "line" }, adder()), format);
  const root = h(
    "section",
    { class: "card composer", "aria-labelledby": "recipe-title" },
    h(
      "div",
      { class: "line composer-head" },
      h("h2", { class: "grow", id: "recipe-title" }, "Recipe"),
      undo,
      saved(),
      h("button", { class: "quiet", onclick: save }, "Save"),
    ),
    h(
      "div",
      { class: "tab-line" },
      tabs,
      h(
        "button",
        { class: "quiet square", "aria-label": "Add an output", title: "Add an output", onclick: addOutput },
        icon("plus"),
      ),
      outputMenu(),
    ),
    panel,
    h("label", { class: "sr", for: "recipe-text" }, "The recipe as text"),
    h("div", { class: "text-view" }, code, wrong),
  );

  const draw = (whole) => {
    const draft = drafts.draft();
    const at = Math.min(get("output") ?? 0, draft.outputs.length - 1);
    const output = draft.outputs[at];
    const shape = JSON.stringify([
      at,
      draft.outputs.map((one) => [one.name, one.chain.map((used) => used.key), one.format?.name]),
    ]);
    // Typing into a field must not draw that field anew.
    if (whole || shape !== root.shape) {
      put(
        tabs,
        draft.outputs.map((one, index) => tab(one, index, index === at, draft.outputs.length)),
      );
      panel.setAttribute("aria-labelledby", `tab-${at}`);
      drawChain(list, output);
      drawFormat(format, output);
      root.shape = shape;
    }
    if (document.activeElement !== code) {
      code.value = drafts.text();
      say(wrong, "");
      code.removeAttribute("aria-invalid");
    }
    code.style.height = "auto";
    code.style.height = `${code.scrollHeight + 2}px`;
    undo.disabled = !get("undoable");
  };
  const typed = debounced(async () => {
    try {
      const { json } = await send("recipes/parse", { recipe: code.value }, { signal });
      say(wrong, "");
      code.removeAttribute("aria-invalid");
      drafts.edit(() => fromJson(json));
      draw(true);
    } catch (error) {
      if (error.name === "AbortError") return;
      const bytes = new TextEncoder().encode(code.value);
      const piece = error.start === undefined ? "" : new TextDecoder().decode(bytes.slice(error.start, error.end));
      put(wrong, piece ? [h("mark", {}, piece), " "] : null, error.detail);
      code.setAttribute("aria-invalid", "true");
    }
  }, 300);
  watch(["draft", "output", "undoable"], () => draw(false), signal);
  undo.addEventListener("click", () => draw(true));
  draw(true);
  return root;
}

function tab(output, index, isOn, count) {
  const pick = (to) => {
    set("output", to);
    focusOnceDrawn(() => document.querySelector(`#tab-${to}`));
  };
  return h(
    "button",
    {
      role: "tab",
      id: `tab-${index}`,
      "aria-selected": String(isOn),
      "aria-controls": "output-panel",
      tabIndex: isOn ? 0 : -1,
      class: "tab",
      onclick: () => pick(index),
      onkeydown: (event) => {
        const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (by) pick((index + by + count) % count);
      },
    },
    shown(count > 1 ? output.name : output.name === "main" ? "output" : output.name),
  );
}

function freeName(draft, wish) {
  const taken = new Set(draft.outputs.map((output) => output.name));
  for (let n = 1; ; n += 1) {
    const name = n === 1 ? wish : `${wish}-${n}`;
    if (!taken.has(name)) return name;
  }
}

function addOutput() {
  const limit = get("session")?.limits.outputs ?? 16;
  if (drafts.draft().outputs.length >= limit) {
    toast(`A recipe has ${limit} outputs at most.`);
    return;
  }
  drafts.edit((draft) => {
    if (draft.outputs.length === 1 && draft.outputs[0].name === "main") draft.outputs[0].name = "web";
    draft.outputs.push({
      name: freeName(draft, "thumb"),
      chain: [use("resize", { width: "256" })],
      format: use("webp"),
    });
  });
  set("output", drafts.draft().outputs.length - 1);
  announce("Output added");
}

function outputMenu() {
  const at = () => Math.min(get("output") ?? 0, drafts.draft().outputs.length - 1);
  const button = h("button", { class: "quiet square", "aria-label": "This output" }, icon("more"));
  return menu(button, () => {
    const many = drafts.draft().outputs.length > 1;
    return [
      ["Rename…", rename],
      [
        "Duplicate",
        () => {
          drafts.edit((draft) => {
            const copy = structuredClone(draft.outputs[at()]);
            copy.name = freeName(draft, copy.name === "main" ? "copy" : copy.name);
            if (draft.outputs[at()].name === "main") draft.outputs[at()].name = "web";
            copy.chain = copy.chain.map((one) => use(one.name, one.values));
            draft.outputs.push(copy);
          });
          set("output", drafts.draft().outputs.length - 1);
        },
      ],
      ...(many
        ? [
            [
              "Delete",
              () => {
                const { name } = drafts.current();
                const undo = drafts.back();
                drafts.edit((draft) => {
                  draft.outputs.splice(at(), 1);
                });
                set("output", Math.max(0, at() - 1));
                toast(`Output ${name} deleted`, undo);
              },
            ],
          ]
        : []),
    ];
  });
}

async function rename() {
  const value = drafts.current().name;
  const about = "1 to 32 letters, digits, _ and -. It becomes a part of file names.";
  const name = await askName("Rename the output", about, "Rename", { value, pattern: "[A-Za-z0-9_\\-]{1,32}" });
  if (name && name !== value)
    drafts.editOutput((output) => {
      output.name = name;
    });
}

function drawFormat(where, output) {
  const rows = get("operations").encodings;
  const isData = (row) => /JSON|hash/i.test(row.summary) && !["jpeg", "png", "webp", "auto"].includes(row.name);
  const option = (row) =>
    h(
      "option",
      { value: row.name, selected: output.format?.name === row.name },
      { jpeg: "JPEG", png: "PNG", webp: "WebP", auto: "Auto (PNG or JPEG)" }[row.name] ?? title(row.name),
    );
  const select = h(
    "select",
    {
      id: "format",
      onchange: (event) =>
        drafts.editOutput((to) => {
          to.format = event.target.value ? use(event.target.value) : null;
        }),
    },
    h("option", { value: "", selected: !output.format }, "As the source"),
    h("optgroup", { label: "Pictures" }, rows.filter((row) => !isData(row)).map(option)),
    h("optgroup", { label: "Facts, as JSON" }, rows.filter(isData).map(option)),
  );
  put(
    where,
    h("div", { class: "field" }, h("label", { for: "format" }, "Format"), select),
    output.format && parameters(entry(rows, output.format.name), output.format, () => (to) => to.format),
  );
}

/** The recipes that the server keeps. */
function saved() {
  const button = h("button", { class: "quiet" }, "Saved", icon("down"));
  let known = [];
  const root = menu(button, () =>
    known.length
      ? known.map((row) => [shown(row.name), () => pick(row), row.error ?? row.description ?? row.recipe])
      : [["None are saved yet", () => {}, "Save keeps this recipe under a name, for everybody and for --recipe NAME."]],
  );
  const refresh = () =>
    load("recipes").then(
      ({ recipes }) => {
        known = recipes;
      },
      () => {},
    );
  button.addEventListener("pointerenter", refresh);
  button.addEventListener("focus", refresh);
  refresh();
  return root;
}

export function pick(row) {
  if (!row.json) {
    toast(`${row.name} cannot be read: ${row.error}`);
    return;
  }
  const undo = drafts.back();
  drafts.replace(row.json);
  set("savedAs", row.name);
  toast(`Recipe ${row.name}`, undo);
}

async function save() {
  const about =
    "Letters, digits, _ and -. Everybody who uses this pipeline sees it; programs may say its name in place of the recipe.";
  const name = await askName("Save this recipe", about, "Save", {
    value: get("savedAs") ?? "",
    pattern: "[A-Za-z0-9_\\-]{1,64}",
    more: h("p", {}, h("code", {}, drafts.text())),
  });
  if (name) await store(name, drafts.text());
}

/** Keeps a recipe under a name; one that was there can be brought back. */
async function store(name, recipe) {
  const path = `recipes/${part(name)}`;
  const put = (text, headers) => ask("PUT", path, { body: new Blob([text], { type: "application/toml" }), headers });
  try {
    const known = await put(recipe, { "if-none-match": "*" }).then(
      () => null,
      (error) => (error.code === "conflict" ? load(path) : Promise.reject(error)),
    );
    if (known) await put(recipe);
    set("savedAs", name);
    // What cannot be read cannot be brought back either.
    const undo = known?.recipe && (() => put(fileOf(known)).catch(said));
    toast(known ? `${name} replaced, for everybody` : `Saved as ${name}`, undo);
  } catch (error) {
    said(isMissing(error) ? { detail: "This server keeps no recipes." } : error);
  }
}

/** The file of a recipe. TOML's strings are written as JSON's. */
const fileOf = ({ description, recipe }) =>
  `${description ? `description = ${JSON.stringify(description)}\n` : ""}recipe = ${JSON.stringify(recipe)}\n`;

const said = (error) => toast(error.detail ?? error.message);
