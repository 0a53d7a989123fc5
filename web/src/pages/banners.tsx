// What holds for the whole page: the own link, held rollouts, the ROS domain.
import type { JSX } from "preact";
import { everySecond } from "../store/clock";
import { age } from "../ui/format";
import { app } from "./app";

function LinkBanner(): JSX.Element | null {
  const link = app.store.link.value;
  switch (link.state) {
    case "up":
      return null;
    case "connecting":
      // The first connection is no news; one after a loss is.
      if (app.store.hello.value === undefined) return null;
      return (
        <div class="banner alarm" role="alert">
          <strong>No link to the service.</strong> Connecting again; what you see is from before.
        </div>
      );
    case "lost": {
      everySecond.value; // renews the countdown
      const wait = link.retryAt === undefined ? undefined : link.retryAt - Date.now();
      return (
        <div class="banner alarm" role="alert">
          <strong>No link to the service.</strong>
          <span>
            {`What you see is from before: ${link.reason}.`}
            {wait !== undefined && ` Trying again in ${age(Math.max(0, wait))}.`}
          </span>
          <button type="button" onClick={() => app.retry()}>
            Connect now
          </button>
        </div>
      );
    }
    default:
      return link satisfies never;
  }
}

function SystemBanners(): JSX.Element | null {
  const system = app.store.system.value;
  if (system === undefined) return null;
  return (
    <>
      {system.rollouts_held !== "" && (
        <div class="banner" role="status">
          <strong>Rollouts are held.</strong>
          <span>{system.rollouts_held}</span>
        </div>
      )}
      {!system.ros.ok && (
        <div class="banner" role="status">
          <strong>{`ROS domain ${system.ros.domain}.`}</strong>
          <span>{system.ros.text}</span>
        </div>
      )}
    </>
  );
}

export function Banners(): JSX.Element {
  const problem = app.store.problem.value;
  return (
    <div class="banners">
      <LinkBanner />
      <SystemBanners />
      {problem !== undefined && (
        <div class="banner" role="status">
          <strong>The service refused a request.</strong>
          <span>{problem}</span>
        </div>
      )}
    </div>
  );
}
