// A stand-in for the service, for the app's own tests: serves the built app,
// the API and the stream. POST /mock/<name> changes how it behaves. It prints its
// URL, and ends with whoever holds its standard input.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { WebSocketServer } from "ws";
import { cell, Fleet, map } from "./fleet.mjs";
import { Graph } from "./graph.mjs";
import { encodeTile } from "./png.mjs";
import { Refused, Rollouts } from "./rollouts.mjs";

const port = Number(process.env.PORT ?? 4790);
const dist = fileURLToPath(new URL("../../dist/", import.meta.url));
const tile = encodeTile(map.width, map.height, cell);
const tickMs = 100;

let fleet;
let graph;
let rollouts;
let token = "";
let user = { name: "ann", role: "engineer" };
let refuse = false;
const sessions = new Set();

function system() {
  return {
    version: "0.0.0-mock",
    started_at: new Date().toISOString(),
    ros: {
      domains: [{ id: 0, participants: 1, endpoints: 12, nodes: 1, ok: true, text: "only this manager takes part" }],
    },
    store: { ok: true, text: "" },
    runner: { id: "mock", self: true },
    rollouts_held: rollouts.held,
    counts: {
      robots: 0,
      live: 0,
      late: 0,
      stale: 0,
      offline: 0,
      unseen: 0,
      engines: 2,
      engines_up: 1,
      containers: 0,
      clients: 1,
    },
  };
}

function systemMessage() {
  return { op: "system", rollouts_held: rollouts.held, ros: { domain: 0, participants: 7, ok: true, text: "" } };
}

function reset() {
  for (const s of sessions) s.ws.close(1001, "the mock begins anew");
  fleet = new Fleet();
  graph = new Graph();
  rollouts?.end();
  rollouts = new Rollouts(fleet, broadcast);
  [token, user, refuse] = ["", { name: "ann", role: "engineer" }, false];
}

function broadcast(message) {
  for (const s of sessions) if (s.view) s.ws.send(JSON.stringify(message));
}

/** How a test changes the stand-in. */
const levers = {
  reset,
  "link-down": () => {
    refuse = true;
    for (const s of sessions) s.ws.terminate();
  },
  "link-up": () => {
    refuse = false;
  },
  "ask-token": () => {
    token = "secret";
  },
  "change-token": () => {
    token = "another";
    for (const s of sessions) s.ws.terminate();
  },
  viewer: () => {
    user = { name: "vic", role: "viewer" };
  },
  "publisher-gone": () => {
    graph.gone = true;
  },
  empty: () => {
    fleet.size = 0;
  },
  many: () => {
    fleet.size = 1000;
  },
  "lose-engines": () => {
    rollouts.lost = true;
  },
  unwell: () => {
    rollouts.unwell = true;
  },
  well: () => {
    rollouts.unwell = false;
  },
  hold: () => {
    rollouts.held = "the store cannot be reached";
    broadcast(systemMessage());
  },
};

async function body(req) {
  const parts = [];
  for await (const p of req) parts.push(p);
  return parts.length === 0 ? {} : JSON.parse(Buffer.concat(parts).toString() || "{}");
}

const routes = [
  ["GET", /^\/me$/, () => user],
  ["GET", /^\/robots$/, () => ({ epoch: fleet.epoch, version: "1", robots: fleet.ids().map((id) => fleet.robot(id)) })],
  ["GET", /^\/robots\/([^/]+)$/, (_, [id]) => fleet.robot(id)],
  ["GET", /^\/robots\/([^/]+)\/nodes$/, (_, [id]) => ({ nodes: graph.nodes(id) })],
  ["GET", /^\/robots\/([^/]+)\/echo$/, (url, [id]) => graph.echo(id, url.searchParams.get("topic"))],
  ["GET", /^\/robots\/([^/]+)\/parameters$/, (url, [id]) => graph.parametersOf(id, url.searchParams.get("node"))],
  ["POST", /^\/robots\/([^/]+)\/parameters$/, (_, [id], body) => graph.set(id, body)],
  ["GET", /^\/robots\/([^/]+)\/lifecycle$/, (url) => graph.lifecycle(url.searchParams.get("node"))],
  ["POST", /^\/robots\/([^/]+)\/lifecycle$/, (_, __, body) => graph.change(body)],
  ["GET", /^\/engines$/, () => ({ engines: fleet.engines() })],
  ["GET", /^\/maps$/, () => ({ maps: [map] })],
  ["GET", /^\/maps\/[^/]+\/0\/0\.png$/, () => tile],
  [
    "GET",
    /^\/events$/,
    (url) => {
      const since = Number(url.searchParams.get("since") ?? 0);
      return { events: fleet.events.filter((e) => e.seq > since), gap: false, last: fleet.events.length };
    },
  ],
  ["GET", /^\/system$/, system],
  ["GET", /^\/images$/, () => ({ tags: ["1.0", "2.0"] })],
  ["POST", /^\/stream\/ticket$/, () => ({ ticket: "t", expires_at: new Date().toISOString() })],
  ["GET", /^\/rollouts$/, () => ({ rollouts: [...rollouts.all.values()].map((r) => ({ ...r, robots: undefined })) })],
  ["GET", /^\/rollouts\/([^/]+)$/, (_, [id]) => rollouts.all.get(id)],
  [
    "POST",
    /^\/rollouts$/,
    (url, _, spec) => (url.searchParams.get("dry_run") === "1" ? rollouts.plan(spec) : rollouts.start(spec)),
  ],
  [
    "POST",
    /^\/rollouts\/([^/]+)\/(pause|resume|abort|approve|rollback|skip|retry|override)$/,
    (_, [id, action], wish) => rollouts.act(id, action, wish),
  ],
  ["GET", /^\/locks$/, () => ({ locks: rollouts.locks })],
  ["POST", /^\/robots\/([^/]+)\/lock$/, (_, [id], { reason }) => rollouts.lock(id, reason)],
  ["POST", /^\/robots\/([^/]+)\/unlock$/, (_, [id]) => rollouts.unlock(id)],
];

async function api(req, url) {
  const path = url.pathname.slice("/api/v1".length);
  if (token !== "" && req.headers.authorization !== `Bearer ${token}`) {
    throw new Refused(401, "unauthorized", undefined, "a bearer token is needed");
  }
  for (const [method, pattern, answer] of routes) {
    const found = method === req.method ? pattern.exec(path) : null;
    if (found === null) continue;
    const value = await answer(url, found.slice(1).map(decodeURIComponent), await body(req));
    if (value !== undefined) return value;
  }
  throw new Refused(404, "not_found", undefined, `${path} is not known`);
}

const types = { ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".woff2": "font/woff2" };

async function file(url, res) {
  const name = normalize(url.pathname);
  const path = extname(name) === "" ? "index.html" : name;
  try {
    const bytes = await readFile(join(dist, path));
    res.setHeader("Content-Type", types[extname(path)] ?? "text/html");
    res.end(bytes);
  } catch {
    res.writeHead(404).end();
  }
}

const server = createServer(async (req, res) => {
  const url = new URL(req.url, "http://mock");
  if (url.pathname.startsWith("/mock/")) {
    levers[url.pathname.slice(6)]();
    res.end();
    return;
  }
  if (!url.pathname.startsWith("/api/")) {
    await file(url, res);
    return;
  }
  try {
    const value = await api(req, url);
    res.setHeader("Content-Type", Buffer.isBuffer(value) ? "image/png" : "application/json");
    // A text is JSON already, with numbers that JavaScript would round.
    res.end(Buffer.isBuffer(value) || typeof value === "string" ? value : JSON.stringify(value));
  } catch (e) {
    const { status = 500, code = "internal", field } = e;
    res.writeHead(status, { "Content-Type": "application/json" });
    res.end(JSON.stringify({ error: { code, field, message: e.message, request_id: "mock" } }));
  }
});

const wss = new WebSocketServer({ noServer: true, handleProtocols: () => "muster.stream.v1" });

server.on("upgrade", (req, socket, head) => {
  const url = new URL(req.url, "http://mock");
  if (refuse || (token !== "" && url.searchParams.get("ticket") === null)) {
    socket.destroy();
    return;
  }
  wss.handleUpgrade(req, socket, head, (ws) => {
    const session = { ws, view: false, unacked: 0 };
    sessions.add(session);
    ws.on("close", () => sessions.delete(session));
    ws.on("message", (text) => hear(session, JSON.parse(text)));
    const time = new Date().toISOString();
    const hello = { server: "mock", version: "0", session: "s", epoch: fleet.epoch, tick_ms: tickMs, credits: 4 };
    ws.send(JSON.stringify({ op: "hello", ...hello, server_time: time, user }));
  });
});

function hear(session, message) {
  const send = (m) => session.ws.send(JSON.stringify(m));
  if (message.op === "ack") session.unacked = 0;
  if (message.op !== "subscribe") return;
  send({ op: "subscribed", sid: message.sid, view: 1, version: "0" });
  send({ op: "dict", view: 1, robots: fleet.dict() });
  send({ op: "state", view: 1, from: "0", version: "1", full: true, robots: fleet.states() });
  send({ op: "engines", engines: fleet.engines() });
  for (const r of rollouts.all.values()) send({ op: "rollout", full: true, rollout: r });
  send(systemMessage());
  session.view = true;
}

reset();
setInterval(() => {
  const frame = fleet.frame();
  for (const s of sessions) {
    if (!s.view || s.unacked >= 4) continue;
    s.unacked++;
    s.ws.send(frame);
  }
}, tickMs);
server.listen(port, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
process.stdin.on("end", () => process.exit()).resume();
