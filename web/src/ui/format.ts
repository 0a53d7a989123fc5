// Figures as people read them. Pure.

/** An age or a length of time, to the unit that matters. */
export function duration(ms: number): string {
  const s = Math.max(0, ms) / 1000;
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 120) return `${Math.floor(s)} s`;
  if (s < 7200) return `${Math.floor(s / 60)} min`;
  if (s < 172_800) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86_400)} d`;
}

/** An age in whole seconds and above, for labels that should not flicker. */
export function age(ms: number): string {
  return ms < 10_000 ? `${Math.floor(Math.max(0, ms) / 1000)} s` : duration(ms);
}

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

export function fixed(value: number, digits: number): string {
  const text = value.toFixed(digits);
  return Number(text) === 0 ? (0).toFixed(digits) : text; // no "-0.00"
}

export function degrees(rad: number): string {
  const d = Math.round((rad * 180) / Math.PI) % 360;
  return `${d > 180 ? d - 360 : d}°`;
}

export function hertz(hz: number): string {
  if (hz === 0) return "0 Hz";
  return hz < 10 ? `${hz.toFixed(1)} Hz` : `${Math.round(hz)} Hz`;
}

/** A size in bytes, in the unit that matters. */
export function bytes(n: number): string {
  if (n < 1000) return `${n} B`;
  return n < 1_000_000 ? `${(n / 1000).toFixed(1)} kB` : `${(n / 1_000_000).toFixed(1)} MB`;
}

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });

export function timeOfDay(iso: string): string {
  return clock.format(new Date(iso));
}

export function dateAndTime(iso: string): string {
  return day.format(new Date(iso));
}

/** "sha256:0123456789ab" for a digest. */
export function shortDigest(digest: string): string {
  const [kind, hash] = digest.split(":");
  return hash === undefined ? digest.slice(0, 12) : `${kind}:${hash.slice(0, 12)}`;
}

/** The last part of an image reference, "amr:2.1" or "amr@0123456789ab". */
export function shortImage(ref: string): string {
  const last = ref.split("/").at(-1) ?? ref;
  const [name, hash] = last.split("@sha256:");
  return hash === undefined ? last : `${name}@${hash.slice(0, 12)}`;
}

export function count(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}
