// A thin, typed client of the HTTP API. It decides nothing: it carries the
// server's answer, or the server's reason for refusing, to the page.
import { signal } from "@preact/signals";
import { parseExact, type Value } from "./exact";
import type {
  Engine,
  FleetEvent,
  GridMap,
  LifecycleState,
  Lock,
  NodeInfo,
  ParameterList,
  Robot,
  Rollout,
  RolloutAction,
  RolloutSpec,
  RolloutSummary,
  System,
  TopicSample,
  Transition,
  User,
} from "./types";

/** What a request came to when it did not succeed. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly field: string | undefined,
  ) {
    super(message);
    this.name = "ApiError";
  }
}

const timeoutMs = 10_000;
const tokenKey = "muster.token";

/** The bearer token of this tab, "" when the service needs none. */
export function token(): string {
  return sessionStorage.getItem(tokenKey) ?? "";
}

export function setToken(value: string): void {
  sessionStorage.setItem(tokenKey, value);
  unauthorized.value = undefined;
}

/** Why the service asks for a token; undefined while it does not. */
export const unauthorized = signal<string | undefined>(undefined);

type Method = "GET" | "POST";

interface ErrorBody {
  error?: { code?: string; field?: string; message?: string };
}

async function request(method: Method, path: string, body?: unknown, stop?: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = {};
  const own = token();
  if (own !== "") headers.Authorization = `Bearer ${own}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let res: Response;
  try {
    const late = AbortSignal.timeout(timeoutMs);
    const init: RequestInit = { method, headers, signal: stop === undefined ? late : AbortSignal.any([late, stop]) };
    if (body !== undefined) init.body = JSON.stringify(body);
    res = await fetch(`/api/v1${path}`, init);
  } catch (cause) {
    const late = cause instanceof DOMException && cause.name === "TimeoutError";
    throw new ApiError(
      0,
      "unreachable",
      late ? "The service did not answer within 10 s." : "The service cannot be reached.",
      undefined,
    );
  }
  if (res.ok) return res;
  const { error } = (await res.json().catch(() => ({}))) as ErrorBody;
  const message = error?.message ?? `The service answered ${res.status}.`;
  // A refusal of the token before says nothing of the one that was given since.
  if (res.status === 401 && own === token()) unauthorized.value = message;
  throw new ApiError(res.status, error?.code ?? "internal", message, error?.field);
}

async function call<T>(method: Method, path: string, body?: unknown): Promise<T> {
  return (await (await request(method, path, body)).json()) as T;
}

/** Reads an answer whose numbers may have 64 bits. */
async function exact<T>(path: string, stop?: AbortSignal): Promise<T> {
  return parseExact(await (await request("GET", path, undefined, stop)).text()) as T;
}

const id = encodeURIComponent;

export const api = {
  robot: (robot: string) => call<Robot>("GET", `/robots/${id(robot)}`),
  nodes: (robot: string) => call<{ nodes: NodeInfo[] }>("GET", `/robots/${id(robot)}/nodes`),
  echo: (robot: string, topic: string, stop: AbortSignal) =>
    exact<TopicSample>(`/robots/${id(robot)}/echo?topic=${id(topic)}`, stop),
  parameters: (robot: string, node: string) => exact<ParameterList>(`/robots/${id(robot)}/parameters?node=${id(node)}`),
  setParameter: (robot: string, node: string, name: string, value: Value) =>
    call<unknown>("POST", `/robots/${id(robot)}/parameters`, { node, name, value }),
  lifecycle: (robot: string, node: string) =>
    call<LifecycleState>("GET", `/robots/${id(robot)}/lifecycle?node=${id(node)}`),
  changeLifecycle: (robot: string, node: string, transition: Transition) =>
    call<LifecycleState>("POST", `/robots/${id(robot)}/lifecycle`, { node, transition }),
  engines: () => call<{ engines: Engine[] }>("GET", "/engines"),
  maps: () => call<{ maps: GridMap[] }>("GET", "/maps"),
  events: (since: number, limit: number) =>
    call<{ events: FleetEvent[]; gap: boolean; last: number }>("GET", `/events?since=${since}&limit=${limit}`),
  rollouts: () => call<{ rollouts: RolloutSummary[] }>("GET", "/rollouts"),
  rollout: (rollout: string) => call<Rollout>("GET", `/rollouts/${id(rollout)}`),
  previewRollout: (spec: RolloutSpec) => call<Rollout>("POST", "/rollouts?dry_run=1", spec),
  startRollout: (spec: RolloutSpec) => call<Rollout>("POST", "/rollouts", spec),
  act: (rollout: string, action: RolloutAction, reason: string, robot?: string, wave?: number) =>
    call<Rollout>("POST", `/rollouts/${id(rollout)}/${action}`, { reason, robot, wave }),
  locks: () => call<{ locks: Lock[] }>("GET", "/locks"),
  lock: (robot: string, reason: string) => call<{ locks: Lock[] }>("POST", `/robots/${id(robot)}/lock`, { reason }),
  unlock: (robot: string) => call<{ locks: Lock[] }>("POST", `/robots/${id(robot)}/unlock`),
  tags: (repository: string) => call<{ tags: string[] }>("GET", `/images?repository=${id(repository)}`),
  system: () => call<System>("GET", "/system"),
  me: () => call<User>("GET", "/me"),
};

/** A map's tile; its content never changes, so the browser keeps it. */
export async function fetchTile(hash: string, col: number, row: number): Promise<ImageBitmap> {
  const res = await request("GET", `/maps/${id(hash)}/${col}/${row}.png`);
  return createImageBitmap(await res.blob());
}

/** In words, what went wrong. */
export function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
