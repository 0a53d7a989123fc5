import type { JSX } from "preact";
import { count } from "../ui/format";
import { go, hrefTo, route, type Section } from "../ui/route";
import { switchTheme, theme } from "../ui/theme";
import { ActionButton } from "../ui/widgets";
import { app } from "./app";

const pages: readonly { section: Section; name: string }[] = [
  { section: "robots", name: "Robots" },
  { section: "rollouts", name: "Rollouts" },
  { section: "events", name: "Events" },
  { section: "engines", name: "Engines" },
];

function LinkState(): JSX.Element {
  const link = app.store.link.value;
  switch (link.state) {
    case "connecting":
      return <span class="muted">Connecting…</span>;
    case "up": {
      const rate = app.store.rate.value;
      const slowed = rate !== undefined && rate.reason !== "" ? ` at ${rate.hz} Hz: ${rate.reason}` : "";
      return <span class="muted">{`Live${slowed}`}</span>;
    }
    case "lost":
      return <span class="alarm">No link</span>;
    default:
      return link satisfies never;
  }
}

export function Header({ onHelp }: { onHelp: () => void }): JSX.Element {
  const { section } = route.value;
  const user = app.user.value;
  return (
    <header class="header">
      <span class="brand">
        <img src="/icon.svg" alt="" width="22" height="22" />
        Muster
      </span>
      <nav aria-label="Pages">
        <ul>
          {pages.map((p) => (
            <li key={p.section}>
              <a
                href={hrefTo({ section: p.section, id: undefined, rollOut: undefined })}
                aria-current={p.section === section ? "page" : undefined}
              >
                {p.name}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <div class="end">
        <ActionButton because={app.denies("operator")} onClick={() => go({ rollOut: "all" })}>
          New rollout
        </ActionButton>
        <span class="muted figures">{count(app.store.robots.value.length, "robot")}</span>
        <span role="status" aria-label="Link to the service">
          <LinkState />
        </span>
        {user !== undefined && <span class="tag">{`${user.name} · ${user.role}`}</span>}
        <button type="button" class="quiet" onClick={switchTheme}>
          {theme.value === "dark" ? "Light" : "Dark"}
        </button>
        <button type="button" class="quiet icon" aria-label="Keyboard help" onClick={onHelp}>
          ?
        </button>
      </div>
    </header>
  );
}
