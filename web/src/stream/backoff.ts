const firstMs = 250;
const mostMs = 10_000;

/**
 * How long to wait before attempt n (from 0), in ms: doubling to 10 s, with
 * half of it left to chance, so that many browsers do not return in one moment.
 */
export function backoff(attempt: number, random: () => number = Math.random): number {
  const most = Math.min(mostMs, firstMs * 2 ** Math.min(attempt, 10));
  return Math.round(most / 2 + (most / 2) * random());
}
