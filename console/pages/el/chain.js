// The chain of one output: operations that are moved by grip, by buttons or by Alt and arrows.
import { announce, focusOnceDrawn } from "../lib/a11y.js";
import { add, h, put } from "../lib/dom.js";
import { back, editOutput } from "../lib/draft.js";
import { icon } from "../lib/icons.js";
import { entry, title, use } from "../lib/recipe.js";
import { get } from "../lib/store.js";
import { toast } from "./dialog.js";
import { field } from "./field.js";

/** How many parameters are shown without asking. */
const SHOWN = 2;
/** The list of operations at its longest, what is above it, and what lies over the end of the page. */
const LIST_PX = 320;
const HEAD_PX = 70;
const BAR_PX = 84;
/** Operations whose rarer parameters were asked for; cards are drawn anew with every edit. */
const unfolded = new Set();

/**
 * Draws the chain of an output, and what to add.
 * @param {HTMLElement} list an `<ol>`
 * @param {import("../lib/recipe.js").Output} output
 */
export function drawChain(list, output) {
  put(
    list,
    output.chain.map((one, index) => card(list, output, one, index)),
  );
  if (!output.chain.length)
    add(list, h("li", { class: "muted note" }, "No operation: pictures only change their format."));
}

function card(list, output, one, index) {
  const row = entry(get("operations").operations, one.name);
  const name = title(row?.name ?? one.name);
  const last = output.chain.length - 1;
  const act = (label, sign, run, disabled) =>
    h(
      "button",
      { class: "quiet square", "aria-label": `${label} ${name}`, "data-act": sign, disabled, onclick: run },
      icon(sign),
    );
  const grip = h(
    "span",
    { class: "grip", "aria-hidden": "true", onpointerdown: (event) => drag(event, list, one.key) },
    icon("grip"),
  );
  return h(
    "li",
    {
      class: "op",
      "data-key": one.key,
      tabindex: "-1",
      "aria-label": `${name}, ${index + 1} of ${last + 1}`,
      onkeydown: (event) => {
        const by = event.altKey && { ArrowUp: -1, ArrowDown: 1 }[event.key];
        if (by) {
          event.preventDefault();
          move(list, one.key, index + by);
        }
      },
    },
    h(
      "div",
      { class: "op-head" },
      grip,
      h("h3", { class: "grow", title: row?.summary }, name),
      act("Move up", "up", () => move(list, one.key, index - 1), index === 0),
      act("Move down", "down", () => move(list, one.key, index + 1), index === last),
      act("Remove", "cross", () => {
        const undo = back();
        editOutput((to) => {
          to.chain = to.chain.filter((other) => other.key !== one.key);
        });
        toast(`${name} removed`, undo);
        document.querySelector("#add-operation")?.focus();
      }),
    ),
    parameters(row, one, (key) => (to) => to.chain.find((other) => other.key === key)),
  );
}

/** The parameters of an operation or an encoding; the rarer ones when asked for. */
export function parameters(row, one, find) {
  if (!row) return null;
  const change = (parameter) => (text, moving) => {
    document.body.toggleAttribute("data-moving", moving);
    editOutput((to) => {
      find(one.key)(to).values[parameter.name] = text;
    });
  };
  const given = (parameter) => {
    const value = one.values[parameter.name];
    return value !== undefined && value !== "" && value !== String(parameter.default);
  };
  const first = row.parameters.filter((parameter, at) => at < SHOWN || parameter.required || given(parameter));
  const rest = row.parameters.filter((parameter) => !first.includes(parameter));
  const make = (parameter) => field(parameter, one.values[parameter.name], change(parameter));
  const more = rest.length
    ? h(
        "details",
        {
          open: unfolded.has(one.key),
          ontoggle: (event) => {
            if (event.target.open) unfolded.add(one.key);
            else unfolded.delete(one.key);
          },
        },
        h("summary", {}, "More"),
        rest.map(make),
      )
    : null;
  return [first.map(make), more];
}

function move(list, key, to) {
  let told = null;
  editOutput((output) => {
    const from = output.chain.findIndex((one) => one.key === key);
    if (to < 0 || to >= output.chain.length || from === to) return;
    const [one] = output.chain.splice(from, 1);
    output.chain.splice(to, 0, one);
    told = `${title(one.name)}, ${to + 1} of ${output.chain.length}`;
  });
  if (!told) return;
  announce(told);
  focusOnceDrawn(() => list.querySelector(`[data-key="${key}"]`));
}

/** Drags a card: it follows the pointer, and the others make way. */
function drag(event, list, key) {
  if (event.button !== 0) return;
  event.preventDefault();
  const dragged = list.querySelector(`[data-key="${key}"]`);
  const cards = [...list.querySelectorAll(".op")];
  const from = cards.indexOf(dragged);
  const boxes = cards.map((one) => one.getBoundingClientRect());
  const gap = boxes[from].height + 8;
  let to = from;
  dragged.classList.add("dragged");
  const follow = (moved) => {
    const by = moved.clientY - event.clientY;
    const middle = boxes[from].top + boxes[from].height / 2 + by;
    to = boxes.filter((box, at) => at !== from && box.top + box.height / 2 < middle).length;
    cards.forEach((one, at) => {
      if (at === from) one.style.transform = `translateY(${by}px)`;
      else
        one.style.transform =
          at > from && at <= to ? `translateY(${-gap}px)` : at < from && at >= to ? `translateY(${gap}px)` : "";
    });
  };
  const end = () => {
    removeEventListener("pointermove", follow);
    removeEventListener("pointerup", end);
    removeEventListener("pointercancel", end);
    for (const one of cards) one.style.transform = "";
    dragged.classList.remove("dragged");
    move(list, key, to);
  };
  addEventListener("pointermove", follow);
  addEventListener("pointerup", end);
  addEventListener("pointercancel", end);
}

/** The button that adds an operation: a list to search. */
export function adder() {
  const found = h("ul", { class: "picker-list" });
  const search = h("input", {
    type: "text",
    placeholder: "Find an operation",
    "aria-label": "Find an operation",
    autocomplete: "off",
    oninput: () => draw(),
  });
  const sheet = h(
    "div",
    { class: "sheet picker", hidden: true },
    h("div", { class: "search" }, icon("search"), search),
    found,
  );
  const button = h(
    "button",
    { id: "add-operation", "aria-expanded": "false", onclick: () => show(sheet.hidden) },
    icon("plus"),
    "Add operation",
  );
  const root = h("div", { class: "menu" }, button, sheet);
  const show = (open) => {
    sheet.hidden = !open;
    button.setAttribute("aria-expanded", String(open));
    if (!open) return;
    // Where there is more room, and no larger than that.
    const { top, bottom } = button.getBoundingClientRect();
    const below = innerHeight - bottom - BAR_PX;
    const up = below < LIST_PX && top > below;
    root.classList.toggle("up", up);
    found.style.maxHeight = `${Math.max(120, Math.min(LIST_PX, (up ? top : below) - HEAD_PX))}px`;
    search.value = "";
    draw();
    search.focus();
  };
  const pick = (row) => {
    const fresh = use(row.name, start(row));
    editOutput((output) => {
      output.chain.push(fresh);
    });
    show(false);
    announce(`${title(row.name)} added`);
    focusOnceDrawn(() => document.querySelector(`[data-key="${fresh.key}"] input:not([type=range])`) ?? button);
  };
  const draw = () => {
    const wanted = search.value.trim().toLowerCase();
    const rows = get("operations").operations.filter((row) =>
      `${row.name} ${row.title ?? ""} ${row.aliases.join(" ")} ${row.summary}`.toLowerCase().includes(wanted),
    );
    const line = (row) =>
      h(
        "li",
        {},
        h(
          "button",
          { class: "pick", onclick: () => pick(row) },
          h("strong", {}, row.title ?? title(row.name)),
          h("span", { class: "muted" }, row.summary),
        ),
      );
    const groups = [...new Set(rows.map((row) => row.group ?? ""))];
    put(
      found,
      rows.length
        ? groups.map((group) => [
            group && h("li", { class: "muted group" }, title(group)),
            rows.filter((row) => (row.group ?? "") === group).map(line),
          ])
        : h("li", { class: "muted note" }, "There is no such operation."),
    );
  };
  root.addEventListener("keydown", (event) => {
    const all = [...found.querySelectorAll("button")];
    const at = all.indexOf(document.activeElement);
    if (event.key === "Escape" && !sheet.hidden) {
      event.preventDefault();
      event.stopPropagation();
      show(false);
      button.focus();
    }
    if (event.key === "Enter" && event.target === search) {
      event.preventDefault();
      all[0]?.click();
    }
    if (event.key === "ArrowDown") {
      event.preventDefault();
      all[Math.min(all.length - 1, at + 1)]?.focus();
    }
    if (event.key === "ArrowUp") {
      event.preventDefault();
      (all[at - 1] ?? search).focus();
    }
  });
  root.addEventListener("focusout", (event) => {
    if (!root.contains(event.relatedTarget)) show(false);
  });
  return root;
}

/** Values to begin with, for what must be given: those of the operation's own example. */
function start(row) {
  const values = {};
  const [, given = ""] = row.example.match(new RegExp(`\\b${row.name}:([^ |>]*)`)) ?? [];
  given
    .split(",")
    .filter(Boolean)
    .forEach((text, at) => {
      const [name, value] = text.includes("=") ? text.split("=") : [row.parameters[at]?.name, text];
      const parameter = row.parameters.find((one) => one.name === name || one.alias === name);
      if (parameter && (parameter.required || (row.name === "resize" && parameter.name === "width")))
        values[parameter.name] = value;
    });
  return values;
}
