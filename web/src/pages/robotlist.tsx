import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { qualities } from "../api/types";
import { attention } from "../store/attention";
import { everySecond } from "../store/clock";
import type { RobotRow } from "../store/fleet";
import { age, count, percent, shortImage } from "../ui/format";
import { RobotMark } from "../ui/marks";
import { go, hrefTo, route, type Show } from "../ui/route";
import { app } from "./app";
import { filteredRobots } from "./filter";

const rowHeight = 54;
const spare = 6;

function ageText(row: RobotRow): string {
  const heard = app.store.heard(row);
  return heard === undefined ? "" : age(everySecond.value - heard);
}

function subline(row: RobotRow): { text: string; kind: string } {
  const s = row.state;
  if (s === undefined) return { text: "no state yet", kind: "muted" };
  if (!app.linked.value) return { text: `no link · was ${s.quality} ${ageText(row)} ago`, kind: "muted" };
  const { tone, reasons } = attention(row);
  if (tone !== "none") {
    const late = s.quality === "offline" || s.quality === "stale" ? ` for ${ageText(row)}` : "";
    return { text: reasons.map((r) => (r === "offline" ? `offline${late}` : r)).join(" · "), kind: tone };
  }
  const images = s.containers.filter((c) => c.role === "current").map((c) => shortImage(c.image));
  return { text: [row.namespace, ...images].join(" · "), kind: "muted" };
}

function Row({ row, index, total }: { row: RobotRow; index: number; total: number }): JSX.Element {
  const { section, id } = route.value;
  const s = row.state;
  const tone = app.linked.value ? attention(row).tone : "none";
  const sub = subline(row);
  const charge = s?.battery?.charge;
  const selected = section !== "rollouts" && id === row.id;
  return (
    <li
      aria-setsize={total}
      aria-posinset={index + 1}
      style={{ position: "absolute", insetInline: 0, top: `${index * rowHeight}px` }}
    >
      <a
        class="row"
        href={hrefTo({ section: "robots", id: row.id })}
        aria-label={`${row.name}, ${s?.quality ?? "unseen"}${sub.kind === "muted" ? "" : `, ${sub.text}`}`}
        aria-current={selected ? "true" : undefined}
      >
        <RobotMark quality={s?.quality ?? "unseen"} tone={tone} />
        <span class="title clip">{row.name}</span>
        <span class="muted figures">{charge === undefined || charge === null ? "" : percent(charge)}</span>
        <span class={`sub clip ${sub.kind}`}>{sub.text}</span>
      </a>
    </li>
  );
}

/** Only the rows in sight are on the page, however large the fleet. */
function Rows({ rows }: { rows: readonly RobotRow[] }): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const [sight, setSight] = useState({ top: 0, height: 800 });
  const { id } = route.value;
  useLayoutEffect(() => {
    const el = box.current;
    if (el === null) return;
    const measure = () => setSight({ top: el.scrollTop, height: el.clientHeight });
    const watch = new ResizeObserver(measure);
    watch.observe(el);
    el.addEventListener("scroll", measure, { passive: true });
    return () => {
      watch.disconnect();
      el.removeEventListener("scroll", measure);
    };
  }, []);
  const selectedAt = rows.findIndex((r) => r.id === id);
  useEffect(() => {
    const el = box.current;
    if (el === null || selectedAt < 0) return;
    const top = selectedAt * rowHeight;
    if (top < el.scrollTop) el.scrollTop = top;
    else if (top + rowHeight > el.scrollTop + el.clientHeight) el.scrollTop = top + rowHeight - el.clientHeight;
  }, [selectedAt]);
  const first = Math.max(0, Math.floor(sight.top / rowHeight) - spare);
  const last = Math.min(rows.length, Math.ceil((sight.top + sight.height) / rowHeight) + spare);
  return (
    <div class="scroll" ref={box}>
      <ul aria-label="Robots" style={{ position: "relative", height: `${rows.length * rowHeight}px` }}>
        {rows.slice(first, last).map((row, i) => (
          <Row key={row.h} row={row} index={first + i} total={rows.length} />
        ))}
      </ul>
    </div>
  );
}

function Chip({ show, n }: { show: Show; n: number }): JSX.Element {
  const name = show === "attention" ? "needs attention" : show;
  return (
    <button
      type="button"
      aria-pressed={route.value.show === show}
      onClick={() => go({ show: route.peek().show === show ? "all" : show }, "replace")}
    >
      {`${name} ${n}`}
    </button>
  );
}

function Filters(): JSX.Element {
  const counts = app.store.counts.value;
  const wanting = app.store.robots.value.filter((r) => attention(r).tone !== "none").length;
  const { show } = route.value;
  return (
    <fieldset class="chips" style={{ border: 0, margin: 0, padding: 0 }}>
      <legend class="sr-only">Show only</legend>
      {(wanting > 0 || show === "attention") && <Chip show="attention" n={wanting} />}
      {qualities
        .filter((q) => counts[q] > 0 || show === q)
        .map((q) => (
          <Chip key={q} show={q} n={counts[q]} />
        ))}
    </fieldset>
  );
}

function Nothing({ total }: { total: number }): JSX.Element {
  if (total > 0) {
    return (
      <div class="empty" role="status">
        <strong>No robot matches.</strong>
        <span>{`${count(total, "robot is", "robots are")} hidden by the search or the filter.`}</span>
        <button type="button" onClick={() => go({ q: "", show: "all" }, "replace")}>
          Show all
        </button>
      </div>
    );
  }
  return (
    <div class="empty" role="status">
      {app.store.filled.value ? <strong>No robots yet.</strong> : <span>Waiting for the service…</span>}
    </div>
  );
}

export function RobotList(): JSX.Element {
  const rows = filteredRobots.value;
  const total = app.store.robots.value.length;
  return (
    <aside class="list" aria-label="List of robots">
      <div class="list-head">
        <input
          type="search"
          aria-label="Search robots"
          placeholder="Search  /"
          value={route.value.q}
          onInput={(e) => go({ q: e.currentTarget.value }, "replace")}
        />
        <Filters />
      </div>
      {rows.length > 0 ? <Rows rows={rows} /> : <Nothing total={total} />}
    </aside>
  );
}
