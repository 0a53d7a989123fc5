import type { Telemetry, TelemetrySource } from "./source";
import type { ToWorker } from "./worker";

/** The TelemetrySource whose socket and decoding live in a worker. */
export class WorkerSource implements TelemetrySource {
  private readonly worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: "stream" });

  constructor(
    private readonly token: string,
    private readonly maxHz: number,
  ) {}

  start(sink: (t: Telemetry) => void): void {
    this.worker.onmessage = (e: MessageEvent<Telemetry>) => sink(e.data);
    this.worker.onerror = (e) => {
      sink({
        kind: "link",
        link: { state: "lost", reason: `the stream's worker ended: ${e.message}`, retryAt: undefined },
      });
    };
    this.post({ op: "start", base: location.origin, token: this.token, maxHz: this.maxHz });
  }

  ack(version: bigint): void {
    this.post({ op: "ack", version });
  }

  setHidden(hidden: boolean): void {
    this.post({ op: "hidden", hidden });
  }

  retry(): void {
    this.post({ op: "retry" });
  }

  close(): void {
    this.worker.terminate(); // its socket goes with it
  }

  private post(m: ToWorker): void {
    this.worker.postMessage(m);
  }
}
