// Dialogs, menus and short messages.
import { announce } from "../lib/a11y.js";
import { h, put } from "../lib/dom.js";
import { icon } from "../lib/icons.js";

/**
 * Opens a dialog. `fill(close)` gives its content.
 * @returns {Promise<any>} what it was closed with; undefined if it was dismissed
 */
export function dialog(title, fill, { className = "", locked = false } = {}) {
  return new Promise((resolve) => {
    let given;
    const close = (value) => {
      given = value;
      element.close();
    };
    const id = `dialog-${Date.now()}`;
    const element = h("dialog", {
      class: className,
      "aria-labelledby": id,
      onclose: () => {
        element.remove();
        resolve(given);
      },
      oncancel: (event) => {
        if (locked) event.preventDefault();
      },
      onclick: (event) => {
        if (event.target === element && !locked) close();
      },
    });
    put(element, h("div", { class: "stack" }, h("h2", { id }, title), fill(close)));
    document.body.append(element);
    element.showModal();
    element.querySelector("[data-first]")?.focus();
  });
}

/** Asks before something that cannot be undone. */
export function confirm(title, text, action) {
  return dialog(title, (close) => [
    h("div", {}, text),
    h(
      "div",
      { class: "actions" },
      h("button", { onclick: () => close(false), "data-first": true }, "Keep"),
      h("button", { class: "danger primary", onclick: () => close(true) }, action),
    ),
  ]);
}

/** Asks for a name that fits the pattern; `more` is shown with it. */
export function askName(title, about, action, { value, pattern, more }) {
  const input = h("input", { type: "text", value, pattern, required: true, "data-first": true, "aria-label": "Name" });
  return dialog(title, (close) =>
    h(
      "form",
      {
        onsubmit: (event) => {
          event.preventDefault();
          close(input.value);
        },
      },
      h("p", { class: "muted" }, about),
      input,
      more,
      h(
        "div",
        { class: "actions" },
        h("button", { type: "button", onclick: () => close() }, "Cancel"),
        h("button", { class: "primary" }, action),
      ),
    ),
  );
}

const toasts = h("div", { class: "toasts" });
document.body.append(toasts);

/** Says what has happened for a while, with a way back if there is one. */
export function toast(text, undo, label = "Undo") {
  announce(text);
  const gone = () => {
    clearTimeout(timer);
    element.remove();
  };
  const element = h(
    "div",
    { class: "toast" },
    h("span", { class: "grow" }, text),
    undo &&
      h(
        "button",
        {
          onclick: () => {
            gone();
            undo();
          },
        },
        label,
      ),
    h("button", { class: "square", "aria-label": "Dismiss", onclick: gone }, icon("cross")),
  );
  const timer = setTimeout(gone, undo ? 10_000 : 5_000);
  toasts.append(element);
  while (toasts.childElementCount > 3) toasts.firstChild.remove();
}

/**
 * A button with a menu. `items()` gives rows `[label, run, hint?]`.
 */
export function menu(button, items, { up = false } = {}) {
  const list = h("div", { role: "menu", hidden: true });
  const root = h("div", { class: up ? "menu up" : "menu" }, button, list);
  button.setAttribute("aria-haspopup", "menu");
  const show = (open) => {
    list.hidden = !open;
    button.setAttribute("aria-expanded", String(open));
    if (open) list.querySelector("button")?.focus();
  };
  show(false);
  button.addEventListener("click", () => {
    if (list.hidden) {
      put(
        list,
        items().map(([label, run, hint]) =>
          h(
            "button",
            {
              role: "menuitem",
              onclick: () => {
                show(false);
                button.focus();
                run();
              },
            },
            h("span", { class: "grow" }, label, hint && h("span", { class: "muted hint" }, hint)),
          ),
        ),
      );
    }
    show(list.hidden);
  });
  root.addEventListener("keydown", (event) => {
    const all = [...list.querySelectorAll("button")];
    const at = all.indexOf(document.activeElement);
    if (event.key === "Escape" && !list.hidden) {
      show(false);
      button.focus();
      event.stopPropagation();
      event.preventDefault();
    }
    if (event.key === "ArrowDown") {
      event.preventDefault();
      all[(at + 1) % all.length]?.focus();
    }
    if (event.key === "ArrowUp") {
      event.preventDefault();
      all[(at - 1 + all.length) % all.length]?.focus();
    }
  });
  root.addEventListener("focusout", (event) => {
    if (!root.contains(event.relatedTarget)) show(false);
  });
  return root;
}
