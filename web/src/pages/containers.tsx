// A robot's containers with the devices attached to them.
import type { JSX } from "preact";
import type { Container, Device } from "../api/types";
import { count, shortDigest } from "../ui/format";
import { hrefTo } from "../ui/route";
import { Ago, Section } from "../ui/widgets";

function DeviceText({ d }: { d: Device }): JSX.Element {
  switch (d.kind) {
    case "node":
      return (
        <>
          <code>{d.host}</code>
          {" → "}
          <code>{d.container}</code>
          <span class="muted">{` ${d.permissions ?? ""}`}</span>
        </>
      );
    case "request":
      return (
        <>
          <span class="muted">request </span>
          <code>{d.request}</code>
        </>
      );
    case "cgroup-rule":
      return (
        <>
          <span class="muted">cgroup rule </span>
          <code>{d.rule}</code>
        </>
      );
    default:
      return d.kind satisfies never;
  }
}

function stateTone(c: Container): string {
  if (c.role !== "current") return "";
  return c.state === "running" && c.health !== "unhealthy" ? "" : "alarm";
}

function Ended({ c }: { c: Container }): JSX.Element | null {
  if (c.state === "running") return null;
  const why = c.oom_killed === true ? ", out of memory" : "";
  return (
    <>
      <dt>Ended</dt>
      <dd>
        {`exit code ${c.exit_code}${why}, `}
        <Ago at={c.finished_at} />
      </dd>
    </>
  );
}

function Facts({ c }: { c: Container }): JSX.Element {
  const digest = c.digest ?? c.image.digest;
  return (
    <dl class="facts">
      <dt>Image</dt>
      <dd>
        <code>{c.image.ref}</code>
      </dd>
      {digest !== undefined && (
        <>
          <dt>Digest</dt>
          <dd>
            <code title={digest}>{shortDigest(digest)}</code>
          </dd>
        </>
      )}
      <dt>Restarts</dt>
      <dd class={c.restarts > 0 ? "warn" : ""}>{c.restarts}</dd>
      {c.state === "running" && (
        <>
          <dt>Started</dt>
          <dd>
            <Ago at={c.started_at} />
          </dd>
        </>
      )}
      <Ended c={c} />
      <dt>Engine</dt>
      <dd>
        {c.engine}
        <span class="muted">{` · ${c.id.slice(0, 12)}`}</span>
      </dd>
      {c.rollout !== undefined && (
        <>
          <dt>Rollout</dt>
          <dd>
            <a href={hrefTo({ section: "rollouts", id: c.rollout })}>{c.rollout}</a>
          </dd>
        </>
      )}
    </dl>
  );
}

function Card({ c }: { c: Container }): JSX.Element {
  const devices = c.devices ?? [];
  return (
    <li class="card" aria-label={`Container ${c.name}`}>
      <div class="line">
        <h3>{c.name}</h3>
        <span class={`tag ${stateTone(c)}`}>{c.health === undefined ? c.state : `${c.state}, ${c.health}`}</span>
        {c.role !== "current" && <span class="tag chosen">{c.role}</span>}
      </div>
      <Facts c={c} />
      {devices.length === 0 ? (
        <p class="muted">No devices</p>
      ) : (
        <div>
          <p class="muted">{count(devices.length, "device")}</p>
          <ul aria-label={`Devices of ${c.name}`}>
            {devices.map((d) => (
              <li key={`${d.kind} ${d.container ?? d.request ?? d.rule}`}>
                <DeviceText d={d} />
              </li>
            ))}
          </ul>
        </div>
      )}
    </li>
  );
}

export function Containers({ containers }: { containers: readonly Container[] }): JSX.Element {
  return (
    <Section title={containers.length === 0 ? "Containers" : `Containers, ${containers.length}`}>
      {containers.length === 0 ? (
        <p class="muted">No engine runs a container of this robot.</p>
      ) : (
        <ul class="stack">
          {containers.map((c) => (
            <Card key={c.id} c={c} />
          ))}
        </ul>
      )}
    </Section>
  );
}
