// A job in a list: as a row, or as a tile of a gallery.
import { h, name as shown } from "../lib/dom.js";
import { bytes, change, seconds, shortId, when, words } from "../lib/format.js";
import { icon } from "../lib/icons.js";
import { ofJob } from "../lib/thumbs.js";
import { badge, isBad, stateOf } from "./badge.js";

export const sum = (list, of) => list.reduce((total, one) => total + of(one), 0);

const picture = (job, className) => {
  const image = h("img", { alt: "", class: className });
  ofJob(image, job);
  return image;
};

/** A job as a row; the last cell is when it ended if nobody may retry it here. */
export function rowOf(job, retry) {
  if (!job) return [{ className: "wide", content: h("div", { class: "skeleton" }) }];
  const { source, outputs } = job;
  const after = sum(outputs, (output) => output.bytes);
  const bad = isBad(job);
  return [
    { className: "c-thumb", content: h("div", { class: "well" }, picture(job)) },
    { className: "c-name ellipsis", content: shown(job.name ?? job.id) },
    { className: "c-state", content: badge(stateOf(job)) },
    { className: "c-worker num ellipsis", content: h("span", { title: job.worker }, shortId(job.worker ?? "")) },
    {
      className: "c-size num ellipsis",
      content: bad
        ? h("span", { class: "reason", title: job.reason }, words(job.code))
        : h("span", {}, source ? `${bytes(source.bytes)}${outputs.length ? ` → ${bytes(after)}` : ""}` : ""),
    },
    {
      className: "c-change num",
      content: outputs.length && source ? h("span", {}, change(source.bytes, after)) : h("span"),
    },
    {
      className: "c-act",
      content: !retry
        ? h("span", { class: "num muted" }, when(job.finished_at))
        : bad
          ? h(
              "button",
              { "data-act": "retry", "aria-label": `Retry ${job.name ?? job.id}`, onclick: () => retry(job) },
              "Retry",
            )
          : h("span", { class: "num muted" }, job.timings ? seconds(job.timings.total_ms / 1000) : ""),
    },
  ];
}

/** A job as a tile of a gallery. */
export function tileOf(job, retry) {
  if (!job) return [h("div", { class: "skeleton" })];
  const bad = isBad(job);
  const after = sum(job.outputs, (output) => output.bytes);
  return [
    h(
      "div",
      { class: "tile-box" },
      h("div", { class: "well" }, bad ? icon("failed", "big") : picture(job)),
      h(
        "div",
        { class: "line tile-line" },
        h("span", { class: "grow ellipsis" }, shown(job.name ?? job.id)),
        job.state === "done"
          ? h("span", { class: "num saved" }, job.source ? change(job.source.bytes, after) : "")
          : badge(stateOf(job)),
      ),
      bad ? h("button", { "data-act": "retry", onclick: () => retry(job) }, `Retry: ${words(job.code)}`) : null,
    ),
  ];
}
