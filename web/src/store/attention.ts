// What of a robot a person should look at, from what the server says of it.
import type { RobotState } from "../api/types";
import type { RobotRow } from "./fleet";

export type Tone = "alarm" | "warn" | "none";

export interface Attention {
  readonly tone: Tone;
  /** In words; empty when all is well. */
  readonly reasons: readonly string[];
}

const well: Attention = { tone: "none", reasons: [] };
const lowCharge = 0.15;

function diagnostics(s: RobotState): Attention {
  const d = s.diagnostics;
  if (d === undefined) return well;
  switch (d.worst) {
    case "error":
      return { tone: "alarm", reasons: d.texts };
    case "warn":
    case "stale":
      return { tone: "warn", reasons: d.texts };
    case "ok":
      return well;
    default:
      return d.worst satisfies never;
  }
}

function containers(s: RobotState): Attention[] {
  return s.containers
    .filter((c) => c.role === "current")
    .flatMap((c): Attention[] => {
      if (c.state !== "running") return [{ tone: "alarm", reasons: [`container ${c.name} is ${c.state}`] }];
      if (c.health === "unhealthy") return [{ tone: "alarm", reasons: [`container ${c.name} is unhealthy`] }];
      return [];
    });
}

function battery(s: RobotState): Attention {
  const charge = s.battery?.charge ?? undefined;
  if (charge === undefined || charge >= lowCharge || s.battery?.charging === true) return well;
  return { tone: "warn", reasons: [`battery at ${Math.round(charge * 100)} %`] };
}

function link(s: RobotState): Attention {
  switch (s.quality) {
    case "offline":
      return { tone: "alarm", reasons: ["offline"] };
    case "stale":
      return { tone: "warn", reasons: ["no pose for more than 5 s"] };
    case "unseen":
      return { tone: "warn", reasons: ["never heard of"] };
    case "live":
    case "late":
      return well;
    default:
      return s.quality satisfies never;
  }
}

const rank: Record<Tone, number> = { none: 0, warn: 1, alarm: 2 };

/** Rows never change, so each is judged once. */
const judged = new WeakMap<RobotRow, Attention>();

export function attention(row: RobotRow): Attention {
  const known = judged.get(row);
  if (known !== undefined) return known;
  const now = judge(row.state);
  judged.set(row, now);
  return now;
}

function judge(s: RobotState | undefined): Attention {
  if (s === undefined) return well;
  const all = [link(s), ...containers(s), diagnostics(s), battery(s)].filter((a) => a.tone !== "none");
  if (all.length === 0) return well;
  const tone = all.reduce<Tone>((worst, a) => (rank[a.tone] > rank[worst] ? a.tone : worst), "none");
  return { tone, reasons: all.flatMap((a) => a.reasons) };
}
