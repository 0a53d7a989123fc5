// Fails when the scripts and styles of the first load (entry, its static
// imports and the worker) are larger than the budget, in bytes after gzip.
// Fonts come later and are cached for ever.
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const budget = 60 * 1024;
const assets = new URL("../dist/assets/", import.meta.url);
let total = 0;
for (const name of readdirSync(assets).filter((n) => /\.(js|css)$/.test(n))) {
  const size = gzipSync(readFileSync(new URL(name, assets))).length;
  total += size;
  console.log(`${(size / 1024).toFixed(1).padStart(7)} KB gz  ${name}`);
}
console.log(`${(total / 1024).toFixed(1).padStart(7)} KB gz  in all, of ${budget / 1024}`);
if (total === 0 || total > budget) {
  console.error("the first load is beyond its budget");
  process.exit(1);
}
