// Batch: the pictures of one batch while they are ground, and what came of them.
import { announce, keys } from "../lib/a11y.js";
import { batchPath, jobPath, load, send } from "../lib/api.js";
import { h, paced, put } from "../lib/dom.js";
import { on } from "../lib/live.js";
import { Pager } from "../lib/pager.js";
import { filter, route, step } from "../lib/route.js";
import { get, watch } from "../lib/store.js";
import { isBad } from "../el/badge.js";
import { frame } from "../el/batchframe.js";
import { toast } from "../el/dialog.js";
import { unground } from "../el/empty.js";
import { lightbox } from "../el/lightbox.js";

/** The jobs on show are asked for again this often while the batch changes. */
const AGAIN_MS = 900;
const LOOK_MS = 5000;
/** So long after a pointer moved over the list nothing moves in it. */
const POINTED_MS = 4000;
/** A finished batch no larger than this is read to its end, so that each cell shows its own picture. */
const READ_WHOLE = 1000;
/** What is shown of a batch whose first picture has not come yet. */
const UNSENT = {
  jobs: 0,
  pending: 0,
  running: 0,
  done: 0,
  failed: 0,
  dead: 0,
  failures: [],
  closed: false,
  ended: false,
  per_second: 0,
};

export default async function batchScreen(main, signal) {
  const holder = h("div", { class: "screen" });
  main.append(holder);
  let inner = null;
  let shownId;
  const choose = async () => {
    const { screen, id } = route();
    if (screen !== "batch") return;
    const wanted = id || get("upload")?.batch || get("running")?.batch || (await newest());
    if (signal.aborted || wanted === shownId) return;
    shownId = wanted;
    inner?.abort();
    inner = new AbortController();
    if (wanted) await one(holder, wanted, inner.signal);
    else
      put(
        holder,
        h("h1", {}, "Batch"),
        h(
          "div",
          { class: "card empty" },
          unground("batch", "A batch appears here as soon as its first picture is sent."),
        ),
      );
  };
  signal.addEventListener("abort", () => inner?.abort());
  watch(["route"], choose, signal);
  await choose();
}

const newest = async () => (await load("batches", { limit: 1 })).batches[0]?.batch ?? null;

/** One batch, until the signal aborts. */
async function one(holder, id, signal) {
  const state = { batch: null, view: null, box: null, seen: [0, 40], held: 0 };
  const view = frame(id, state, signal);
  put(holder, view.root);
  const jobs = jobsOf(id, signal);

  const drawBatch = (batch) => {
    // An answer may come later than an event that knows more.
    if (state.batch?.as_of > batch.as_of) return;
    state.batch = batch;
    view.draw(batch, jobs);
  };
  const loadBatch = async () => {
    try {
      drawBatch(await load(batchPath(id), {}, signal));
      view.problem(null);
    } catch (error) {
      if (error.name === "AbortError") return;
      // The first pictures of one that is being sent may not have come yet.
      if (error.status === 404 && get("upload")?.batch === id) drawBatch({ ...UNSENT, batch: id });
      else if (!state.batch) view.problem(error, loadBatch);
    }
  };
  const drawRows = () => {
    view.rows.count = jobs.count;
    view.empty(state.batch, jobs);
    if (state.batch) view.draw(state.batch, jobs);
  };
  const want = (first, last) => {
    state.seen = [first, last];
    if (last > jobs.items.length && !jobs.ended)
      jobs.need(last - 1).then(drawRows, (error) => {
        if (error.name !== "AbortError" && !jobs.items.length) view.problem(error, again);
      });
  };
  let pending = false;
  let due = false;
  let pointedAt = 0;
  view.rows.addEventListener("pointermove", () => (pointedAt = Date.now()));
  const again = paced(async () => {
    due = pending;
    if (pending || signal.aborted) return;
    pending = true;
    try {
      const hold = view.rows.matches(":focus-within") || Date.now() - pointedAt < POINTED_MS;
      if (!jobs.items.length) {
        jobs.reset();
        await jobs.need(0);
      } else state.held = await jobs.again(...state.seen, hold);
      if (state.box) {
        const job = jobs.items.find((each) => each.id === state.box.id);
        if (job) state.box.update(job);
      }
      view.fresh(state.held, () => {
        state.held = 0;
        view.rows.querySelector(":focus")?.blur();
        jobs.again(...state.seen).then(drawRows);
      });
      drawRows();
    } catch (error) {
      if (error.name !== "AbortError" && !jobs.items.length) view.problem(error, again);
    } finally {
      pending = false;
      if (due) again();
      else if (state.held) setTimeout(again, POINTED_MS);
    }
  }, AGAIN_MS);

  const open = async (index) => {
    await jobs.need(index);
    const job = jobs.items[index];
    if (job) step({ job: job.id });
  };
  view.list(jobs, want, open, (job) => retryJob(job, again));

  let filtered = JSON.stringify([...route().query].filter(([key]) => key !== "job" && key !== "view"));
  watch(
    ["route"],
    () => {
      if (route().screen !== "batch") return;
      const now = JSON.stringify([...route().query].filter(([key]) => key !== "job" && key !== "view"));
      view.filters();
      if (now !== filtered) {
        filtered = now;
        jobs.reset();
        jobs.need(0).then(drawRows, () => {});
      }
      view.list(jobs, want, open, (job) => retryJob(job, again), true);
      shine();
    },
    signal,
  );

  const shine = shining(id, jobs, state, view, again, signal);

  on(
    "batch",
    (batch) => {
      if (batch.batch === id) {
        drawBatch(batch);
        again();
      }
    },
    signal,
  );
  on(
    "job",
    (told) => {
      if (told.batch !== id) return;
      const job = jobs.items.find((each) => each.id === told.id);
      if (job && job.state !== told.state) {
        job.state = told.state;
        job.worker ??= told.worker;
        view.rows.refresh();
        if (state.batch) view.grist(state.batch, jobs);
      }
    },
    signal,
  );
  on(
    "refetch",
    () => {
      loadBatch();
      again();
    },
    signal,
  );
  watch(
    ["upload", "link"],
    () => {
      if (state.batch) drawBatch(state.batch);
      again();
    },
    signal,
  );
  // Whatever was missed, or happens to nobody's notice, such as a batch that is sealed elsewhere.
  const timer = setInterval(() => {
    if (!document.hidden && !state.batch?.ended) loadBatch();
  }, LOOK_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
  keys(
    {
      j: () => view.rows.focusOn(view.rows.focused + 1),
      k: () => view.rows.focusOn(view.rows.focused - 1),
      v: () => view.toggle(),
      r: () => {
        const job = jobs.items[view.rows.focused];
        if (job && isBad(job)) retryJob(job, again);
        else toast("Only what failed can be tried again.");
      },
    },
    signal,
  );

  view.onGrist(async (index) => {
    await jobs.need(index);
    drawRows();
    view.rows.focusOn(index);
  });
  await loadBatch();
  await jobs.need(0).catch(() => {});
  drawRows();
  view.rows.refresh();
  if (state.batch?.ended && state.batch.jobs <= READ_WHOLE) jobs.need(state.batch.jobs).then(drawRows, () => {});
  shine();
}

/** The jobs of a batch that the address asks for. */
const jobsOf = (id, signal) =>
  new Pager(
    async (after, limit) => {
      const { query } = route();
      const wanted = { q: query.get("q"), state: query.get("state"), code: query.get("code") };
      const page = await load(batchPath(id, "/jobs"), { after, limit, ...wanted }, signal);
      return { items: page.jobs, next: page.next, total: page.total };
    },
    (job) => job.id,
  );

/** What opens or closes the large picture, as the address says. */
function shining(id, jobs, state, view, again, signal) {
  const step = async (by) => {
    const at = jobs.find(state.box.id) + by;
    if (at < 0) return null;
    await jobs.need(at);
    const next = jobs.items[at] ?? null;
    if (next) {
      state.box.id = next.id;
      filter({ job: next.id });
    }
    return next;
  };
  const closed = () => {
    const at = jobs.find(state.box?.id);
    state.box = null;
    if (route().query.get("job")) filter({ job: null });
    if (at >= 0) view.rows.focusOn(at);
  };
  const missing = (error) => {
    toast(error.detail ?? error.message);
    filter({ job: null });
    return null;
  };
  return async () => {
    const wanted = route().query.get("job");
    if (!wanted) state.box?.close();
    if (!wanted || state.box) return;
    const known = jobs.items.find((job) => job.id === wanted);
    const job = known ?? (await load(jobPath({ batch: id, id: wanted }), {}, signal).catch(missing));
    if (!job || state.box) return;
    state.box = { ...lightbox(job, { step, closed, retry: (bad) => retryJob(bad, again) }), id: wanted };
  };
}

async function retryJob(job, again) {
  try {
    await send(jobPath(job, "/retry"));
    toast(`${job.name ?? job.id} is tried again`);
    announce("Sent again");
    again();
  } catch (error) {
    toast(error.code === "conflict" ? `Not tried again: ${error.detail}` : (error.detail ?? error.message));
  }
}
