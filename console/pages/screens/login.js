// Who asks: a token for a cookie that no script can read. The token is kept nowhere.
import { ask } from "../lib/api.js";
import { h, put } from "../lib/dom.js";
import { set } from "../lib/store.js";
import { dialog } from "../el/dialog.js";

let open = null;

/** Asks for a token over whatever is shown, until one is good. Many that wait share one dialog. */
export function signIn() {
  open ??= dialog("Sign in", form, { locked: true }).finally(() => {
    open = null;
  });
  return open;
}

/** Ends the session; the page begins anew, and asks for a token. */
export async function signOut() {
  await ask("DELETE", "session", { quiet: true }).catch(() => {});
  location.reload();
}

function form(close) {
  const wrong = h("p", { class: "is-wrong", role: "alert" });
  const input = h("input", {
    type: "password",
    name: "token",
    autocomplete: "current-password",
    required: true,
    "data-first": true,
    "aria-describedby": "token-help",
  });
  const enter = async (event) => {
    event.preventDefault();
    const token = input.value.trim();
    input.value = "";
    try {
      const answer = await ask("POST", "session", { body: { token }, quiet: true });
      set("session", await answer.json());
      close(true);
    } catch (error) {
      put(wrong, error.code === "unauthorized" ? "This is none of the server's tokens." : error.detail);
      input.setAttribute("aria-invalid", "true");
      input.focus();
    }
  };
  return h(
    "form",
    { onsubmit: enter },
    h(
      "p",
      { class: "muted", id: "token-help" },
      "This pipeline wants a token. Whoever runs it has them in the file that --token-file names. What you were doing stays as it is.",
    ),
    h("label", { class: "stack" }, "Token", input),
    wrong,
    h("div", { class: "actions" }, h("button", { class: "primary", type: "submit" }, "Sign in")),
  );
}
