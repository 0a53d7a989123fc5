// An empty fleet explains itself: what the manager looks at, and what it sees.
import type { JSX } from "preact";
import { api } from "../api/client";
import type { System } from "../api/types";
import { count } from "../ui/format";
import { usePolled } from "../ui/widgets";

function Domain({ d }: { d: System["ros"]["domains"][number] }): JSX.Element {
  const seen = `${count(d.participants, "participant")}, ${count(d.nodes, "node")}, ${count(d.endpoints, "endpoint")}`;
  return (
    <li>
      <strong>{`ROS domain ${d.id}`}</strong>
      {`: ${seen}. `}
      {d.text !== "" && <span class={d.ok ? "" : "warn"}>{d.text}</span>}
    </li>
  );
}

export function EmptyFleet(): JSX.Element {
  const { data, error } = usePolled("system", api.system, 3000);
  return (
    <div class="map-note">
      <section class="card" style={{ background: "var(--panel)", maxWidth: "56ch", textAlign: "left" }} role="status">
        <h3>No robots yet</h3>
        <p>
          A robot appears when a topic is published in its namespace, when a container with ROBOT_ID runs on one of the
          engines, or when the inventory names it.
        </p>
        {error !== undefined && <p class="warn">{error}</p>}
        {data !== undefined && (
          <ul>
            {data.ros.domains.map((d) => (
              <Domain key={d.id} d={d} />
            ))}
            {data.ros.domains.length === 0 && <li>No ROS domain is configured.</li>}
            <li>
              <strong>Engines</strong>
              {`: ${data.counts.engines_up} of ${data.counts.engines} answer, with ${count(data.counts.containers, "container")}.`}
            </li>
          </ul>
        )}
      </section>
    </div>
  );
}
