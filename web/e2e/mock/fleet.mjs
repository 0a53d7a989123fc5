// Six robots on a small hall; robot6 has been offline since before the start.
// In m/s: so slow that a map which is drawn late on a busy machine is within half a metre of it.
const speed = 0.2;
const qualities = ["live", "late", "stale", "offline", "unseen"];

export const map = {
  hash: "sha256:hall",
  frame: "map",
  width: 480,
  height: 320,
  resolution: 0.05,
  origin_x: -12,
  origin_y: -8,
  origin_yaw: 0,
  tile: 512,
  cols: 1,
  rows: 1,
};

/** Walls around, shelves within, and a corner that nobody has seen. */
export function cell(x, y) {
  if (x > 400 && y > 260) return -1;
  if (x < 3 || y < 3 || x >= 477 || y >= 317) return 100;
  const shelf = x % 120 > 40 && x % 120 < 80 && y % 110 > 45 && y % 110 < 57;
  return shelf ? 100 : 0;
}

const digest = `sha256:${"ab12".repeat(16)}`;

export class Fleet {
  constructor() {
    this.epoch = `mock-${process.pid}-${Date.now()}`;
    this.version = 1n;
    this.heard6 = Date.now() - 42_000;
    this.images = new Map();
    this.events = [];
    this.size = 6;
    this.event("alarm", "robot.offline", "robot6 is offline", { robot: "robot6" });
  }

  ids() {
    return Array.from({ length: this.size }, (_, i) => `robot${i + 1}`);
  }

  event(severity, kind, text, about = {}) {
    const e = { seq: this.events.length + 1, time: new Date().toISOString(), severity, kind, text, ...about };
    this.events.push(e);
    return e;
  }

  /** Where robot h is at a time in ms: on a circle of its own. */
  pose(h, at = Date.now()) {
    const t = (h === 6 ? this.heard6 : at) / 1000;
    const radius = 1 + (h % 40) * 0.4;
    const rowOf = Math.floor(h / 40);
    const angle = (t * speed) / radius + h;
    const yaw = (angle + Math.PI / 2) % (2 * Math.PI);
    return {
      x: -7 + (h % 40) * 2.2 + radius * Math.cos(angle) * 0.6,
      y: rowOf * 3 + radius * Math.sin(angle),
      yaw,
      speed: h === 6 ? 0 : speed,
    };
  }

  quality(h) {
    return h === 6 ? "offline" : h === 5 ? "late" : "live";
  }

  battery(h) {
    const charge = h === 4 ? 0.09 : 0.5 + (h % 7) * 0.07;
    return {
      charge,
      voltage: 24.5,
      current: -1.25,
      charging: false,
      status: "discharging",
      receive_time: new Date(Date.now() - 700).toISOString(),
    };
  }

  image(h) {
    return this.images.get(`robot${h}`) ?? "registry.local/amr:1.0";
  }

  dict() {
    return this.ids().map((id, i) => ({
      h: i + 1,
      id,
      namespace: `/${id}`,
      labels: { site: i < 3 ? "hall-1" : "hall-2" },
      map: map.hash,
    }));
  }

  lastSeen(h) {
    return new Date(h === 6 ? this.heard6 : Date.now()).toISOString();
  }

  states() {
    return this.ids().map((id, i) => {
      const h = i + 1;
      return {
        h,
        quality: this.quality(h),
        last_seen: this.lastSeen(h),
        localised: true,
        battery: this.battery(h),
        diagnostics: h === 3 ? { worst: "error", texts: ["lidar: no scan for 3 s"] } : { worst: "ok", texts: [] },
        engine: `engine-${id}`,
        containers: [
          { name: `${id}-app`, role: "current", state: "running", health: "healthy", image: this.image(h), devices: 3 },
        ],
        nodes: 2,
        sources: ["container", "domain"],
      };
    });
  }

  /** The robot whole, as GET /robots/{id} gives it. */
  robot(id) {
    const h = this.ids().indexOf(id) + 1;
    if (h === 0) return undefined;
    const pose = this.pose(h);
    const state = this.states()[h - 1];
    const time = state.last_seen;
    return {
      id,
      namespace: `/${id}`,
      domain: 0,
      engine: `engine-${id}`,
      labels: { site: h < 4 ? "hall-1" : "hall-2" },
      sources: state.sources,
      quality: state.quality,
      last_seen: time,
      map: map.hash,
      pose: { ...pose, turn: 0.2, frame: "map", localised: true, source_time: time, receive_time: time },
      battery: state.battery,
      diagnostics: {
        worst: state.diagnostics.worst,
        receive_time: time,
        items: [
          { name: "lidar", level: h === 3 ? "error" : "ok", message: h === 3 ? "no scan for 3 s" : "scans at 10 Hz" },
          { name: "motors", level: "ok", message: "temperature 41 °C", values: { left: "41", right: "40" } },
        ],
      },
      nodes: [
        { name: "driver", namespace: `/${id}`, host: `host-${id}` },
        { name: "localisation", namespace: `/${id}` },
      ],
      topics: [
        { name: `/${id}/odom`, type: "nav_msgs/msg/Odometry", publishers: 1, hz: 20, usual_hz: 20, last: time },
        { name: `/${id}/scan`, type: "sensor_msgs/msg/LaserScan", publishers: 1, hz: 3, usual_hz: 10, last: time },
        { name: `/${id}/secret`, type: "acme_msgs/msg/Secret", publishers: 1, hz: 0, usual_hz: 0 },
        {
          name: `/${id}/image`,
          type: "sensor_msgs/msg/Image",
          publishers: 1,
          hz: 0,
          usual_hz: 0,
          problem: "incompatible QoS: a publisher's reliability does not match our reliable, volatile subscription",
        },
      ],
      containers: [
        {
          id: `${h}`.repeat(64),
          name: `${id}-app`,
          engine: `engine-${id}`,
          robot_id: id,
          domain: 0,
          image: { ref: this.image(h), digest },
          role: "current",
          state: "running",
          health: "healthy",
          restarts: 0,
          exit_code: 0,
          started_at: new Date(Date.now() - 3_600_000).toISOString(),
          devices: [
            { kind: "node", host: "/dev/ttyUSB0", container: "/dev/lidar", permissions: "rwm" },
            { kind: "request", request: "nvidia: all [gpu]" },
            { kind: "cgroup-rule", rule: "c 13:* rmw" },
          ],
        },
      ],
    };
  }

  engines() {
    return this.ids().map((id) => ({
      name: `engine-${id}`,
      endpoint: `tcp://${id}:2376`,
      state: id === "robot6" ? "down" : "up",
      ...(id === "robot6"
        ? { error: "connection refused" }
        : { version: "27.1", api: "1.46", os: "linux", arch: "arm64" }),
      since: new Date(Date.now() - 60_000).toISOString(),
    }));
  }

  /** A full POSE frame. */
  frame() {
    const n = this.ids().length;
    const b = Buffer.alloc(32 + Math.ceil((n * 21) / 4) * 4);
    this.version++;
    b.writeUInt8(1, 0);
    b.writeUInt8(1, 1);
    b.writeUInt16LE(1, 2);
    b.writeUInt32LE(n, 4);
    b.writeBigUInt64LE(this.version, 16);
    b.writeBigInt64LE(BigInt(Date.now()), 24);
    for (let i = 0; i < n; i++) {
      const h = i + 1;
      const p = this.pose(h);
      const age = h === 6 ? Math.min(65535, Math.round((Date.now() - this.heard6) / 10)) : 0;
      b.writeUInt32LE(h, 32 + 4 * i);
      b.writeInt32LE(Math.round(p.x * 1000), 32 + 4 * n + 4 * i);
      b.writeInt32LE(Math.round(p.y * 1000), 32 + 8 * n + 4 * i);
      b.writeUInt16LE(Math.round((p.yaw / (2 * Math.PI)) * 65536) & 0xffff, 32 + 12 * n + 2 * i);
      b.writeInt16LE(Math.round(p.speed * 1000), 32 + 14 * n + 2 * i);
      b.writeUInt16LE(age, 32 + 18 * n + 2 * i);
      b.writeUInt8(1 | (qualities.indexOf(this.quality(h)) << 1), 32 + 20 * n + i);
    }
    return b;
  }
}
