// One topic of a robot: its newest message, renewed once a second while somebody
// looks, and who publishes and subscribes to it.
import type { JSX } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { api } from "../api/client";
import { formatExact } from "../api/exact";
import type { NodeInfo, Robot, TopicSample } from "../api/types";
import { copyText } from "../ui/copy";
import { bytes, count, hertz, timeOfDay } from "../ui/format";
import { hrefTo } from "../ui/route";
import { ActionButton, Ago, type Polled, Section, usePolled } from "../ui/widgets";
import { echoState, endsOf, type NodeEnd, qosText } from "./graph";
import { InspectHead } from "./inspect";
import { ValueTree } from "./valuetree";

const againMs = 1000;

function Moment({ at }: { at: string }): JSX.Element {
  const ms = new Date(at).getMilliseconds();
  return (
    <>
      <span class="figures">{`${timeOfDay(at)}.${`${ms}`.padStart(3, "0")}`}</span>
      <span class="muted">
        {" "}
        (<Ago at={at} />)
      </span>
    </>
  );
}

function SampleFacts({ sample, hz }: { sample: TopicSample | undefined; hz: number | undefined }): JSX.Element {
  return (
    <dl class="facts">
      <dt>Received</dt>
      <dd>{sample === undefined ? "–" : <Moment at={sample.receive_time} />}</dd>
      <dt>Sent, by the robot's clock</dt>
      <dd>{sample === undefined ? "–" : <Moment at={sample.source_time} />}</dd>
      <dt>Size</dt>
      <dd>{sample === undefined ? "–" : bytes(sample.bytes)}</dd>
      <dt>Rate</dt>
      <dd>{hz === undefined ? "–" : hertz(hz)}</dd>
    </dl>
  );
}

function CopyButton({ sample }: { sample: TopicSample | undefined }): JSX.Element {
  const [said, setSaid] = useState("");
  const copy = async () => {
    if (sample === undefined) return;
    const done = await copyText(formatExact(sample.message, 2));
    setSaid(done ? "Copied." : "The browser does not allow copying.");
  };
  return (
    <>
      <ActionButton
        onClick={() => void copy()}
        because={sample === undefined ? "No message has been read yet." : undefined}
      >
        Copy JSON
      </ActionButton>
      <span class="muted" role="status" aria-label="Copying">
        {said}
      </span>
    </>
  );
}

interface MessageProps {
  polled: Polled<TopicSample>;
  hz: number | undefined;
  paused: boolean;
  onPause: (paused: boolean) => void;
}

function Message({ polled, hz, paused, onPause }: MessageProps): JSX.Element {
  const { data: sample, error, code } = polled;
  const state = echoState({ any: sample !== undefined, error, code, paused });
  return (
    <Section title="Newest message">
      <div class="line">
        <button type="button" onClick={() => onPause(!paused)}>
          {paused ? "Resume" : "Pause"}
        </button>
        <CopyButton sample={sample} />
      </div>
      <p class={`echo-state ${state.tone}`} role="status" aria-label="State of the reading">
        <strong>{state.title}</strong>
        {` ${state.text}`}
      </p>
      <SampleFacts sample={sample} hz={hz} />
      <div class={state.tone === "warn" ? "past" : ""}>
        {sample !== undefined && <ValueTree value={sample.message} label="Fields of the message" />}
      </div>
    </Section>
  );
}

function Ends({ title, ends, none }: { title: string; ends: readonly NodeEnd[]; none: string }): JSX.Element {
  return (
    <Section title={ends.length === 0 ? title : `${title}, ${ends.length}`}>
      {ends.length === 0 ? (
        <p class="muted">{none}</p>
      ) : (
        <ul class="rows" aria-label={title}>
          {ends.map(({ node, end }) => (
            <li key={end.guid}>
              <a class="mono" href={hrefTo({ topic: undefined, node })}>
                {node}
              </a>
              <div class="muted">{qosText(end)}</div>
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}

/** Publishers that the graph knows of, but none of the robot's nodes claims. */
function strangers(known: number, own: number): string {
  const others = known - own;
  return others > 0 ? `${count(others, "publisher")} of no known node.` : "Nobody publishes it.";
}

interface Props {
  id: string;
  topic: string;
  robot: Robot | undefined;
  nodes: readonly NodeInfo[] | undefined;
}

export function TopicView({ id, topic, robot, nodes }: Props): JSX.Element {
  const ref = useRef<HTMLElement>(null);
  useLayoutEffect(() => ref.current?.focus(), []); // the link that led here is gone
  const [paused, setPaused] = useState(false);
  const polled = usePolled(`echo ${id} ${topic}`, (stop) => api.echo(id, topic, stop), againMs, paused);
  const known = robot?.topics?.find((t) => t.name === topic);
  const type = polled.data?.type ?? known?.type;
  const publishers = endsOf(nodes ?? [], topic, "publishers");
  return (
    <aside ref={ref} class="detail wide" aria-label={`Topic ${topic}`} tabIndex={-1}>
      <InspectHead id={id} title={topic}>
        <p class="mono muted">{type ?? "…"}</p>
        {known?.problem !== undefined && <p class="warn">{`Problem: ${known.problem}`}</p>}
      </InspectHead>
      <Message
        polled={polled}
        hz={known?.last === undefined ? undefined : known.hz}
        paused={paused}
        onPause={setPaused}
      />
      {nodes !== undefined && (
        <>
          <Ends title="Publishers" ends={publishers} none={strangers(known?.publishers ?? 0, publishers.length)} />
          <Ends
            title="Subscriptions"
            ends={endsOf(nodes, topic, "subscriptions")}
            none="None of the robot's nodes subscribes to it."
          />
        </>
      )}
    </aside>
  );
}
