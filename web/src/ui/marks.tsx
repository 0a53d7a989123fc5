// Marks that say by shape, colour and text how something is.
import type { JSX } from "preact";
import type { Quality, Severity } from "../api/types";
import type { Tone } from "../store/attention";

function shape(q: Quality): JSX.Element {
  switch (q) {
    case "live":
      return <circle cx="8" cy="8" r="5" fill="currentColor" />;
    case "late":
      return (
        <>
          <circle cx="8" cy="8" r="4.5" fill="none" stroke="currentColor" stroke-width="1.5" />
          <path d="M8 3.5a4.5 4.5 0 0 1 0 9z" fill="currentColor" />
        </>
      );
    case "stale":
      return (
        <>
          <circle cx="8" cy="8" r="4.5" fill="none" stroke="currentColor" stroke-width="1.5" />
          <path d="M4.6 9.4l4.8-4.8M6 11.4l5.4-5.4" stroke="currentColor" stroke-width="1.3" />
        </>
      );
    case "offline":
      return (
        <>
          <circle cx="8" cy="8" r="4.5" fill="none" stroke="currentColor" stroke-width="1.5" />
          <path d="M3 13L13 3" stroke="currentColor" stroke-width="1.5" />
        </>
      );
    case "unseen":
      return (
        <circle cx="8" cy="8" r="4.5" fill="none" stroke="currentColor" stroke-width="1.5" stroke-dasharray="2.4 2" />
      );
    default:
      return q satisfies never;
  }
}

/** How fresh a robot's data is, and by colour whether it wants attention. */
export function RobotMark({ quality, tone }: { quality: Quality; tone: Tone }): JSX.Element {
  const triangle = tone === "alarm" && (quality === "live" || quality === "late");
  return (
    <svg
      class={tone === "none" ? "muted" : tone}
      width="16"
      height="16"
      viewBox="0 0 16 16"
      role="img"
      aria-label={quality}
    >
      {triangle ? <path d="M8 2.2l6.2 11H1.8z" fill="currentColor" /> : shape(quality)}
    </svg>
  );
}

function severityShape(s: Severity): JSX.Element {
  switch (s) {
    case "info":
      return <circle cx="8" cy="8" r="2.5" fill="currentColor" />;
    case "warning":
      return <path d="M8 3l5 5-5 5-5-5z" fill="none" stroke="currentColor" stroke-width="1.6" />;
    case "alarm":
      return <path d="M8 2.2l6.2 11H1.8z" fill="currentColor" />;
    default:
      return s satisfies never;
  }
}

export function SeverityMark({ severity }: { severity: Severity }): JSX.Element {
  const tone = severity === "alarm" ? "alarm" : severity === "warning" ? "warn" : "muted";
  return (
    <svg class={tone} width="14" height="14" viewBox="0 0 16 16" role="img" aria-label={severity}>
      {severityShape(severity)}
    </svg>
  );
}

export function CloseMark(): JSX.Element {
  return (
    <svg width="14" height="14" viewBox="0 0 16 16" aria-hidden="true">
      <path d="M3 3l10 10M13 3L3 13" stroke="currentColor" stroke-width="1.6" />
    </svg>
  );
}
