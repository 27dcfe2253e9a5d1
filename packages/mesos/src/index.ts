/**
 * Owns the public surface of the Mesos package: wire (messages, codecs, RecordIO) and sessions.
 * SPDX-License-Identifier: Apache-2.0
 */
export type { CallOutcome } from "./http/call-outcome.js";
export * from "./http/executor-environment.js";
export * from "./http/executor-session.js";
export { checkMasterAccess, type MasterAccessOptions } from "./http/master-access.js";
export {
  basicAuthorization,
  type Credential,
  parseMasterAddress,
  redirectTarget,
  schedulerPath,
} from "./http/master-address.js";
export * from "./http/scheduler-session.js";
export { systemClock } from "./http/system-clock.js";
export type * from "./leader/leader-detector.js";
export { parseZookeeperAddress, type ZookeeperAddress } from "./leader/zookeeper-address.js";
export * from "./wire/base64.js";
export * from "./wire/codec.js";
export * from "./wire/codec-choice.js";
export * from "./wire/executor-calls.js";
export * from "./wire/json-codec.js";
export type * from "./wire/message-types.js";
export * from "./wire/protobuf-codec.js";
export * from "./wire/recordio.js";
export * from "./wire/resources.js";
export * from "./wire/resources-format.js";
export * from "./wire/resources-kind.js";
export * from "./wire/resources-ranges.js";
export * from "./wire/scheduler-calls.js";
export * from "./wire/schema.js";
export * from "./wire/task-state.js";
export type * from "./wire/types.js";
export * from "./wire/unknown-fields.js";
export * from "./wire/uuid.js";
