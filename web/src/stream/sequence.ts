// Where this client stands in the server's sequence: what it may resume from,
// and whether a frame follows on what it has. Pure.

/** Which part of the sequence a frame belongs to. */
export type Lane = "state" | "pose";

export class Sequence {
  private epoch = "";
  private readonly at: Record<Lane, bigint> = { state: 0n, pose: 0n };
  private event: number | undefined;

  /** A session began. True when it is another epoch: nothing of before holds. */
  hello(epoch: string): boolean {
    const changed = this.epoch !== epoch;
    if (changed) {
      this.epoch = epoch;
      this.anew();
    }
    return changed;
  }

  /** The server goes on from this version. True when it begins anew. */
  subscribed(version: string): boolean {
    const v = BigInt(version);
    if (v === 0n) this.anew();
    else this.at.state = this.at.pose = v;
    return v === 0n;
  }

  /** Takes a frame in; false when frames before it are missing. */
  frame(lane: Lane, from: bigint, version: bigint): boolean {
    if (from > this.at[lane]) return false;
    if (version > this.at[lane]) this.at[lane] = version;
    return true;
  }

  /** Takes an event in; false when it is one that was seen before. */
  sawEvent(seq: number, gap: boolean): boolean {
    if (!gap && this.event !== undefined && seq <= this.event) return false;
    this.event = seq;
    return true;
  }

  /** What a new session may go on from, if anything. */
  resume(): { since?: { epoch: string; version: string }; events_since?: number } {
    let version = this.at.pose;
    if (this.at.state < version) version = this.at.state;
    const out: { since?: { epoch: string; version: string }; events_since?: number } = {};
    if (this.epoch !== "" && version > 0n) out.since = { epoch: this.epoch, version: version.toString() };
    if (this.event !== undefined) out.events_since = this.event;
    return out;
  }

  private anew(): void {
    this.at.state = this.at.pose = 0n;
  }
}
