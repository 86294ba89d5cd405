// A folder to thumbnails by sharp: `node folder.mjs SHARP IN OUT SIDE QUALITY WORKERS`, where SHARP is
// the path of its module. So many pictures at once, each on one thread, as in a fleet.

import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join, parse } from "node:path";

const [module, source, out, side, quality, workers] = process.argv.slice(2);
const sharp = createRequire(import.meta.url)(module);
sharp.concurrency(1);
sharp.cache(false);
const names = readdirSync(source).sort();
let next = 0;

async function work() {
  while (next < names.length) {
    const name = names[next++];
    await sharp(join(source, name))
      .resize({ width: Number(side) })
      .jpeg({ quality: Number(quality), chromaSubsampling: "4:2:0" })
      .toFile(join(out, `${parse(name).name}.jpg`));
  }
}

await Promise.all(Array.from({ length: Number(workers) }, work));
