// The head of what is looked into on a robot: the way back, the name, the way out.
import type { ComponentChildren, JSX } from "preact";
import { CloseMark } from "../ui/marks";
import { hrefTo } from "../ui/route";
import { app } from "./app";

export function InspectHead({
  id,
  title,
  children,
}: {
  id: string;
  title: string;
  children: ComponentChildren;
}): JSX.Element {
  const name = app.store.byId.value.get(id)?.name ?? id;
  return (
    <div class="detail-head">
      <div class="line">
        <a class="button" href={hrefTo({ topic: undefined, node: undefined })} aria-label={`Back to robot ${name}`}>
          <span aria-hidden="true">←</span>
          {name}
        </a>
        <a class="button end" href={hrefTo({ id: undefined })} aria-label="Close details">
          <CloseMark />
        </a>
      </div>
      <h1 class="name">{title}</h1>
      {children}
    </div>
  );
}
