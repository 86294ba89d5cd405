// The head of a batch: how far it is, what it saves, what was interrupted, and why pictures failed.
import { batchPath, send } from "../lib/api.js";
import { h, name as shown, put, say } from "../lib/dom.js";
import { bytes, change, count, number, percent, seconds, words } from "../lib/format.js";
import { icon } from "../lib/icons.js";
import { good, pictures } from "../lib/pictures.js";
import { filter } from "../lib/route.js";
import { get, set } from "../lib/store.js";
import * as uploads from "../lib/upload.js";
import { rebadge } from "./badge.js";
import { toast } from "./dialog.js";
import { chooser } from "./drop.js";

export function drawHead(batch, parts, id) {
  const { title, badged, download, figures, interrupted, failures } = parts;
  const upload = get("upload")?.batch === id ? get("upload") : null;
  const known = uploads.sent(id);
  put(title, shown(uploads.nameOf(batch) ?? `Batch ${id}`));
  const bad = batch.failed + batch.dead;
  const ended = batch.done + bad;
  const sending = upload && !upload.ended;
  const total = Math.max(batch.jobs, sending ? upload.total : 0, batch.closed ? 0 : (batch.expected ?? 0));
  const open = batch.pending + (batch.running ?? 0);
  const far = percent(ended, total);
  rebadge(
    badged,
    sending ? "sending" : batch.ended ? (bad ? "failed" : "done") : "running",
    sending
      ? `Sending ${upload.sent} of ${upload.total}`
      : batch.ended
        ? bad
          ? `Ended, ${bad} failed`
          : "Done"
        : `Running ${far} %`,
  );
  download.hidden = !batch.done;
  download.classList.toggle("primary", batch.ended);
  say(download.lastChild, `Download ${number(batch.done)}`);
  const saved = (batch.bytes_in ?? 0) - (batch.bytes_out ?? 0);
  const figure = (value, unit, className = "") =>
    h(
      "div",
      { class: `figure ${className}` },
      h("strong", { class: "num" }, value),
      h("span", { class: "muted" }, unit),
    );
  put(
    figures,
    saved > 0 ? figure(bytes(saved), `saved, ${change(batch.bytes_in, batch.bytes_out)}`, "hero") : null,
    figure(number(batch.done), "done"),
    bad ? figure(number(bad), "failed", "bad") : null,
    open ? figure(number(open), "to go") : null,
    !batch.ended && batch.per_second > 0 ? figure(`${batch.per_second.toFixed(1)}/s`, "rate") : null,
    !batch.ended && batch.seconds_left ? figure(seconds(batch.seconds_left), "left") : null,
  );
  const elsewhere = batch.expected && !batch.closed;
  const cut = !sending && (known?.open || elsewhere);
  interrupted.hidden = !cut;
  if (cut && !interrupted.firstChild) put(interrupted, known?.open ? unfinished(id, known) : growing(batch));
  if (!cut) put(interrupted);
  drawFailures(failures, batch, id);
}

/** What was interrupted goes on with the same pictures, wherever they come from. */
function unfinished(id, known) {
  const folder = chooser(true);
  const files = chooser(false);
  const go = async () => {
    const all = good();
    if (!all.length) return;
    set(
      "pictures",
      pictures().filter((picture) => picture.problem),
    );
    await uploads.send(all, known.recipe, known.name, id).catch((error) => toast(error.detail ?? error.message));
  };
  for (const input of [folder, files]) input.addEventListener("change", () => go());
  return h(
    "div",
    { class: "banner" },
    icon("retry"),
    h(
      "span",
      { class: "grow" },
      `${known.stamps.length} of ${known.total} sent: choose the same pictures to continue. Those that came are not sent again.`,
    ),
    h("button", { onclick: () => folder.click() }, "Choose the folder"),
    h("button", { onclick: () => files.click() }, "Choose pictures"),
    folder,
    files,
  );
}

/** One that somebody else fills, or that was left: it ends when it is sealed. */
function growing(batch) {
  const done = (event) => {
    event.target.disabled = true;
    uploads.seal(batch.batch).catch((error) => toast(error.detail ?? error.message));
  };
  return h(
    "div",
    { class: "banner" },
    icon("up"),
    h(
      "span",
      { class: "grow" },
      `Not all of it has been sent yet: ${count(batch.jobs, "picture")} of about ${number(batch.expected)} came.`,
    ),
    h("button", { onclick: done }, "That was all"),
  );
}

function drawFailures(section, batch, id) {
  section.hidden = !batch.failures.length;
  const text = JSON.stringify(batch.failures);
  if (section.text === text) return;
  section.text = text;
  const retryAll = async (code) => {
    try {
      const { sent, refused } = await send(batchPath(id, `/retry${code ? `?code=${code}` : ""}`));
      toast(`${count(sent.length, "picture")} tried again${refused.length ? `, ${refused.length} cannot be` : ""}`);
    } catch (error) {
      toast(error.detail ?? error.message);
    }
  };
  put(
    section,
    batch.failures.map((group) =>
      h(
        "div",
        { class: "card line failure" },
        h(
          "button",
          {
            class: "quiet grow",
            onclick: () => filter({ code: group.code, state: null }),
          },
          icon("right"),
          h("span", { class: "num" }, `${number(group.count)} ×`),
          h("strong", {}, words(group.code)),
          h("span", { class: "muted ellipsis" }, shown(group.reason)),
        ),
        h("button", { onclick: () => retryAll(group.code) }, icon("retry"), "Retry"),
      ),
    ),
    batch.failures.length > 1 &&
      h("button", { class: "quiet", onclick: () => retryAll() }, `Retry all ${batch.failed + batch.dead}`),
  );
}
