import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { age, bytes, degrees, duration, fixed, hertz, shortDigest, shortImage } from "../ui/format";
import { changed, formatRoute, parseRoute } from "../ui/route";
import { checkOf } from "./checktext";
import { emptyForm, type Form, notANumber, specOf } from "./rolloutform";
import { atATime, kindCounts } from "./rolloutsteps";

describe("route", () => {
  it.each([
    ["/", ""],
    ["/robots/robot%2F1", "?q=hall+2&show=offline"],
    ["/robots/robot1", "?topic=%2Frobot1%2Fscan"],
    ["/robots/robot1", "?node=%2Frobot1%2Fdriver"],
    ["/rollouts", "?roll-out=all"],
    ["/rollouts/r-1", ""],
    ["/events", ""],
  ])("%s%s goes there and back", (path, search) => {
    expect(formatRoute(parseRoute(path, search))).toBe(path + search);
  });

  it("opens a topic or a node, of a robot only", () => {
    expect(parseRoute("/robots/robot1", "?topic=%2Fa&node=%2Fb")).toMatchObject({ topic: "/a", node: undefined });
    expect(parseRoute("/", "?topic=%2Fa")).toMatchObject({ topic: undefined });
  });

  it("leaves the topic behind with its robot, and keeps it otherwise", () => {
    const r = parseRoute("/robots/robot1", "?topic=%2Frobot1%2Fscan&q=hall");
    expect(changed(r, { q: "" }).topic).toBe("/robot1/scan");
    expect(changed(r, { id: "robot2" })).toMatchObject({ topic: undefined, q: "hall" });
    expect(changed(r, { section: "events" }).topic).toBeUndefined();
  });

  it("takes what it does not know for the fleet", () => {
    expect(parseRoute("/nonsense/x", "?show=nonsense")).toMatchObject({ section: "robots", show: "all" });
    expect(parseRoute("/robots/%E0%A4%A", "")).toMatchObject({ id: "%E0%A4%A" });
  });
});

describe("specOf", () => {
  it("leaves the defaults to the server", () => {
    expect(specOf({ ...emptyForm, image: " amr:2 " })).toEqual({ image: "amr:2", robots: "all" });
  });

  it("carries all that was asked for", () => {
    const form = { ...emptyForm, image: "amr:2", canary: "2", minBattery: "40", window: "30s", moving: true };
    expect(specOf(form)).toEqual({
      image: "amr:2",
      robots: "all",
      canary: 2,
      before: { moving: true, min_battery: 0.4 },
      after: { window: "30s" },
    });
  });

  it("says a zero that was typed", () => {
    const zeros = { ...emptyForm, image: "amr:2", canary: "0", pullAhead: "0", window: "0s", minRate: "0" };
    expect(specOf(zeros)).toEqual({
      image: "amr:2",
      robots: "all",
      canary: 0,
      pull_ahead: 0,
      after: { window: "0s", min_rate: 0 },
    });
  });

  // The file that the command's flags and the sample in YAML are measured by, too; a
  // Go test shows that it says every field.
  it("makes the spec that says every field", () => {
    const want: unknown = JSON.parse(
      readFileSync(new URL("../../../internal/rollout/testdata/everyfield.json", import.meta.url), "utf8"),
    );
    const form: Form = {
      image: "registry.example.com/amr:2.0",
      robots: "hall=north,robot1",
      container: "amr",
      canary: "",
      waves: "1, 10%, hall=north",
      soak: "10m",
      maxUnavailable: "20%",
      maxPer: "station=1, rack=2",
      pullAhead: "3",
      maxFailures: "5%",
      onFailure: "roll-back-wave",
      offline: "block",
      conflict: "queue",
      approval: "each",
      approvalRole: "operator",
      otherPerson: true,
      moving: true,
      idle: "",
      charging: true,
      minBattery: "40",
      windows: "mon-fri 22:00-05:00; sat-sun 00:00-24:00",
      timeZone: "Europe/Berlin",
      wavePulled: true,
      minFree: "2",
      window: "30s",
      minRate: "50",
      maxRestarts: "2",
      nodes: "planner, /shared/map_server",
      topics: "scan=9.5",
      checks: "localised:10s=exec:/opt/check --within '0.5 m'\n\nweb=http://{host}:8080/health?robot={robot}\n",
      skipNodes: true,
      skipTopics: true,
      skipDiagnostics: true,
      keepImages: true,
      pull: "20m",
      wait: "2h",
      replace: "90s",
      verify: "3m",
      rollback: "4m",
      note: "the planner of May",
    };
    expect(specOf(form)).toEqual(want);
    // What contradicts others of it.
    expect(specOf({ ...emptyForm, canary: "2", idle: "2m" })).toMatchObject({ canary: 2, before: { idle: "2m" } });
  });

  it("has an input for each of its fields", () => {
    const source = ["rolloutfields", "advancedfields"]
      .map((file) => readFileSync(new URL(`./${file}.tsx`, import.meta.url), "utf8"))
      .join("");
    expect(Object.keys(emptyForm).filter((name) => !source.includes(`name="${name}"`))).toEqual([]);
  });

  it("says nothing of an approval that no wave waits for", () => {
    expect(specOf({ ...emptyForm, approvalRole: "operator", otherPerson: true }).approval).toBeUndefined();
  });

  it("leaves a check that is wrong to the server", () => {
    expect(["", "a", "a=exec:", "a=ftp://x", "a=exec:sh -c \"x \\\"y\\\" 'z'\" ''"].map(checkOf)).toEqual([
      { name: "", http: "" },
      { name: "a", http: "" },
      { name: "a", command: [] },
      { name: "a", http: "ftp://x" },
      { name: "a", command: ["sh", "-c", "x \"y\" 'z'", ""] },
    ]);
  });

  it("names the field of what is not a number", () => {
    expect(notANumber({ ...emptyForm, topics: "scan=10, odom=fast" })?.field).toBe("after.topics");
    expect(notANumber(emptyForm)).toBeUndefined();
    expect(notANumber({ ...emptyForm, minRate: "most" })?.field).toBe("after.min_rate");
  });
});

describe("atATime", () => {
  it("says both limits", () => {
    const spec = { image: "amr:2", robots: "all", max_unavailable: "10%" };
    expect(atATime({ spec })).toBe("10% at a time");
    expect(atATime({ spec, fleet_limit: 5 })).toBe("10% at a time, and 5 of the whole fleet");
  });
});

describe("kindCounts", () => {
  it("adds steps up by kind, in the order of the bar", () => {
    expect(kindCounts({ queued: 2, pulling: 1, verifying: 1, done: 3, "rolled-back": 1 })).toEqual([
      ["done", 3],
      ["bad", 1],
      ["busy", 2],
      ["queued", 2],
    ]);
  });
});

describe("format", () => {
  it("says times, angles and rates as people do", () => {
    expect([900, 42_000, 600_000, 7_300_000, 400_000_000].map(age)).toEqual(["0 s", "42 s", "10 min", "2 h", "4 d"]);
    expect(duration(1234)).toBe("1.2 s");
    expect([0, Math.PI / 2, (3 * Math.PI) / 2].map(degrees)).toEqual(["0°", "90°", "-90°"]);
    expect([0, 2.04, 19.97].map(hertz)).toEqual(["0 Hz", "2.0 Hz", "20 Hz"]);
    expect([999, 1500, 2_340_000].map(bytes)).toEqual(["999 B", "1.5 kB", "2.3 MB"]);
    expect(fixed(-0.001, 2)).toBe("0.00");
    expect(["r:5/a/amr:2", `r/amr@sha256:${"0123456789abcdef".repeat(4)}`].map(shortImage)).toEqual([
      "amr:2",
      "amr@0123456789ab",
    ]);
    expect(shortDigest("sha256:0123456789abcdef")).toBe("sha256:0123456789ab");
  });
});
