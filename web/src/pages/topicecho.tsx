// The newest sample of one topic, read again once a second while it is watched.
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../api/client";
import type { TopicSample } from "../api/types";
import { hrefTo } from "../ui/route";
import { Ago, usePolled } from "../ui/widgets";
import { Tree } from "./tree";

const everyMs = 1000;

interface Props {
  robot: string;
  topic: string;
}

/** Reads while it is there; a hidden tab reads nothing. */
function Reader({ robot, topic, onSample }: Props & { onSample: (s: TopicSample) => void }): JSX.Element | null {
  const last = useRef<TopicSample | undefined>(undefined);
  const read = async () => {
    if (!document.hidden || last.current === undefined) last.current = await api.echo(robot, topic);
    return last.current;
  };
  const { data, error } = usePolled(`echo ${robot} ${topic}`, read, everyMs);
  useEffect(() => {
    if (data !== undefined) onSample(data);
  }, [data]);
  return error === undefined ? null : (
    <p class="warn" role="status">
      {error}
    </p>
  );
}

export function TopicEcho({ robot, topic }: Props): JSX.Element {
  const [sample, setSample] = useState<TopicSample | undefined>(undefined);
  const [paused, pause] = useState(false);
  const [copied, setCopied] = useState("");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(JSON.stringify(sample?.message, null, 2));
      setCopied("Copied.");
    } catch {
      setCopied("The browser does not allow it.");
    }
  };
  return (
    <section class="card" aria-label={`Topic ${topic}`}>
      <div class="line">
        <code>{topic}</code>
        <button type="button" class="end" aria-pressed={paused} onClick={() => pause(!paused)}>
          Pause
        </button>
        <button type="button" onClick={() => void copy()} disabled={sample === undefined}>
          Copy JSON
        </button>
        <a class="button" href={hrefTo({ topic: undefined })}>
          Close topic
        </a>
      </div>
      <p class="muted" role="status">
        {copied}
      </p>
      {!paused && <Reader robot={robot} topic={topic} onSample={setSample} />}
      {sample === undefined ? (
        <p class="muted">Waiting for a sample…</p>
      ) : (
        <>
          <p class="muted">
            {`${sample.type}, ${sample.bytes} bytes, received `}
            <Ago at={sample.receive_time} />
          </p>
          <Tree value={sample.message} />
        </>
      )}
    </section>
  );
}
