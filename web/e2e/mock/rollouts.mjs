// Rollouts that go through their steps by the clock, one robot at a time.
const steps = ["pulling", "waiting", "replacing", "verifying", "done"];
const stepMs = 50;
const gates = [
  { name: "container", outcome: "pass", reason: "running" },
  { name: "nodes", outcome: "inconclusive", reason: "1 of 2 nodes are back" },
];
const endedStates = ["completed", "failed", "aborted", "rolled-back"];
const endedSteps = ["done", "skipped", "failed", "rolled-back", "needs-operator"];
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
  const wrong = spec.after?.checks?.findIndex((c) => !c.command && !c.http) ?? -1;
  if (wrong >= 0) {
    const why = `${spec.after.checks[wrong].name}: wants either a command or an http address`;
    throw new Refused(400, "invalid", `after.checks[${wrong}]`, why);
  }
  if (!spec.robots) throw new Refused(400, "invalid", "robots", 'is missing; "all" means every robot');
}

export class Rollouts {
  constructor(fleet, changed) {
    this.fleet = fleet;
    this.changed = changed;
    this.all = new Map();
    this.held = "";
    this.locks = [];
    this.timers = [];
    this.lost = false; // the engines of robots in hand do not answer
    this.unwell = false; // robots that are verified do not pass their gates
  }

  /** Ends all that still goes on: the next test begins anew. */
  end() {
    for (const t of this.timers) clearInterval(t);
  }

  lock(robot, reason) {
    this.unlock(robot);
    this.locks.push({ robot, by: "ann", reason, at: new Date().toISOString() });
    return { locks: this.locks };
  }

  unlock(robot) {
    this.locks = this.locks.filter((l) => l.robot !== robot);
    return { locks: this.locks };
  }

  /** Why a robot stays at its step; undefined when it does not. */
  waits(r, x) {
    const inHand = x.step === "replacing" || x.step === "verifying";
    if (inHand && this.lost) return { why: `engine engine-${x.robot} is down: connection refused` };
    if (x.step === "verifying" && this.unwell) return { gates };
    if (x.step !== "waiting") return undefined;
    const lock = this.locks.find((l) => l.robot === x.robot);
    if (r.approval === x.wave) return { why: "the wave waits for the approval of a person who is engineer", gates: [] };
    if (lock === undefined || x.override) return undefined;
    const reason = `locked by ${lock.by}: ${lock.reason}`;
    return { why: `waits for its gates: ${reason}`, gates: [{ name: "lock", outcome: "fail", reason }] };
  }

  /** What can be done with a robot, as the service says it. */
  robotActions(r, x) {
    if (endedStates.includes(r.state)) return [];
    switch (x.step) {
      case "waiting":
        return ["skip", "override"];
      case "queued":
      case "pulling":
        return ["skip"];
      case "replacing":
      case "verifying":
        return this.lost ? ["retry", "rollback", "skip"] : ["retry", "rollback"];
      case "done":
        return ["rollback"];
      case "skipped":
        return ["retry"];
      case "needs-operator":
        return ["retry", "skip", "rollback"];
      default:
        return [];
    }
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
      ...(spec.approval?.before === undefined ? {} : { approval: 0 }),
    };
    return this.count(r);
  }

  count(r) {
    r.counts = {};
    for (const x of r.robots) {
      r.counts[x.step] = (r.counts[x.step] ?? 0) + 1;
      x.actions = this.robotActions(r, x);
    }
    r.total = r.robots.length;
    r.ended = r.robots.filter((x) => endedSteps.includes(x.step)).length;
    const changed = r.robots.some((x) => x.step === "done");
    r.actions =
      {
        running: ["pause", "abort", "rollback", ...(r.approval === undefined ? [] : ["approve"])],
        paused: ["resume", "abort", "rollback"],
      }[r.state] ?? (changed && endedStates.includes(r.state) ? ["rollback"] : []);
    return r;
  }

  start(spec, undoes) {
    const r = { ...this.plan(spec), undoes };
    this.all.set(r.id, r);
    this.tell(r, r.robots, true);
    const timer = setInterval(() => {
      if (this.advance(r)) clearInterval(timer);
    }, stepMs);
    this.timers.push(timer);
    return r;
  }

  /** One step on; true when the rollout has ended. */
  advance(r) {
    if (r.state === "paused") return false;
    const busy = r.robots.find((x) => x.step === "rolling-back" || steps.slice(0, -1).includes(x.step));
    const robot = busy ?? (r.state === "running" ? r.robots.find((x) => x.step === "queued") : undefined);
    if (robot === undefined) {
      r.state = r.ending ?? "completed";
      r.reason = r.ending === undefined ? "all robots are done or skipped" : `${r.ending} by ann`;
      r.ended_at = new Date().toISOString();
      this.tell(r, r.robots, true);
      return true;
    }
    const wait = this.waits(r, robot);
    [robot.why, robot.gates] = [wait?.why, wait?.gates];
    if (robot.step === "rolling-back") this.enter(r, robot, "rolled-back", robot.reason);
    else if (wait === undefined) this.enter(r, robot, steps[steps.indexOf(robot.step) + 1]);
    this.tell(r, [robot], false);
    return false;
  }

  enter(r, robot, step, reason = `entered ${step}`) {
    Object.assign(robot, { step, reason, since: new Date().toISOString(), why: undefined });
    robot.gates = step === "verifying" ? gates : undefined;
    if (step === "done") this.fleet.images.set(robot.robot, r.image.ref);
  }

  act(id, action, { robot, reason = "", wave }) {
    const r = this.all.get(id);
    if (r === undefined) throw new Refused(404, "not_found", undefined, `rollout ${id} is not known`);
    const x = r.robots.find((x) => x.robot === robot);
    if (!(x ?? r).actions.includes(action)) throw new Refused(409, "conflict", undefined, `the rollout is ${r.state}`);
    if (action === "override" && reason === "") {
      throw new Refused(400, "invalid", "reason", "is missing: say why the robot's lock is overridden");
    }
    if (x === undefined && action === "rollback" && endedStates.includes(r.state)) {
      const changed = r.robots.filter((x) => x.step === "done").map((x) => x.robot);
      return this.start({ image: "registry.local/amr:1.0", robots: changed.join(",") }, r.id);
    }
    if (x === undefined) this.steer(r, action, wave);
    else this.steerRobot(r, x, action, reason);
    this.tell(r, r.robots, true);
    return r;
  }

  steer(r, action, wave) {
    if (action === "approve") {
      if (wave !== r.approval) throw new Refused(409, "conflict", undefined, `it is wave ${r.approval} that waits now`);
      r.approved = [{ wave, by: "ann", at: new Date().toISOString() }];
      r.approval = undefined;
      return;
    }
    r.state = { pause: "paused", resume: "running", abort: "stopping", rollback: "stopping" }[action];
    if (r.state === "stopping") r.ending = action === "abort" ? "aborted" : "rolled-back";
    for (const x of r.robots) {
      if (r.state === "stopping" && ["queued", "pulling", "waiting"].includes(x.step)) x.step = "skipped";
      if (action === "rollback" && ["done", "replacing", "verifying"].includes(x.step)) x.step = "rolling-back";
    }
  }

  steerRobot(r, x, action, reason) {
    const why = `by ann: ${reason}`;
    if (action === "override") x.override = reason;
    else if (action === "rollback") this.enter(r, x, "rolling-back", `rolled back ${why}`);
    else if (action === "retry") this.enter(r, x, "queued", `tried again ${why}`);
    else if (x.step === "needs-operator") this.enter(r, x, "skipped", `put right ${why}`);
    else if (this.lost) this.enter(r, x, "needs-operator", `given up ${why}`);
    else this.enter(r, x, "skipped", `skipped ${why}`);
    if (x.step === "needs-operator") this.lost = false;
  }

  tell(r, changedRobots, full) {
    r.revision++;
    this.count(r);
    this.changed({ op: "rollout", full, rollout: { ...r, robots: changedRobots } });
  }
}
