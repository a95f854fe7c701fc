// Renders SVG documents to raw pixels: reads JSON lines {"svg": ...} on standard input, writes size*size*4 bytes of
// RGBA per line to standard output; a document that cannot be drawn becomes a transparent picture.
// Usage: node render.mjs NODE_MODULES SIZE
import { createRequire } from "node:module";
import { writeSync } from "node:fs";
import { createInterface } from "node:readline";

const [modules, size] = [process.argv[2], Number(process.argv[3])];
const { Resvg } = createRequire(modules + "/")("@resvg/resvg-js");

function write(bytes) {
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(1, bytes, done);
    } catch (error) {
      if (error.code !== "EAGAIN") throw error; // the reader is slower than we are
    }
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const picture = Buffer.alloc(size * size * 4);
  try {
    const drawn = new Resvg(JSON.parse(line).svg, { fitTo: { mode: "width", value: size } }).render();
    if (drawn.width === size && drawn.height === size) drawn.pixels.copy(picture);
  } catch (error) {
    process.stderr.write(`not drawn: ${error.message}\n`);
  }
  write(picture);
}
