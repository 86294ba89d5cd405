// Small pictures: of files, made here; of jobs, made by the server. Two at once, only what is in
// view, and what is no longer wanted is not made.
import { ask, at, jobPath, root, unlessBusy } from "./api.js";

const SIDE = 256;
const AT_ONCE = 2;
const KEPT = 400;
/** An output this small is its own thumbnail. */
const SMALL_BYTES = 150_000;

const made = new Map();
const waiting = [];
let busy = 0;

const watching = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      watching.unobserve(target);
      waiting.push(target);
    }
    next();
  },
  { rootMargin: "200px" },
);

/** Has an `<img>` show a small picture once it is in view. `key` names it, `make` gives a blob. */
function lazily(image, key, make) {
  const known = made.get(key);
  if (known) {
    image.src = known;
    return image;
  }
  Object.assign(image, { key, make });
  watching.observe(image);
  return image;
}

async function next() {
  while (busy < AT_ONCE && waiting.length) {
    // The last one asked for is the one that is looked at.
    const image = waiting.pop();
    if (!image.isConnected) {
      watching.observe(image);
      continue;
    }
    const known = made.get(image.key);
    if (known) {
      image.src = known;
      continue;
    }
    busy += 1;
    image
      .make()
      .then(
        (blob) => {
          const url = URL.createObjectURL(blob);
          made.set(image.key, url);
          image.src = url;
          forget();
        },
        () => {
          image.dataset.none = "";
        },
      )
      .finally(() => {
        busy -= 1;
        next();
      });
  }
}

function forget() {
  for (const [key, url] of made) {
    if (made.size <= KEPT) return;
    if (document.querySelector(`img[src="${url}"]`)) continue;
    URL.revokeObjectURL(url);
    made.delete(key);
  }
}

/** Of a file that was chosen. */
export const ofFile = (image, picture) => lazily(image, `file-${picture.id}`, () => shrink(picture.file));

async function shrink(file) {
  const whole = await createImageBitmap(file);
  const scale = Math.min(1, SIDE / Math.max(whole.width, whole.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(whole.width * scale));
  canvas.height = Math.max(1, Math.round(whole.height * scale));
  canvas.getContext("2d").drawImage(whole, 0, 0, canvas.width, canvas.height);
  whole.close();
  return new Promise((good, bad) => canvas.toBlob((blob) => (blob ? good(blob) : bad()), "image/webp", 0.8));
}

const isPicture = (output) => output.format !== "json";

/** Of a job: what was made of it, or its source while there is nothing. */
export function ofJob(image, job) {
  const outputs = job.outputs.filter(isPicture);
  const small = outputs.filter((output) => output.bytes <= SMALL_BYTES).sort((a, b) => b.bytes - a.bytes)[0];
  if (small) {
    image.loading = "lazy";
    image.src = at(jobPath(job, "/image"), { of: small.name });
    return image;
  }
  const of = outputs[0]?.name ?? "source";
  return lazily(image, `${job.batch}/${job.id}/${of}`, () => fetched(job, of));
}

/** Of an address that the server gave. */
export const ofPath = (image, path) =>
  lazily(image, path, async () => (await ask("GET", new URL(path.replace(/^\//, ""), root).href)).blob());

const fetched = (job, of) =>
  unlessBusy(async () => (await ask("GET", jobPath(job, "/image"), { query: { of, side: SIDE } })).blob());
