// The binary POSE frame of muster.stream.v1. Columns are views on the frame's
// own buffer: nothing is copied. Runs in the worker and in the page.

/** The opcode of a POSE frame. */
export const opPose = 1;

const headerSize = 32;
const rowSize = 4 + 4 + 4 + 2 + 2 + 2 + 2 + 1;

/** A decoded POSE frame: n values in each column. */
export interface PoseFrame {
  readonly view: number;
  /** Whether it holds every robot of the view that has a pose. */
  readonly full: boolean;
  readonly n: number;
  /** The version it builds on, 0 when full. */
  readonly from: bigint;
  readonly version: bigint;
  /** Server time in ms since 1970. */
  readonly serverTime: number;
  readonly handle: Uint32Array;
  /** mm */
  readonly x: Int32Array;
  /** mm */
  readonly y: Int32Array;
  /** 1/65536 of a turn, counter-clockwise from +x */
  readonly yaw: Uint16Array;
  /** mm/s */
  readonly speed: Int16Array;
  /** mrad/s */
  readonly turn: Int16Array;
  /** 10 ms steps since the pose was received */
  readonly age: Uint16Array;
  /** bit 0 localised, bits 1-3 quality */
  readonly flags: Uint8Array;
}

/** Thrown for a frame that does not keep to the protocol. */
export class FrameError extends Error {
  override readonly name = "FrameError";
}

/**
 * Reads a POSE frame; undefined for an opcode that this client does not know.
 * Typed arrays read in the machine's order, which is little endian wherever a
 * browser runs.
 */
export function decodePose(buffer: ArrayBuffer): PoseFrame | undefined {
  const head = new DataView(buffer);
  if (buffer.byteLength === 0) throw new FrameError("an empty frame");
  if (head.getUint8(0) !== opPose) return undefined;
  if (buffer.byteLength < headerSize) throw new FrameError(`a POSE frame of ${buffer.byteLength} bytes has no header`);
  const n = head.getUint32(4, true);
  const size = headerSize + n * rowSize;
  if (buffer.byteLength < size)
    throw new FrameError(`a POSE frame of ${buffer.byteLength} bytes is too short for ${n} robots`);
  const at = (perRobot: number) => headerSize + perRobot * n;
  return {
    view: head.getUint16(2, true),
    full: (head.getUint8(1) & 1) === 1,
    n,
    from: head.getBigUint64(8, true),
    version: head.getBigUint64(16, true),
    serverTime: Number(head.getBigInt64(24, true)),
    handle: new Uint32Array(buffer, at(0), n),
    x: new Int32Array(buffer, at(4), n),
    y: new Int32Array(buffer, at(8), n),
    yaw: new Uint16Array(buffer, at(12), n),
    speed: new Int16Array(buffer, at(14), n),
    turn: new Int16Array(buffer, at(16), n),
    age: new Uint16Array(buffer, at(18), n),
    flags: new Uint8Array(buffer, at(20), n),
  };
}

export function isLocalised(flags: number): boolean {
  return (flags & 1) === 1;
}

/** The number of the quality, see `qualities`. */
export function qualityNumber(flags: number): number {
  return (flags >> 1) & 7;
}
