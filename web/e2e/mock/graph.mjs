// The ROS graph of each robot: a managed driver, and a localisation whose
// services the manager cannot call.
import { Refused } from "./rollouts.mjs";

const foreign =
  "call list_parameters: its server runs on another DDS implementation, whose services Cyclone DDS cannot call " +
  "(rmw_cyclonedds and rmw_fastrtps identify requests in different ways); run the node with rmw_cyclonedds_cpp";
const after = {
  configure: "inactive",
  activate: "active",
  deactivate: "inactive",
  cleanup: "unconfigured",
  shutdown: "finalized",
};
const owned = ["list_parameters", "get_parameters", "set_parameters"];

function endpoint(name, type, guid, reliability = "reliable") {
  return {
    name,
    type,
    type_hash: "",
    guid,
    qos: { reliability, durability: "volatile", history: "keep_last", depth: 5 },
  };
}

function services(node, names) {
  return names.map((n) => endpoint(`${node}/${n}`, "rcl_interfaces/srv/Any", `${node}-${n}`));
}

export class Graph {
  constructor() {
    this.gone = false;
    this.state = "active";
    this.seq = 0;
    this.parameters = {
      max_speed: 0.8,
      frame: "base_link",
      use_sim_time: false,
      gains: [1.5, 0.25, 0.01],
      serial: 7,
    };
  }

  nodes(id) {
    const at = (name) => `/${id}/${name}`;
    const about = { enclave: "/", host: `host-${id}`, participant: "0110", clients: [], action_servers: [] };
    return [
      {
        ...about,
        name: at("driver"),
        publishers: [
          endpoint(at("odom"), "nav_msgs/msg/Odometry", "g1"),
          endpoint(at("scan"), "sensor_msgs/msg/LaserScan", "g2", "best_effort"),
          endpoint("/tf", "tf2_msgs/msg/TFMessage", "g3"),
        ],
        subscriptions: [endpoint(at("cmd_vel"), "geometry_msgs/msg/Twist", "g4")],
        services: services(at("driver"), [...owned, "get_state", "change_state"]),
      },
      {
        ...about,
        name: at("localisation"),
        publishers: [],
        subscriptions: [endpoint(at("scan"), "sensor_msgs/msg/LaserScan", "g5", "best_effort")],
        services: services(at("localisation"), owned),
      },
    ];
  }

  async echo(id, topic) {
    const name = topic.slice(`/${id}/`.length);
    if (name === "secret") {
      throw new Refused(400, "invalid", "topic", "topic: the type acme_msgs/msg/Secret has no definition here");
    }
    if (name === "image") throw new Refused(503, "unavailable", undefined, `no sample of ${topic} came within 5s`);
    if (name === "cmd_vel" || this.gone)
      throw new Refused(404, "not_found", undefined, `open ${topic}: nobody publishes it`);
    const now = new Date().toISOString();
    const type = name === "odom" ? "nav_msgs/msg/Odometry" : "sensor_msgs/msg/LaserScan";
    const about = { topic, type, type_hash: "", bytes: 2948, source_time: now, receive_time: now };
    return JSON.stringify({ ...about, message: this.message(++this.seq) }).replace('"NANOS"', "1764000000123456789");
  }

  message(seq) {
    return {
      header: { stamp: { sec: 1764000000, nanosec: 123 }, frame_id: "lidar" },
      seq,
      nanos: "NANOS",
      note: "long ".repeat(100),
      // Neither the count nor the width of what is shown is the same twice.
      range_min: seq % 2 === 0 ? 0.1 : 0.123456,
      ranges: { length: 360, first: Array.from({ length: 100 }, (_, i) => i / 8) },
    };
  }

  parametersOf(id, node) {
    if (node === `/${id}/localisation`) throw new Refused(409, "conflict", undefined, foreign);
    return { node, parameters: this.parameters };
  }

  set(_, { node, name, value }) {
    if (name === "max_speed" && value > 2) {
      throw new Refused(400, "invalid", "value", `set parameter ${name} of ${node}: the node refuses: at most 2 m/s`);
    }
    this.parameters[name] = value;
    return { node, name, value };
  }

  lifecycle(node) {
    return { node, state: this.state };
  }

  change({ node, transition }) {
    if (transition === "cleanup") {
      throw new Refused(409, "conflict", undefined, `cleanup ${node}: the node did not make the transition`);
    }
    this.state = after[transition];
    return this.lifecycle(node);
  }
}
