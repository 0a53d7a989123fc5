// One node of a robot: its parameters, its lifecycle and its endpoints.
import type { JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Endpoint, NodeInfo, Robot } from "../api/types";
import { hrefTo } from "../ui/route";
import { type Polled, Section } from "../ui/widgets";
import { offers, qosText, within } from "./graph";
import { InspectHead } from "./inspect";
import { Lifecycle } from "./lifecycle";
import { Parameters } from "./parameters";

function Topics({
  title,
  ends,
  namespace,
}: {
  title: string;
  ends: readonly Endpoint[];
  namespace: string;
}): JSX.Element {
  const sorted = [...ends].sort((a, b) => (a.name < b.name ? -1 : 1));
  return (
    <details>
      <summary>{`${title}, ${ends.length}`}</summary>
      <ul class="rows" aria-label={title}>
        {sorted.map((e) => (
          <li key={e.guid}>
            {within(namespace, e.name) ? (
              <a class="mono" href={hrefTo({ node: undefined, topic: e.name })}>
                {e.name}
              </a>
            ) : (
              <code>{e.name}</code>
            )}
            <div class="muted">
              <span class="mono">{e.type}</span>
              {` ${qosText(e)}`}
            </div>
          </li>
        ))}
      </ul>
    </details>
  );
}

function Names({ title, names }: { title: string; names: readonly (readonly [string, string])[] }): JSX.Element {
  return (
    <details>
      <summary>{`${title}, ${names.length}`}</summary>
      <ul class="rows" aria-label={title}>
        {names.map(([name, type]) => (
          <li key={name}>
            <code>{name}</code>
            <div class="muted mono">{type}</div>
          </li>
        ))}
      </ul>
    </details>
  );
}

function services(ends: readonly Endpoint[]): (readonly [string, string])[] {
  return ends.map((e) => [e.name, e.type] as const).sort(([a], [b]) => (a < b ? -1 : 1));
}

function Whole({ id, n, namespace }: { id: string; n: NodeInfo; namespace: string }): JSX.Element {
  return (
    <>
      {offers(n, "get_state") && <Lifecycle id={id} node={n.name} />}
      {offers(n, "list_parameters") ? (
        <Parameters id={id} node={n.name} />
      ) : (
        <Section title="Parameters">
          <p class="muted">The node offers no parameters.</p>
        </Section>
      )}
      <Section title="Endpoints">
        <Topics title="Publishers" ends={n.publishers} namespace={namespace} />
        <Topics title="Subscriptions" ends={n.subscriptions} namespace={namespace} />
        <Names title="Services" names={services(n.services)} />
        <Names title="Clients" names={services(n.clients)} />
        <Names title="Action servers" names={n.action_servers.map((a) => [a, ""] as const)} />
      </Section>
      <Section title="Where it runs">
        <dl class="facts">
          <dt>Host</dt>
          <dd>{n.host === "" ? "unknown" : n.host}</dd>
          <dt>Enclave</dt>
          <dd>{n.enclave === "" ? "unknown" : n.enclave}</dd>
          <dt>Participant</dt>
          <dd class="mono">{n.participant}</dd>
        </dl>
      </Section>
    </>
  );
}

interface Props {
  id: string;
  node: string;
  robot: Robot | undefined;
  nodes: Polled<{ nodes: NodeInfo[] }>;
}

export function NodeView({ id, node, robot, nodes }: Props): JSX.Element {
  const ref = useRef<HTMLElement>(null);
  useLayoutEffect(() => ref.current?.focus(), []); // the link that led here is gone
  const { data, error } = nodes;
  const found = data?.nodes.find((n) => n.name === node);
  return (
    <aside ref={ref} class="detail wide" aria-label={`Node ${node}`} tabIndex={-1}>
      <InspectHead id={id} title={node}>
        {error !== undefined && <p class="warn" role="status">{`The nodes are not renewed: ${error}`}</p>}
        {data !== undefined && found === undefined && (
          <p class="warn" role="status">
            The node is not in the ROS graph now.
          </p>
        )}
      </InspectHead>
      {found !== undefined && <Whole id={id} n={found} namespace={robot?.namespace ?? "/"} />}
    </aside>
  );
}
