// The server's clock as this page sees it, and a signal that ticks once a
// second for the ages on the screen.
import { signal } from "@preact/signals";

/** Milliseconds that the server's clock is ahead of this machine's. */
let offset = 0;
let known = false;

/**
 * Takes a frame's server time in. The least delayed frame is right: a larger
 * offset holds at once, a smaller one is approached slowly (drift).
 */
export function heardServerTime(serverMs: number, localMs: number = Date.now()): void {
  const seen = serverMs - localMs;
  if (!known || seen > offset || offset - seen > 60_000) offset = seen;
  else offset += (seen - offset) * 0.01;
  known = true;
}

/** The server's time now, in ms since 1970. */
export function serverNow(localMs: number = Date.now()): number {
  return localMs + offset;
}

/** The age in ms of what was heard at this server time. */
export function ageOf(heard: number): number {
  return Math.max(0, serverNow() - heard);
}

/** The server's time in ms, renewed each second. Read it where an age is shown. */
export const everySecond = signal(Date.now());

export function startClock(): () => void {
  const timer = setInterval(() => {
    everySecond.value = serverNow();
  }, 1000);
  return () => clearInterval(timer);
}
