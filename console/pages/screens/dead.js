// Dead letters: jobs that were given up, by their reasons; sent again, or thrown away.
import { announce, keys } from "../lib/a11y.js";
import { ask, jobPath, load } from "../lib/api.js";
import { debounced, h, name as shown, paced, put } from "../lib/dom.js";
import { count, number, since, when, words } from "../lib/format.js";
import { icon } from "../lib/icons.js";
import { on } from "../lib/live.js";
import { shortId } from "../lib/reasons.js";
import { filter, route } from "../lib/route.js";
import { get, set, watch } from "../lib/store.js";
import { ofJob } from "../lib/thumbs.js";
import { badge } from "../el/badge.js";
import { confirm, dialog, toast } from "../el/dialog.js";
import { trouble } from "../el/trouble.js";
import "../el/rows.js";

const LIMIT = 500;
const AT_ONCE = 6;
const FOREIGN = "not_a_job";

/**
 * @typedef {{name: string, sent_at: string, source: string|null, foreign: string|null, body: string,
 *   code?: string, reason?: string, tries?: number, worker?: string, job?: object}} Letter
 */

export default async function deadScreen(main, signal) {
  const heading = h("h1", {}, "Dead letters");
  const search = h("input", {
    type: "search",
    placeholder: "Name, reason or worker",
    "aria-label": "Search the dead letters",
    value: route().query.get("q") ?? "",
    oninput: debounced(() => filter({ q: search.value.trim() }), 150),
  });
  const bulk = h("div", { class: "line bulk" });
  const groups = h("div", { class: "groups data" });
  const nothing = h("div", { class: "card empty", hidden: true });
  const wrong = h("div", { hidden: true });
  main.append(
    h(
      "div",
      { class: "head" },
      heading,
      h("p", { class: "muted" }, "Jobs that were given up after too many attempts."),
    ),
    wrong,
    h("div", { class: "line filters" }, h("div", { class: "search grow" }, icon("search"), search), bulk),
    groups,
    nothing,
  );

  const state = {
    letters: [],
    total: 0,
    picked: new Set(),
    busy: new Map(),
    open: new Set(),
    loaded: false,
    elsewhere: 0,
  };
  const matching = () => {
    const q = (route().query.get("q") ?? "").toLowerCase();
    return state.letters.filter(
      (letter) =>
        !q ||
        `${letter.name} ${letter.source ?? ""} ${letter.reason ?? letter.foreign ?? ""} ${letter.code ?? ""} ${letter.worker ?? ""}`
          .toLowerCase()
          .includes(q),
    );
  };
  const drawAll = () => {
    const shownLetters = matching();
    put(heading, "Dead letters", h("span", { class: "muted" }, state.loaded ? ` · ${number(state.total)}` : ""));
    const chosen = shownLetters.filter((letter) => state.picked.has(letter.name));
    const them = chosen.length ? chosen : shownLetters;
    const label = chosen.length
      ? `${chosen.length} selected`
      : route().query.get("q")
        ? `all ${number(them.length)} matching`
        : `all ${number(them.length)}`;
    put(
      bulk,
      them.length
        ? [
            h("button", { onclick: () => redrive(them) }, icon("retry"), `Redrive ${label}`),
            h("button", { class: "danger", onclick: () => discard(them) }, `Discard ${label}…`),
            chosen.length
              ? h(
                  "button",
                  {
                    class: "quiet",
                    onclick: () => {
                      state.picked.clear();
                      drawAll();
                    },
                  },
                  "Select none",
                )
              : null,
          ]
        : null,
    );
    nothing.hidden = !state.loaded || shownLetters.length > 0;
    put(
      nothing,
      state.letters.length
        ? [
            h("strong", {}, "Nothing matches"),
            h(
              "button",
              {
                onclick: () => {
                  search.value = "";
                  filter({ q: null });
                },
              },
              "Clear the search",
            ),
          ]
        : [
            icon("done", "big"),
            h("strong", {}, "Nothing died"),
            h(
              "p",
              {},
              state.elsewhere
                ? `Another program has ${count(state.elsewhere, "letter")} in hand just now.`
                : "What is given up after too many attempts comes here, with the reason.",
            ),
          ],
    );
    const by = new Map();
    for (const letter of shownLetters) {
      const key = letter.foreign ? FOREIGN : (letter.code ?? "…");
      by.set(key, [...(by.get(key) ?? []), letter]);
    }
    const sorted = [...by].sort((a, b) => b[1].length - a[1].length);
    const there = new Map([...groups.children].map((one) => [one.dataset.group, one]));
    put(
      groups,
      sorted.map(([key, letters], at) => drawGroup(there.get(key), key, letters, at)),
    );
  };

  const drawGroup = (known, key, letters, at) => {
    const open = state.open.has(key) || (at === 0 && !state.open.has(`-${key}`)) || route().query.get("group") === key;
    const foreign = key === FOREIGN;
    const toggle = () => {
      if (open) {
        state.open.delete(key);
        state.open.add(`-${key}`);
      } else {
        state.open.add(key);
        state.open.delete(`-${key}`);
      }
      drawAll();
      requestAnimationFrame(() => groups.querySelector(`[data-group="${key}"] .group-open`)?.focus());
    };
    const section = known ?? h("section", { class: "card group", "data-group": key });
    const rows = section.querySelector("px-rows") ?? h("px-rows");
    put(
      section,
      h(
        "div",
        { class: "line" },
        h(
          "button",
          { class: "quiet grow group-open", "aria-expanded": String(open), onclick: toggle },
          icon(open ? "down" : "right"),
          h("strong", {}, foreign ? "Not a job" : words(key)),
          h("span", { class: "num muted" }, `· ${number(letters.length)}`),
          h("span", { class: "muted ellipsis" }, shown(letters[0].reason ?? letters[0].foreign ?? "")),
        ),
        foreign ? null : h("button", { onclick: () => redrive(letters) }, `Redrive ${number(letters.length)}`),
        h("button", { class: "quiet danger", onclick: () => discard(letters) }, "Discard…"),
      ),
      open ? rows : null,
    );
    if (!open) return section;
    rows.list({
      label: foreign ? "Letters that are no jobs" : words(key),
      height: 56,
      count: letters.length,
      about: (index) => {
        const one = letters[index];
        return JSON.stringify([
          one.name,
          state.picked.has(one.name),
          state.busy.get(one.name),
          one.code,
          Boolean(one.job),
        ]);
      },
      className: () => "letter",
      cells: (index) => row(letters[index]),
      open: (index) => details(letters[index]),
    });
    return section;
  };

  const row = (letter) => {
    const image = h("img", { alt: "" });
    if (letter.job) ofJob(image, letter.job);
    const file = letter.source?.split("/").at(-1) ?? letter.name;
    const busy = state.busy.get(letter.name);
    const pick = h("input", {
      type: "checkbox",
      "aria-label": `Select ${file}`,
      "data-act": "pick",
      checked: state.picked.has(letter.name),
      onchange: () => {
        if (pick.checked) state.picked.add(letter.name);
        else state.picked.delete(letter.name);
        drawAll();
      },
    });
    return [
      { className: "c-pick", content: pick },
      { className: "c-thumb", content: h("div", { class: "well" }, image) },
      {
        className: "c-name",
        content: h(
          "div",
          {},
          h("div", { class: "ellipsis" }, shown(file)),
          h("div", { class: "small muted ellipsis" }, shown(letter.reason ?? letter.foreign ?? letter.name)),
        ),
      },
      { className: "c-tries num", content: h("span", {}, letter.tries ? count(letter.tries, "try", "tries") : "") },
      { className: "c-age num muted", content: h("span", { title: when(letter.sent_at) }, since(letter.sent_at)) },
      {
        className: "c-worker num ellipsis",
        content: h("span", { title: letter.worker }, shortId(letter.worker ?? "")),
      },
      {
        className: "c-act",
        content: busy
          ? badge("redriving", busy)
          : letter.foreign
            ? h("button", { class: "quiet", "data-act": "discard", onclick: () => discard([letter]) }, "Discard…")
            : h(
                "button",
                { "data-act": "redrive", "aria-label": `Redrive ${file}`, onclick: () => redrive([letter]) },
                "Redrive",
              ),
      },
    ];
  };

  /** One at a time over the API, so that each that stays can say why. */
  const each = async (letters, word, run) => {
    const left = [...letters];
    let good = 0;
    const stayed = [];
    for (const letter of letters) state.busy.set(letter.name, word);
    drawAll();
    const line = async () => {
      for (let letter = left.shift(); letter; letter = left.shift()) {
        try {
          const handled = await run(letter);
          if (handled.left) {
            stayed.push(`${letter.name}: it was left, as sending it again leads nowhere`);
            state.busy.delete(letter.name);
          } else {
            good += 1;
            state.letters = state.letters.filter((other) => other !== letter);
            state.total -= 1;
            state.picked.delete(letter.name);
          }
        } catch (error) {
          stayed.push(`${letter.name}: ${error.detail ?? error.message}`);
          state.busy.delete(letter.name);
        }
        drawAll();
      }
    };
    await Promise.all(Array.from({ length: 2 }, line));
    set("deadCount", state.total);
    return { good, stayed };
  };
  const redrive = async (letters) => {
    const jobs = letters.filter((letter) => !letter.foreign && !state.busy.has(letter.name));
    if (!jobs.length) {
      toast("These are no jobs: they can only be discarded.");
      return;
    }
    const { good, stayed } = await each(jobs, "Redriving…", async (letter) =>
      (await ask("POST", "dead-letters/redrive", { query: { name: letter.name } })).json(),
    );
    toast(
      stayed.length
        ? `${count(good, "job")} redriven; ${count(stayed.length, "letter")} stayed: ${stayed[0]}`
        : `${count(good, "job")} redriven, with all attempts anew`,
    );
    refresh();
  };
  const discard = async (letters) => {
    const many = letters.length;
    const sure = await confirm(
      `Discard ${count(many, "letter")}?`,
      [
        h("p", {}, many === 1 ? h("code", {}, letters[0].name) : `${count(many, "letter")}, as they are listed now.`),
        h(
          "p",
          {},
          "Their messages are thrown away. Retry still knows the jobs: what is known of them stays in their batches.",
        ),
      ],
      `Discard ${number(many)}`,
    );
    if (!sure) return;
    const { good, stayed } = await each(letters, "Discarding…", async (letter) =>
      (await ask("DELETE", "dead-letters", { query: { name: letter.name } })).json(),
    );
    toast(
      stayed.length
        ? `${count(good, "letter")} discarded; ${stayed.length} stayed: ${stayed[0]}`
        : `${count(good, "letter")} discarded`,
    );
    refresh();
  };

  const refresh = async () => {
    try {
      const page = await load("dead-letters", { limit: LIMIT }, signal);
      const known = new Map(state.letters.map((letter) => [letter.name, letter]));
      state.letters = page.letters.map((letter) => ({ ...known.get(letter.name), ...letter }));
      Object.assign(state, { total: page.total, elsewhere: page.elsewhere, loaded: true });
      for (const name of state.busy.keys()) if (!known.has(name)) state.busy.delete(name);
      wrong.hidden = true;
      set("deadCount", page.total);
      drawAll();
      await explain(
        state.letters.filter((letter) => !letter.foreign && !letter.job),
        drawAll,
        signal,
      );
      drawAll();
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!state.loaded) {
        wrong.hidden = false;
        put(wrong, trouble(error, refresh));
      }
    }
  };
  const again = paced(refresh, 700);
  watch(
    ["route"],
    () => {
      if (route().screen === "dead") drawAll();
    },
    signal,
  );
  let counted = get("deadCount");
  watch(
    ["deadCount"],
    () => {
      if (get("deadCount") !== counted && get("deadCount") !== state.total) again();
      counted = get("deadCount");
    },
    signal,
  );
  on("refetch", again, signal);
  on(
    "job",
    ({ state: to }) => {
      if (to === "dead") again();
    },
    signal,
  );
  const focused = () => {
    const list = groups.querySelector("px-rows:focus-within");
    const at = list?.focused ?? -1;
    const key = list?.closest("[data-group]").dataset.group;
    return at < 0 ? null : matching().filter((letter) => (letter.foreign ? FOREIGN : (letter.code ?? "…")) === key)[at];
  };
  const move = (by) => {
    const list = groups.querySelector("px-rows:focus-within") ?? groups.querySelector("px-rows");
    list?.focusOn(list.focused + by);
  };
  keys(
    {
      j: () => move(1),
      k: () => move(-1),
      x: () => {
        const one = focused();
        if (!one) return;
        if (state.picked.has(one.name)) state.picked.delete(one.name);
        else state.picked.add(one.name);
        announce(`${state.picked.size} selected`);
        drawAll();
      },
      r: () => {
        const one = focused();
        if (one) redrive([one]);
      },
      D: () => {
        const one = focused();
        if (one) discard([one]);
      },
      Escape: () => history.back(),
    },
    signal,
  );
  drawAll();
  await refresh();
}

/** What the letters' own documents say of their ends, a few at a time. */
async function explain(letters, redraw, signal) {
  const left = [...letters];
  const line = async () => {
    for (let letter = left.shift(); letter; letter = left.shift()) {
      const [batch, id] = letter.name.split("/");
      const job = await load(jobPath({ batch, id }), {}, signal).catch((error) => {
        if (error.name === "AbortError") throw error;
        return null;
      });
      if (!job) {
        letter.code ??= "unknown";
        continue;
      }
      Object.assign(letter, {
        job,
        code: letter.code ?? job.code ?? "unknown",
        reason: letter.reason ?? job.reason,
        worker: letter.worker ?? job.worker,
        tries: letter.tries ?? job.receives,
      });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, line));
  redraw();
}

/** The message as it is, and what went wrong; as text, whatever it holds. */
function details(letter) {
  const { job } = letter;
  dialog(
    letter.source?.split("/").at(-1) ?? letter.name,
    (close) => [
      h("p", {}, h("strong", {}, words(letter.code ?? FOREIGN)), " ", letter.reason ?? letter.foreign ?? ""),
      job?.troubles?.length
        ? h(
            "ul",
            { class: "troubles" },
            job.troubles.map((one) =>
              h(
                "li",
                {},
                h("span", { class: "num muted" }, when(one.at)),
                ` ${words(one.kind)} on ${one.worker}: ${one.reason}`,
              ),
            ),
          )
        : null,
      h("h3", {}, "The message"),
      h("pre", { class: "raw", tabindex: "0" }, pretty(letter.body)),
      h("div", { class: "actions" }, h("button", { class: "primary", onclick: () => close() }, "Close")),
    ],
    { className: "wide" },
  );
}

function pretty(body) {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}
