// The same work as a command, as a request, and as a document: what is copied runs as it is pasted.
import { send, root } from "./api.js";
import { get } from "./store.js";
import { announce } from "./a11y.js";
import { toast } from "../el/dialog.js";
import { h } from "./dom.js";

const MOST_NAMED = 100;
const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

/** What the shell is told of the pictures: their folder if it is all of one, else their names. */
function inputs(pictures) {
  const folders = new Set(pictures.map((picture) => (picture.path.includes("/") ? picture.path.split("/")[0] : "")));
  const [folder] = folders;
  if (folders.size === 1 && folder) return [`${folder}/`];
  return pictures.slice(0, MOST_NAMED).map((picture) => picture.path);
}

const safe = (path) => (path.startsWith("-") ? `./${path}` : path);

export const asCommand = (pictures, recipe) =>
  `pixmill run ${(pictures.length ? inputs(pictures) : ["photos/"]).map(safe).map(quoted).join(" ")} --recipe ${quoted(recipe)} --out out/`;

export function asCurl(pictures, recipe) {
  const token = get("session")?.auth_required ? ' -H "Authorization: Bearer $PIXMILL_TOKEN"' : "";
  const files = (pictures.length ? pictures.slice(0, MOST_NAMED).map((picture) => picture.path) : ["photo.jpg"]).map(
    (path) => ` \\\n  -F ${quoted(`image=@"${path.replace(/["\\]/g, "\\$&")}"`)}`,
  );
  return `curl -sS${token} ${quoted(new URL("v1/jobs?wait=30", root).href)} \\\n  --form-string ${quoted(`recipe=${recipe}`)}${files.join("")}`;
}

export const asJson = async (recipe) => JSON.stringify((await send("recipes/parse", { recipe })).json, null, 2);

/** Copies. Over plain HTTP from another machine browsers have no clipboard to write to: then the old way. */
export async function copy(text, what) {
  const written = await navigator.clipboard?.writeText(text).then(
    () => true,
    () => false,
  );
  if (!written) {
    const area = h("textarea", { class: "sr", value: text, "aria-hidden": "true" });
    const before = document.activeElement;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    before?.focus();
  }
  document.documentElement.dataset.copied = text;
  announce(`${what} copied`);
  toast(`${what} copied`);
}
