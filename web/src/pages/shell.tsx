// The page: header, banners, list | map | detail, and the dialogs above them.
import type { JSX } from "preact";
import { useLayoutEffect, useState } from "preact/hooks";
import { unauthorized } from "../api/client";
import { go, route } from "../ui/route";
import { app } from "./app";
import { Banners } from "./banners";
import { EngineList } from "./engines";
import { EventPanel } from "./events";
import { Header } from "./header";
import { Help } from "./help";
import { listenForKeys } from "./keys";
import { Login } from "./login";
import { MapPane } from "./mappane";
import { NewRollout } from "./newrollout";
import { RobotDetail } from "./robotdetail";
import { RobotList } from "./robotlist";
import { RolloutDetail } from "./rollout";
import { RolloutList } from "./rollouts";

function List(): JSX.Element {
  const { section } = route.value;
  switch (section) {
    case "robots":
    case "events":
      return <RobotList />;
    case "rollouts":
      return <RolloutList />;
    case "engines":
      return <EngineList />;
    default:
      return section satisfies never;
  }
}

function Detail(): JSX.Element | null {
  const { section, id } = route.value;
  switch (section) {
    case "robots":
      return id === undefined ? null : <RobotDetail key={id} id={id} />;
    case "rollouts":
      return id === undefined ? null : <RolloutDetail key={id} id={id} />;
    case "events":
      return <EventPanel />;
    case "engines":
      return null;
    default:
      return section satisfies never;
  }
}

export function Shell(): JSX.Element {
  const [help, setHelp] = useState(false);
  useLayoutEffect(() => listenForKeys(() => setHelp(true)), []); // not after the paint: a key may come before
  const { rollOut } = route.value;
  return (
    <div class="shell" data-link={app.store.link.value.state}>
      <Header onHelp={() => setHelp(true)} />
      <Banners />
      <List />
      <MapPane />
      <Detail />
      {rollOut !== undefined && <NewRollout robots={rollOut} onClose={() => go({ rollOut: undefined })} />}
      {help && <Help onClose={() => setHelp(false)} />}
      {unauthorized.value !== undefined && <Login reason={unauthorized.value} />}
    </div>
  );
}
