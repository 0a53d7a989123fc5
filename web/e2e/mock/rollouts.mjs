// Rollouts that go through their steps by the clock, one robot at a time.
const steps = ["pulling", "waiting", "replacing", "verifying", "done"];
const stepMs = 200;
const slowStepMs = 2000;
const gates = [
  { name: "container", outcome: "pass", reason: "running" },
  { name: "nodes", outcome: "inconclusive", reason: "1 of 2 nodes are back" },
];
const digest = `sha256:${"cd34".repeat(16)}`;

/** A refusal as the service writes it. */
export class Refused extends Error {
  constructor(status, code, field, message) {
    super(message);
    Object.assign(this, { status, code, field });
  }
}

function check(spec) {
  if (!spec.image) throw new Refused(400, "invalid", "image", "is missing");
  if (spec.image.includes("missing")) {
    throw new Refused(400, "invalid", "image", "the registry has no such tag");
  }
  if (!spec.robots) throw new Refused(400, "invalid", "robots", 'is missing; "all" means every robot');
}

export class Rollouts {
  constructor(fleet, changed) {
    this.fleet = fleet;
    this.changed = changed;
    this.all = new Map();
    this.held = "";
  }

  plan(spec) {
    check(spec);
    const chosen = this.fleet.ids().filter((id) => spec.robots === "all" || spec.robots.split(",").includes(id));
    if (chosen.length === 0) throw new Refused(400, "invalid", "robots", "no robot matches");
    const now = new Date().toISOString();
    const robots = chosen.map((robot, i) => ({
      robot,
      engine: `engine-${robot}`,
      container: `${robot}-app`,
      wave: i === 0 ? 0 : 1,
      from: { ref: "registry.local/amr:1.0" },
      step: robot === "robot6" ? "skipped" : "queued",
      ...(robot === "robot6" ? { reason: "the engine is down" } : {}),
      since: now,
    }));
    const r = {
      id: `r-${this.all.size + 1}`,
      state: "running",
      reason: "",
      image: { ref: spec.image, repository: spec.image.split(":")[0], digest },
      created_at: now,
      created_by: "ann",
      started_at: now,
      waves: 2,
      revision: 1,
      spec: { max_unavailable: 1, ...spec },
      robots,
    };
    return this.count(r);
  }

  count(r) {
    r.counts = {};
    for (const { step } of r.robots) r.counts[step] = (r.counts[step] ?? 0) + 1;
    r.total = r.robots.length;
    r.ended = r.robots.filter((x) => x.step === "done" || x.step === "skipped").length;
    r.actions = r.state === "running" ? ["pause", "abort"] : r.state === "paused" ? ["resume", "abort"] : [];
    return r;
  }

  start(spec) {
    const r = this.plan(spec);
    this.all.set(r.id, r);
    this.tell(r, r.robots, true);
    const timer = setInterval(
      () => {
        if (this.advance(r)) clearInterval(timer);
      },
      spec.image.includes("slow") ? slowStepMs : stepMs,
    );
    return r;
  }

  /** One step on; true when the rollout has ended. */
  advance(r) {
    if (r.state === "paused") return false;
    const busy = r.robots.find((x) => steps.slice(0, -1).includes(x.step));
    const robot = busy ?? (r.state === "running" ? r.robots.find((x) => x.step === "queued") : undefined);
    if (robot === undefined) {
      const aborted = r.state === "stopping";
      r.state = aborted ? "aborted" : "completed";
      r.reason = aborted ? "aborted by ann" : "all robots are done or skipped";
      r.ended_at = new Date().toISOString();
      this.tell(r, [], false);
      return true;
    }
    robot.step = steps[steps.indexOf(robot.step) + 1];
    robot.since = new Date().toISOString();
    robot.reason = `entered ${robot.step}`;
    robot.gates = robot.step === "verifying" ? gates : undefined;
    if (robot.step === "done") this.fleet.images.set(robot.robot, r.image.ref);
    this.tell(r, [robot], false);
    return false;
  }

  act(id, action) {
    const r = this.all.get(id);
    if (r === undefined) throw new Refused(404, "not_found", undefined, `rollout ${id} is not known`);
    if (!r.actions.includes(action)) throw new Refused(409, "conflict", undefined, `the rollout is ${r.state}`);
    r.state = { pause: "paused", resume: "running", abort: "stopping" }[action];
    if (action === "abort") for (const x of r.robots) if (x.step === "queued") x.step = "skipped";
    this.tell(r, r.robots, true);
    return r;
  }

  tell(r, changedRobots, full) {
    r.revision++;
    this.count(r);
    this.changed({ op: "rollout", full, rollout: { ...r, robots: changedRobots } });
  }
}
