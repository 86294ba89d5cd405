// The thumbnails of `make bench` by sharp: `node thumbs.mjs SHARP DIRECTORY SIDE QUALITY WORKERS`,
// where SHARP is the path of its module. Every line on standard input runs the batch once; the
// answer is its nanoseconds, on the clock and on the cores. A line that names a directory has the thumbnails written there too.

import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";

const [module, directory, side, quality, workers] = process.argv.slice(2);
const sharp = createRequire(import.meta.url)(module);
// One picture a core, as in a fleet; it also is the fastest on few cores.
sharp.concurrency(1);
sharp.cache(false);
const names = readdirSync(directory).sort();
const sources = names.map((name) => readFileSync(join(directory, name)));

async function batch() {
  const made = [];
  let next = 0;
  const work = async () => {
    while (next < sources.length) {
      const i = next++;
      made[i] = await sharp(sources[i])
        .resize({ width: Number(side) })
        .jpeg({ quality: Number(quality), chromaSubsampling: "4:2:0" })
        .toBuffer();
    }
  };
  const [begun, used] = [process.hrtime.bigint(), process.cpuUsage()];
  await Promise.all(Array.from({ length: Number(workers) }, work));
  const { user, system } = process.cpuUsage(used);
  return [process.hrtime.bigint() - begun, (user + system) * 1000, made];
}

for await (const line of createInterface({ input: process.stdin })) {
  const [onClock, onCores, made] = await batch();
  if (line) {
    mkdirSync(line, { recursive: true });
    names.forEach((name, i) => writeFileSync(join(line, name), made[i]));
  }
  console.log(`${onClock} ${onCores} ${sharp.versions.sharp} ${sharp.versions.vips}`);
}
