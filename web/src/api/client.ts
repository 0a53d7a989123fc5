// A thin, typed client of the HTTP API. It decides nothing: it carries the
// server's answer, or the server's reason for refusing, to the page.
import type {
  Engine,
  FleetEvent,
  GridMap,
  Robot,
  Rollout,
  RolloutAction,
  RolloutSpec,
  RolloutSummary,
  System,
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
}

interface ErrorBody {
  error?: { code?: string; field?: string; message?: string };
}

async function call<T>(method: "GET" | "POST", path: string, body?: unknown): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (token() !== "") headers.Authorization = `Bearer ${token()}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let res: Response;
  try {
    const init: RequestInit = { method, headers, signal: AbortSignal.timeout(timeoutMs) };
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
  if (res.ok) return (await res.json()) as T;
  const { error } = (await res.json().catch(() => ({}))) as ErrorBody;
  throw new ApiError(
    res.status,
    error?.code ?? "internal",
    error?.message ?? `The service answered ${res.status}.`,
    error?.field,
  );
}

const id = encodeURIComponent;

export const api = {
  robot: (robot: string) => call<Robot>("GET", `/robots/${id(robot)}`),
  engines: () => call<{ engines: Engine[] }>("GET", "/engines"),
  maps: () => call<{ maps: GridMap[] }>("GET", "/maps"),
  events: (since: number, limit: number) =>
    call<{ events: FleetEvent[]; gap: boolean; last: number }>("GET", `/events?since=${since}&limit=${limit}`),
  rollouts: () => call<{ rollouts: RolloutSummary[] }>("GET", "/rollouts"),
  rollout: (rollout: string) => call<Rollout>("GET", `/rollouts/${id(rollout)}`),
  previewRollout: (spec: RolloutSpec) => call<Rollout>("POST", "/rollouts?dry_run=1", spec),
  startRollout: (spec: RolloutSpec) => call<Rollout>("POST", "/rollouts", spec),
  act: (rollout: string, action: RolloutAction, reason: string) =>
    call<Rollout>("POST", `/rollouts/${id(rollout)}/${action}`, { reason }),
  tags: (repository: string) => call<{ tags: string[] }>("GET", `/images?repository=${id(repository)}`),
  system: () => call<System>("GET", "/system"),
  me: () => call<User>("GET", "/me"),
};

/** The address of a map's tile; its content never changes. */
export function tileURL(hash: string, col: number, row: number): string {
  return `/api/v1/maps/${id(hash)}/${col}/${row}.png`;
}

/** In words, what went wrong. */
export function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
