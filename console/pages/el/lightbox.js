// One job, large: before and after, what was made, who did it, and what went wrong.
import { announce, held } from "../lib/a11y.js";
import { ask, at, jobPath, unlessBusy } from "../lib/api.js";
import { h, name as shown, put } from "../lib/dom.js";
import { bytes, change, count, seconds, shortId, size, when, words } from "../lib/format.js";
import { icon } from "../lib/icons.js";
import { badge, isBad, stateOf } from "./badge.js";
import "./compare.js";

const SIDE = 1600;

/**
 * Opens over the page. `step(by)` gives the job before or after, `retry(job)` sends it once more.
 */
export function lightbox(job, { step, retry, closed }) {
  const compare = h("px-compare");
  const head = h("div", { class: "line lightbox-head" });
  const facts = h("div", { class: "lightbox-facts" });
  const urls = [];
  let output = null;
  let asking = null;
  const element = h("dialog", {
    class: "lightbox",
    "aria-label": "Picture",
    onclose: () => {
      asking?.abort();
      urls.forEach((url) => URL.revokeObjectURL(url));
      element.remove();
      closed(job);
    },
    onclick: (event) => {
      if (event.target === element) element.close();
    },
    onkeydown: (event) => key(event),
  });

  const key = (event) => {
    if (event.target.matches("input[type=range], input[type=radio]") && event.key.startsWith("Arrow")) return;
    const run = {
      ArrowLeft: () => go(-1),
      ArrowRight: () => go(1),
      "[": () => go(-1),
      "]": () => go(1),
      j: () => go(1),
      k: () => go(-1),
      r: () => isBad(job) && retry(job),
      "\\": () => compare.hold(event),
      1: () => {
        compare.mode = "before";
      },
      2: () => {
        compare.mode = "split";
      },
      3: () => {
        compare.mode = "after";
      },
    }[event.key];
    if (!run || held(event)) return;
    event.preventDefault();
    run();
  };
  const go = async (by) => {
    const next = await step(by);
    if (!next) return;
    job = next;
    output = null;
    draw();
    announce(job.name ?? job.id);
  };

  const draw = async () => {
    asking?.abort();
    const mine = (asking = new AbortController());
    const pictures = job.outputs.filter((one) => one.format !== "json");
    const shownOutput = pictures.find((one) => one.name === output) ?? pictures[0];
    put(
      head,
      h("h2", { class: "grow ellipsis" }, shown(job.name ?? job.id)),
      badge(stateOf(job)),
      h("button", { class: "square", "aria-label": "Picture before", onclick: () => go(-1) }, icon("left")),
      h("button", { class: "square", "aria-label": "Next picture", onclick: () => go(1) }, icon("right")),
      h("button", { class: "square", "aria-label": "Close", onclick: () => element.close() }, icon("cross")),
    );
    put(
      facts,
      factsOf(
        job,
        shownOutput,
        (name) => {
          output = name;
          draw();
        },
        isBad(job) ? () => retry(job) : null,
      ),
    );
    compare.before = null;
    compare.after = null;
    compare.busy = true;
    put(compare.facts);
    const show = async (of, set) => {
      const answer = await ask("GET", jobPath(job, "/image"), { query: { of, side: SIDE }, signal: mine.signal });
      const url = URL.createObjectURL(await answer.blob());
      urls.push(url);
      if (mine === asking) set(url);
    };
    try {
      // One after the other: each takes a core of the server's.
      if (shownOutput)
        await unlessBusy(() =>
          show(shownOutput.name, (url) => {
            compare.after = url;
          }),
        );
      await unlessBusy(() =>
        show("source", (url) => {
          compare.before = url;
          if (!shownOutput) {
            compare.after = url;
            compare.mode = "before";
          } else if (compare.mode === "before") compare.mode = "split";
        }),
      );
    } catch (error) {
      if (error.name === "AbortError" || mine !== asking) return;
      put(
        compare.facts,
        h(
          "span",
          { class: "muted" },
          isBad(job) ? "This picture cannot be shown." : `Not all of it can be shown: ${error.detail ?? error.message}`,
        ),
      );
    } finally {
      if (mine === asking) compare.busy = false;
    }
  };

  put(element, head, h("div", { class: "lightbox-body" }, compare, facts));
  document.body.append(element);
  element.showModal();
  draw();
  return {
    close: () => element.close(),
    update: (fresh) => {
      if (fresh.id === job.id && JSON.stringify(fresh) !== JSON.stringify(job)) {
        job = fresh;
        draw();
      }
    },
  };
}

function factsOf(job, chosen, choose, retry) {
  const { source, timings } = job;
  const line = (term, ...what) => (what.some(Boolean) ? [h("dt", {}, term), h("dd", {}, what)] : null);
  const outputs = job.outputs.map((one) =>
    h(
      "li",
      { class: "line output" },
      h(
        "span",
        { class: "grow" },
        h("strong", {}, one.name),
        " ",
        h(
          "span",
          { class: "muted num" },
          `${one.format === "json" ? "JSON" : `${size(one.width, one.height)} ${one.format}`} · ${bytes(one.bytes)}`,
        ),
        " ",
        source && one.format !== "json" ? h("span", { class: "num" }, change(source.bytes, one.bytes)) : null,
      ),
      job.outputs.filter((two) => two.format !== "json").length > 1 && one.format !== "json"
        ? h(
            "button",
            { class: "quiet", "aria-pressed": String(one === chosen), onclick: () => choose(one.name) },
            one === chosen ? "Shown" : "Show",
          )
        : null,
      h(
        "a",
        { class: "button", href: at(jobPath(job, "/image"), { of: one.name }), download: fileName(job, one) },
        icon("download"),
        h("span", {}, "Download"),
        h("span", { class: "sr" }, ` ${one.name}`),
      ),
    ),
  );
  return [
    job.code &&
      h(
        "div",
        { class: "card trouble" },
        h("p", { class: "line" }, icon("failed"), h("strong", {}, words(job.code))),
        h("p", {}, job.reason),
        job.hint && h("p", { class: "muted" }, job.hint),
        retry && h("p", {}, h("button", { onclick: retry }, icon("retry"), "Retry")),
      ),
    outputs.length > 0 && h("ul", { class: "outputs" }, outputs),
    h(
      "dl",
      { class: "facts-list" },
      line("Source", source && `${size(source.width, source.height)} ${source.format ?? ""} · ${bytes(source.bytes)}`),
      line(
        "Worker",
        job.worker && h("code", { title: job.worker }, shortId(job.worker)),
        job.instance && job.instance !== job.worker ? ` on ${job.instance}` : null,
      ),
      line(
        "Took",
        timings &&
          `${seconds(timings.total_ms / 1000)} (${seconds(timings.grind_ms / 1000)} grinding), after ${seconds(timings.queued_ms / 1000)} in the queue`,
      ),
      line("Ended", job.finished_at && when(job.finished_at)),
      line("Tries", job.receives > 1 ? count(job.receives, "time") : null),
      line("Retry of", job.retry_of && h("code", {}, job.retry_of)),
      line("Job", h("code", {}, `${job.batch}/${job.id}`)),
    ),
    job.troubles?.length > 0 &&
      h(
        "div",
        {},
        h("h3", {}, "Attempts that went wrong"),
        h(
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
        ),
      ),
  ];
}

function fileName(job, output) {
  const stem = (job.name ?? job.id)
    .split("/")
    .at(-1)
    .replace(/\.[^.]*$/, "");
  const extension = output.format === "jpeg" ? "jpg" : output.format;
  return `${stem}${job.outputs.length > 1 ? `-${output.name}` : ""}.${extension}`;
}
