import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { startPolling } from "./polling";

class FakePage extends EventTarget {
  hidden = false;
  show(seen: boolean): void {
    this.hidden = !seen;
    this.dispatchEvent(new Event("visibilitychange"));
  }
}

/** Readings that last as long as a test says; fails where it says so. */
function bench(lastsMs: () => number, fails: () => boolean = () => false) {
  const page = new FakePage();
  const took: number[] = [];
  const failed: string[] = [];
  let begun = 0;
  let open = 0;
  let most = 0;
  const stop = startPolling<number>({
    page,
    everyMs: 1000,
    take: (n) => took.push(n),
    fail: (cause) => failed.push(String(cause)),
    read: (signal) => {
      const n = ++begun;
      most = Math.max(most, ++open);
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          open--;
          if (fails()) reject(new Error("no"));
          else resolve(n);
        }, lastsMs());
        signal.addEventListener("abort", () => {
          open--;
          clearTimeout(timer);
          reject(signal.reason);
        });
      });
    },
  });
  return { page, took, failed, stop, begun: () => begun, most: () => most };
}

describe("startPolling", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("reads once a second, from start to start", async () => {
    const b = bench(() => 300);
    await vi.advanceTimersByTimeAsync(3400);
    expect(b.took).toEqual([1, 2, 3, 4]);
    b.stop();
  });

  it("asks a late service again after a rest, one request at a time", async () => {
    const b = bench(() => 5000);
    await vi.advanceTimersByTimeAsync(5050);
    expect(b.begun()).toBe(1);
    await vi.advanceTimersByTimeAsync(100);
    expect(b.begun()).toBe(2);
    expect(b.most()).toBe(1);
    b.stop();
  });

  it("goes on after a failure", async () => {
    let down = true;
    const b = bench(
      () => 10,
      () => down,
    );
    await vi.advanceTimersByTimeAsync(500);
    expect(b.failed).toEqual(["Error: no"]);
    down = false;
    await vi.advanceTimersByTimeAsync(1000);
    expect(b.took).toEqual([2]);
    b.stop();
  });

  it("stops while the page is hidden, gives up what is under way, and reads at once when it is seen", async () => {
    const b = bench(() => 300);
    await vi.advanceTimersByTimeAsync(100);
    b.page.show(false);
    await vi.advanceTimersByTimeAsync(10_000);
    expect([b.begun(), b.took, b.failed]).toEqual([1, [], []]);
    b.page.show(true);
    await vi.advanceTimersByTimeAsync(300);
    expect(b.took).toEqual([2]);
    b.stop();
  });

  it("neither takes nor asks anything once it has ended", async () => {
    const b = bench(() => 300);
    await vi.advanceTimersByTimeAsync(100);
    b.stop();
    b.page.show(true);
    await vi.advanceTimersByTimeAsync(10_000);
    expect([b.begun(), b.took, b.failed]).toEqual([1, [], []]);
  });
});
