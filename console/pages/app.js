// The shell: session, navigation, what lies over every screen, and which screen is shown.
import { load, onUnauthorized, Problem } from "./lib/api.js";
import { announce, keys, letters } from "./lib/a11y.js";
import { h, put, say } from "./lib/dom.js";
import { clockExact, percent } from "./lib/format.js";
import { icon } from "./lib/icons.js";
import { keepPictures } from "./lib/keep.js";
import * as live from "./lib/live.js";
import * as route from "./lib/route.js";
import { get, kept, set, update, watch } from "./lib/store.js";
import { dialog } from "./el/dialog.js";
import { trouble } from "./el/trouble.js";
import { signIn, signOut } from "./screens/login.js";
import { catchDrops } from "./el/drop.js";

const SCREENS = [
  ["grind", "Grind", "g", () => import("./screens/grind.js")],
  ["batch", "Batch", "b", () => import("./screens/batch.js")],
  ["jobs", "Jobs", "j", () => import("./screens/jobs.js")],
  ["fleet", "Fleet", "f", () => import("./screens/fleet.js")],
  ["dead", "Dead", "d", () => import("./screens/dead.js")],
];
const main = document.querySelector("#main");
const banner = h("div", { class: "banner", role: "status", hidden: true });
let shown = null;

const theme = () => kept.get("theme", "system");
function applyTheme() {
  const choice = theme();
  if (choice === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = choice;
  dispatchEvent(new Event("themechange"));
}

/** Shows the screen of the address; the same screen with other filters is told of by the store. */
async function show() {
  const { screen } = route.route();
  mark(screen);
  if (shown?.screen === screen) return;
  shown?.leaving.abort();
  const leaving = new AbortController();
  const mine = (shown = { screen, leaving });
  const [, title, , loading] = SCREENS.find(([name]) => name === screen);
  let page;
  try {
    page = (await loading()).default;
    if (shown !== mine) return;
    put(main, banner);
    await page(main, leaving.signal);
  } catch (error) {
    if (shown !== mine) return;
    const again = () => {
      shown = null;
      show();
    };
    const failed = page ? error : new Problem("offline", "This screen could not be loaded.");
    put(main, banner, h("h1", {}, title), trouble(failed, page ? again : () => location.reload()));
    if (page) live.on("refetch", again, leaving.signal);
  }
  if (shown === mine) {
    scrollTo(0, 0);
    titled();
  }
}

const counts = {};
function navigation() {
  const links = SCREENS.map(([name, title]) => {
    counts[name] = h("span", { class: "num" });
    return h("a", { href: route.address(name), "data-screen": name }, icon(name), h("span", {}, title), counts[name]);
  });
  put(document.querySelector("#nav"), links);
  put(document.querySelector(".mark"), icon("grind"));
  const themes = { system: "Theme: system", light: "Theme: light", dark: "Theme: dark" };
  const themed = h(
    "button",
    {
      class: "quiet",
      onclick: () => {
        const names = Object.keys(themes);
        kept.set("theme", names[(names.indexOf(theme()) + 1) % names.length]);
        applyTheme();
        say(themed.lastChild, themes[theme()]);
      },
    },
    icon("sun"),
    h("span", {}, themes[theme()]),
  );
  link = h("span", { class: "badge" });
  put(
    document.querySelector("#foot"),
    h("button", { class: "quiet", onclick: help }, icon("help"), "Keys and help"),
    themed,
    link,
  );
}

let link;
function mark(screen) {
  for (const a of document.querySelectorAll("#nav a")) {
    if (a.dataset.screen === screen) a.setAttribute("aria-current", "page");
    else a.removeAttribute("aria-current");
  }
}

/** Title, favicon and navigation tell how far the newest batch in work is. */
function titled() {
  const batch = get("running");
  const done = batch ? batch.done + batch.failed + batch.dead : 0;
  const far = batch && !batch.ended ? percent(done, batch.jobs) : null;
  const title = SCREENS.find(([name]) => name === route.route().screen)[1];
  document.title = far === null ? `${get("finished") ? "✓ " : ""}${title} · pixmill` : `${far} % · ${title} · pixmill`;
  document.documentElement.toggleAttribute("data-busy", far !== null);
  say(counts.batch, far === null ? "" : `${far}%`);
  const dead = get("deadCount") ?? 0;
  say(counts.dead, dead ? String(dead) : "");
  counts.dead.classList.toggle("bad", dead > 0);
  favicon(far);
}

let drawn;
function favicon(far) {
  const icon = document.querySelector("link[rel=icon]");
  const want = far ?? (get("finished") ? "done" : "none");
  if (want === drawn) return;
  drawn = want;
  if (want === "none") {
    icon.href = new URL("favicon.svg", import.meta.url).href;
    return;
  }
  const canvas = h("canvas", { width: 64, height: 64 });
  const pen = canvas.getContext("2d");
  pen.lineWidth = 10;
  pen.strokeStyle = "#8a857b";
  pen.beginPath();
  pen.arc(32, 32, 26, 0, 7);
  pen.stroke();
  pen.strokeStyle = want === "done" ? "#0f9a86" : "#3b82e8";
  pen.beginPath();
  if (want === "done") {
    pen.moveTo(18, 33);
    pen.lineTo(28, 43);
    pen.lineTo(47, 22);
  } else pen.arc(32, 32, 26, -Math.PI / 2, -Math.PI / 2 + (want / 100) * 2 * Math.PI);
  pen.stroke();
  canvas.toBlob((blob) => {
    if (icon.href.startsWith("blob:")) URL.revokeObjectURL(icon.href);
    icon.href = URL.createObjectURL(blob);
  });
}

function linked() {
  const { state, since } = get("link") ?? {};
  const live = state === "live";
  link.className = `badge ${live ? "is-done" : "is-retry"}`;
  put(link, icon(live ? "done" : "retry"), live ? "Live" : state === "offline" ? "Offline" : "Connecting");
  const offline = state === "offline";
  if (offline && banner.hidden) announce("Offline. What is shown may be old.", true);
  banner.hidden = !offline && !get("updated");
  if (offline)
    put(
      banner,
      icon("retry"),
      h(
        "span",
        {},
        `The server does not answer. What is shown is as of ${clockExact(since)}; it comes back by itself.`,
      ),
      h("button", { onclick: () => live_() }, "Try now"),
    );
  else if (get("updated"))
    put(
      banner,
      icon("retry"),
      h("span", {}, "pixmill was updated."),
      h("button", { onclick: () => location.reload() }, "Reload"),
    );
}
const live_ = () => live.reconnect();

/** Keeps an eye on the batch in work and the dead letters, whatever screen is shown. */
async function overview() {
  const [batches, fleet] = await Promise.all(
    [load("batches", { limit: 5 }), load("fleet")].map((asked) => asked.catch(() => null)),
  );
  if (batches) heard(batches.batches.find((batch) => !batch.ended) ?? null);
  if (fleet) {
    set("fleet", fleet);
    set("deadCount", fleet.dead_letters);
  }
}

function heard(batch) {
  const running = get("running");
  if (batch?.ended && running?.batch === batch.batch) {
    set("running", null);
    set("finished", batch.batch);
    announce(`Batch finished: ${batch.done} done, ${batch.failed + batch.dead} not.`);
    overview();
  } else if (batch && !batch.ended && (!running || running.batch <= batch.batch)) {
    set("finished", null);
    set("running", batch);
  } else if (!batch) set("running", null);
}

function help() {
  const rows = [
    ["Ctrl+Enter", "grind what is chosen"],
    ["\\", "hold it to see the original"],
    ["1 2 3", "before, split, after (1 to 4 on Fleet: the time shown)"],
    ["[ ]", "picture before, picture after"],
    ["Alt+↑ Alt+↓", "move an operation"],
    ["Delete", "remove the picture that has the focus"],
    ["j k", "next row, row before"],
    ["x", "select a row"],
    ["Enter", "open a row"],
    ["r", "retry or redrive"],
    ["v", "rows or gallery"],
    ["d", "drain an instance"],
    ["/", "search"],
    ["g then g b j f d", "go to a screen"],
    ["Esc", "back"],
    ["?", "this"],
  ];
  dialog("Keys and help", (close) => [
    h("p", { class: "muted" }, "Drop pictures or folders anywhere, on any screen, or paste them."),
    h(
      "div",
      { class: "keys" },
      rows.map(([key, what]) => [
        h(
          "span",
          {},
          key.split(" ").map((part) => (part === "then" ? " then " : h("kbd", {}, part))),
        ),
        h("span", {}, what),
      ]),
    ),
    h(
      "label",
      { class: "line" },
      h("input", {
        type: "checkbox",
        checked: letters.on,
        onchange: (event) => {
          letters.on = event.target.checked;
        },
      }),
      "Single letters are keys",
    ),
    get("session")?.auth_required &&
      h("p", {}, `Signed in as ${get("session").name}. `, h("button", { onclick: signOut }, "Sign out")),
    h("p", { class: "muted" }, `pixmill ${get("session")?.version ?? ""} · ${get("session")?.backend ?? ""}`),
    h("div", { class: "actions" }, h("button", { class: "primary", onclick: () => close() }, "Close")),
  ]);
}

function globalKeys() {
  let waiting = 0;
  const first = (event) => {
    if (event.key !== "g" || event.ctrlKey || event.metaKey || event.altKey) return;
    waiting = Date.now();
  };
  addEventListener(
    "keydown",
    (event) => {
      if (!letters.on || event.target.closest?.("input, textarea, select") || document.querySelector("dialog[open]"))
        return;
      const target = Date.now() - waiting < 1000 && SCREENS.find(([, , key]) => key === event.key);
      if (target) {
        waiting = 0;
        event.preventDefault();
        event.stopImmediatePropagation();
        route.go(target[0]);
      } else first(event);
    },
    { capture: true },
  );
  keys({
    "?": help,
    "/": () => document.querySelector("main input[type=search]")?.focus(),
    Escape: () => {
      const on = document.activeElement;
      if (on !== document.body && on !== main) on.blur();
      // Not out of the console.
      else if (globalThis.navigation?.canGoBack) history.back();
    },
  });
}

/** Asks who we are, as often as it takes. */
async function session() {
  for (let pause = 1000; ; pause = Math.min(pause * 2, 15_000)) {
    try {
      set("session", await load("session"));
      return;
    } catch (error) {
      if (!main.childElementCount)
        put(
          main,
          trouble(error, () => location.reload()),
        );
      await new Promise((done) => setTimeout(done, pause));
    }
  }
}

async function begin() {
  applyTheme();
  navigation();
  route.begin();
  await session();
  put(main);
  onUnauthorized(signIn);
  if (get("session").auth_required && !get("session").name) await signIn();
  catchDrops();
  await keepPictures();
  globalKeys();
  watch(["route"], show);
  watch(["running", "finished", "deadCount", "route"], titled);
  watch(["link", "updated"], linked);
  live.on("batch", heard);
  live.on("fleet", ({ instances }) =>
    update("fleet", (fleet) => ({ ...fleet, instances, as_of: new Date().toISOString() })),
  );
  live.on("job", ({ state }) => {
    if (state === "dead") overview();
  });
  live.on("refetch", overview);
  // So that every screen is there when the server is not.
  (window.requestIdleCallback ?? setTimeout)(() => SCREENS.forEach(([, , , loading]) => loading().catch(() => {})));
  live.begin();
  overview();
  // The number of dead letters has no event, and hidden tabs no stream.
  setInterval(overview, 15_000);
  show();
}

begin();
