// The API's shapes by their short names. schema.ts is generated from the
// service's OpenAPI description; `npm run check` proves that it is in step.
import type { Value } from "./exact";
import type { components } from "./schema";

type S = components["schemas"];

export type Robot = S["Robot"];
export type Quality = S["Quality"];
export type Source = S["Source"];
export type Pose = S["Pose"];
export type Battery = S["Battery"];
export type Level = S["Level"];
export type Diagnostic = S["Diagnostic"];
export type Topic = S["Topic"];
export type NodeInfo = S["NodeInfo"];
export type Endpoint = S["Endpoint"];
/** Its message is read with every digit. */
export type TopicSample = Omit<S["TopicSample"], "message"> & { message: { readonly [field: string]: Value } };
export type ParameterList = Omit<S["ParameterList"], "parameters"> & {
  parameters: { readonly [name: string]: Value };
};
export type LifecycleState = S["LifecycleState"];
export type Transition = S["LifecycleRequest"]["transition"];
export type Container = S["Container"];
export type Device = S["Device"];
export type Engine = S["Engine"];
export type EngineState = Engine["state"];
export type GridMap = S["Map"];
export type FleetEvent = S["Event"];
export type Severity = FleetEvent["severity"];
export type Rollout = S["Rollout"];
export type RolloutSummary = S["RolloutSummary"];
export type RolloutRobot = S["RolloutRobot"];
export type RolloutState = S["RolloutState"];
export type RolloutAction = S["RolloutAction"];
export type RolloutStep = S["RolloutStep"];
export type RolloutSpec = S["RolloutSpec"];
export type RolloutPreview = S["RolloutPreview"];
export type Lock = S["LockList"]["locks"][number];
export type Gate = S["Gate"];
export type Outcome = Gate["outcome"];
export type System = S["System"];
export type User = S["User"];
export type UserRole = S["UserRole"];

export type HelloMessage = S["StreamHello"];
export type SubscribedMessage = S["StreamSubscribed"];
export type DictMessage = S["StreamDict"];
export type DictEntry = DictMessage["robots"][number];
export type StateMessage = S["StreamState"];
export type RobotState = S["StreamRobot"];
export type GoneMessage = S["StreamGone"];
export type EventMessage = S["StreamEvent"];
export type EnginesMessage = S["StreamEngines"];
export type RolloutMessage = S["StreamRollout"];
export type SystemMessage = S["StreamSystem"];
export type RateMessage = S["StreamRate"];
export type ErrorMessage = S["StreamError"];
export type GoodbyeMessage = S["StreamGoodbye"];

/** The qualities in the order of their numbers in a POSE frame. */
export const qualities: readonly Quality[] = ["live", "late", "stale", "offline", "unseen"];
