// Dead letters: jobs that were given up, by their reasons; sent again, or thrown away.
import { announce, keys } from "../lib/a11y.js";
import { jobPath, load, part, Problem, send } from "../lib/api.js";
import { debounced, h, name as shown, paced, place, put } from "../lib/dom.js";
import { count, number, shortId, since, when, words } from "../lib/format.js";
import { icon } from "../lib/icons.js";
import { on } from "../lib/live.js";
import { filter, route } from "../lib/route.js";
import { get, set, watch } from "../lib/store.js";
import { ofJob } from "../lib/thumbs.js";
import { badge } from "../el/badge.js";
import { confirm, dialog, toast } from "../el/dialog.js";
import { trouble } from "../el/trouble.js";
import "../el/rows.js";

const LIMIT = 500;
const FOREIGN = "not_a_job";

/**
 * @typedef {{name: string, batch: string|null, id: string|null, picture: string|null, code: string|null,
 *   reason: string|null, tries: number|null, worker: string|null, sent_at: string, source: string|null,
 *   foreign: string|null, body: string}} Letter
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
    groups: [],
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
    const searched = route().query.get("q");
    // All that there are, not only those that were read: the server knows how many that is to be.
    const all = chosen.length || searched ? null : { expected: state.total };
    const many = number(all?.expected ?? them.length);
    const label = chosen.length ? `${many} selected` : searched ? `all ${many} matching` : `all ${many}`;
    put(
      bulk,
      them.length
        ? [
            h("button", { onclick: () => redrive(them, all) }, icon("retry"), `Redrive ${label}`),
            h("button", { class: "danger", onclick: () => discard(them, all) }, `Discard ${label}…`),
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
      const key = groupOf(letter);
      by.set(key, [...(by.get(key) ?? []), letter]);
    }
    const sorted = [...by].sort((a, b) => b[1].length - a[1].length);
    const there = new Map([...groups.children].map((one) => [one.dataset.group, one]));
    place(
      groups,
      sorted.map(([key, letters], at) => drawGroup(there.get(key), key, letters, at)),
    );
  };

  /** A group keeps its rows, and with them the focus, while letters come and go. */
  const drawGroup = (known, key, letters, at) => {
    const section = known ?? group(key);
    const isOpen =
      state.open.has(key) || (at === 0 && !state.open.has(`-${key}`)) || route().query.get("group") === key;
    const { head, rows } = section;
    const all = state.groups.find((one) => (one.code ?? FOREIGN) === key)?.count ?? letters.length;
    const searched = route().query.get("q");
    const filter = searched || key === FOREIGN ? null : { code: key, expected: all };
    const shownCount = number(filter ? all : letters.length);
    const about = JSON.stringify([isOpen, shownCount, letters[0].reason]);
    section.letters = letters;
    rows.letters = letters;
    rows.hidden = !isOpen;
    rows.count = letters.length;
    if (head.about === about) return section;
    head.about = about;
    put(
      head,
      h(
        "button",
        {
          class: "quiet grow group-open",
          "aria-expanded": String(isOpen),
          onclick: () => toggle(section, key, isOpen),
        },
        icon(isOpen ? "down" : "right"),
        h("strong", {}, key === FOREIGN ? "Not a job" : words(key)),
        h("span", { class: "num muted" }, `· ${shownCount}`),
        h("span", { class: "muted ellipsis" }, shown(letters[0].reason ?? letters[0].foreign ?? "")),
      ),
      key === FOREIGN
        ? null
        : h("button", { onclick: () => redrive(section.letters, filter) }, `Redrive ${shownCount}`),
      h("button", { class: "quiet danger", onclick: () => discard(section.letters, filter) }, "Discard…"),
    );
    return section;
  };

  const toggle = (section, key, isOpen) => {
    state.open.delete(isOpen ? key : `-${key}`);
    state.open.add(isOpen ? `-${key}` : key);
    drawAll();
    section.querySelector(".group-open").focus();
  };

  const group = (key) => {
    const head = h("div", { class: "line" });
    const rows = h("px-rows");
    const section = h("section", { class: "card group", "data-group": key }, head, rows);
    Object.assign(section, { head, rows });
    rows.letters = [];
    rows.list({
      label: key === FOREIGN ? "Letters that are no jobs" : words(key),
      height: 56,
      count: 0,
      about: (index) => {
        const one = rows.letters[index];
        return JSON.stringify([one?.name, state.picked.has(one?.name), state.busy.get(one?.name), one?.sent_at]);
      },
      className: () => "letter",
      cells: (index) => (rows.letters[index] ? row(rows.letters[index]) : []),
      open: (index) => details(rows.letters[index]),
    });
    return section;
  };

  const row = (letter) => {
    const image = h("img", { alt: "" });
    if (letter.id) ofJob(image, { batch: letter.batch, id: letter.id, outputs: [] });
    const file = nameOf(letter);
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

  /** Has the server do it to all of them, and waits for its end. What was more by then is left alone. */
  const task = async (deed, letters, filter, word) => {
    for (const letter of letters) state.busy.set(letter.name, word);
    drawAll();
    try {
      const names = filter ? {} : { names: letters.map((letter) => letter.name) };
      const expected = filter?.expected ?? letters.length;
      const wanted = { do: deed, ...filter, ...names, expected };
      let now = await send("tasks", wanted);
      while (!now.ended) {
        await new Promise((done) => setTimeout(done, 150));
        now = await load(`tasks/${part(now.id)}`);
      }
      if (now.error) throw new Problem("task", now.error);
      const left = now.left ? `; ${count(now.left, "letter")} stayed, as sending them again leads nowhere` : "";
      if (deed === "redrive") toast(`${count(now.sent, "job")} redriven, with all attempts anew${left}`);
      else toast(`${count(now.deleted, "letter")} discarded`);
      for (const letter of letters) state.picked.delete(letter.name);
    } catch (error) {
      toast(error.code === "conflict" ? `Nothing was done: ${error.detail}` : error.detail);
    }
    state.busy.clear();
    refresh();
  };
  const redrive = (letters, filter) => {
    const jobs = letters.filter((letter) => !letter.foreign && !state.busy.has(letter.name));
    if (!jobs.length) return toast("These are no jobs: they can only be discarded.");
    return task("redrive", jobs, jobs.length === letters.length ? filter : null, "Redriving…");
  };
  const discard = async (letters, filter) => {
    const many = filter?.expected ?? letters.length;
    const what = many === 1 ? h("code", {}, letters[0].name) : `${count(many, "letter")}, as they are listed now.`;
    const rest =
      "Their messages are thrown away. Retry still knows the jobs: what is known of them stays in their batches.";
    const asked = [h("p", {}, what), h("p", {}, rest)];
    if (await confirm(`Discard ${count(many, "letter")}?`, asked, `Discard ${number(many)}`)) {
      await task("discard", letters, filter, "Discarding…");
    }
  };

  const refresh = async () => {
    try {
      const page = await load("dead-letters", { limit: LIMIT }, signal);
      Object.assign(state, { ...page, loaded: true });
      wrong.hidden = true;
      set("deadCount", page.total);
      drawAll();
    } catch (error) {
      if (error.name === "AbortError" || state.loaded) return;
      wrong.hidden = false;
      put(wrong, trouble(error, refresh));
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
    return at < 0 ? null : matching().filter((letter) => groupOf(letter) === key)[at];
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
    },
    signal,
  );
  drawAll();
  await refresh();
}

const groupOf = (letter) => letter.code ?? FOREIGN;
const nameOf = (letter) => letter.picture ?? letter.source?.split("/").at(-1) ?? letter.name;

/** The message as it is, and what went wrong; as text, whatever it holds. */
async function details(letter) {
  const job = letter.id ? await load(jobPath(letter)).catch(() => null) : null;
  const trouble = (one) =>
    h("li", {}, h("span", { class: "num muted" }, when(one.at)), ` ${words(one.kind)} on ${one.worker}: ${one.reason}`);
  dialog(
    nameOf(letter),
    (close) => [
      h("p", {}, h("strong", {}, words(groupOf(letter))), " ", letter.reason ?? letter.foreign ?? ""),
      job?.hint ? h("p", { class: "muted" }, job.hint) : null,
      job?.troubles.length ? h("ul", { class: "troubles" }, job.troubles.map(trouble)) : null,
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
