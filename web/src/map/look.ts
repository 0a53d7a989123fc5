// How a robot looks on the map: colour and shape by what is known of it. Pure.
import type { Quality } from "../api/types";
import { attention } from "../store/attention";
import type { RobotRow } from "../store/fleet";

/** Colours of the theme that a robot can have. */
export type RobotTone = "robot" | "muted" | "warn" | "alarm";

/** Shapes, by their number in the robots' shader. */
export const shapes = { filled: 0, late: 1, hatched: 2, outline: 3 } as const;
export type Shape = keyof typeof shapes;

export interface Look {
  readonly tone: RobotTone;
  readonly shape: Shape;
}

function shapeOf(q: Quality): Shape {
  switch (q) {
    case "live":
      return "filled";
    case "late":
      return "late";
    case "stale":
      return "hatched";
    case "offline":
    case "unseen":
      return "outline";
    default:
      return q satisfies never;
  }
}

/** With the link lost (grey) nothing is news, so nothing is coloured. */
export function lookOf(row: RobotRow | undefined, quality: Quality, grey: boolean): Look {
  const shape = shapeOf(quality);
  if (grey || shape === "outline" || shape === "hatched" || row === undefined) return { tone: "muted", shape };
  const { tone } = attention(row);
  return { tone: tone === "none" ? "robot" : tone, shape };
}
