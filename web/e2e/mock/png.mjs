// A map tile as the service makes them: white is free, black occupied,
// transparent unknown; the picture's rows run top down.
import { crc32, deflateSync } from "node:zlib";

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length, 0);
  body.copy(out, 4);
  out.writeUInt32BE(crc32(body) >>> 0, body.length + 4);
  return out;
}

/** Encodes width × height cells; cell(x, y) is 0 (free) … 100, or -1, y upwards. */
export function encodeTile(width, height, cell) {
  const raw = Buffer.alloc(height * (1 + width * 2));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const v = cell(x, height - 1 - y);
      const at = y * (1 + width * 2) + 1 + x * 2;
      raw[at] = v < 0 ? 205 : Math.round(255 - (v * 255) / 100);
      raw[at + 1] = v < 0 ? 0 : 255;
    }
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 4, 0, 0, 0], 8); // 8 bits, grey with alpha
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk("IHDR", head),
    chunk("IDAT", deflateSync(raw)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}
