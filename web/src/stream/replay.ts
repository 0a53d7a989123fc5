import type { Telemetry, TelemetrySource } from "./source";

/** A TelemetrySource that a test feeds by hand; it keeps what was asked of it. */
export class ReplaySource implements TelemetrySource {
  readonly acked: bigint[] = [];
  readonly hidden: boolean[] = [];
  retries = 0;
  closed = false;
  private sink: (t: Telemetry) => void = () => {};

  start(sink: (t: Telemetry) => void): void {
    this.sink = sink;
  }

  feed(...all: Telemetry[]): void {
    for (const t of all) this.sink(t);
  }

  ack(version: bigint): void {
    this.acked.push(version);
  }

  setHidden(hidden: boolean): void {
    this.hidden.push(hidden);
  }

  retry(): void {
    this.retries++;
  }

  close(): void {
    this.closed = true;
  }
}
