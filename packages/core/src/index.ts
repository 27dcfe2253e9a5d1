/**
 * Owns the public surface of core: the vocabulary, the tables and every decision.
 * SPDX-License-Identifier: Apache-2.0
 */
export * from "./access/tokens.js";
export * from "./assert.js";
export {
  decodeCertificateAnswer,
  decodeCertificateRequest,
  encodeCertificateAnswer,
  encodeCertificateRequest,
  isCertificateAnswer,
  isCertificateRequest,
} from "./certificates/codec.js";
export * from "./certificates/types.js";
export * from "./clock.js";
export { isLoopback } from "./config/addresses.js";
export * from "./config/need.js";
export {
  type ConfigEnvironment,
  type ConfigResult,
  type ConfigWarning,
  exposureWarnings,
  isTlsToAgents,
  isTlsToMasters,
  maskedConfig,
  parseConfig,
  parseConfigText,
} from "./config/parse.js";
export { renderConfigReference, renderEmptyConfig } from "./config/render.js";
export { type Config, type ConfigName, configKeys } from "./config/table.js";
export { Control } from "./control/control.js";
export type * from "./control/effects.js";
export type * from "./control/events.js";
export { type ControlSettings, controlLimits } from "./control/settings.js";
export { agentViews, firstBehind, NameIndex, pageOf, viewNamed, viewOf } from "./control/views.js";
export { endpointsKey, endpointsOf } from "./endpoints/of.js";
export * from "./endpoints/parse.js";
export type { ProxyPortRange } from "./endpoints/port-book.js";
export type * from "./endpoints/types.js";
export * from "./error.js";
export { renderErrorReference } from "./error-reference.js";
export {
  type Absent,
  type Candidate,
  compareStamps,
  type FenceFacts,
  type FencingRules,
  fencingRules,
  type Leaving,
  type Runtime,
  redisFenceMs,
} from "./failover/rules.js";
export * from "./goal/codec.js";
export * from "./goal/types.js";
export {
  decodeInstance,
  encodeInstance,
  type OpenSecret,
  type SealSecret,
  sealedPrefix,
} from "./instance/codec.js";
export * from "./instance/framework.js";
export * from "./instance/types.js";
export * from "./instance/view.js";
export { attributeText, constraintText } from "./placement/constraints.js";
export type { UnplacedCode } from "./placement/explain.js";
export { match } from "./placement/match.js";
export * from "./placement/types.js";
export { userWords } from "./redis/access.js";
export {
  type ConfigFileOptions,
  followerRules,
  renderRedisConfig,
  type TlsFiles,
} from "./redis/config-file.js";
export * from "./redis/info.js";
export {
  cleanLogLine,
  type LogHint,
  logHint,
  logLineCharactersMax,
  safeLogLine,
} from "./redis/log.js";
export {
  builtInAttributes,
  type ConstraintTuple,
  constraintLimits,
  constraintOperators,
  constraintTuple,
} from "./request/constraints.js";
export * from "./request/create.js";
export * from "./request/failover.js";
export { instanceNamePattern } from "./request/names.js";
export * from "./request/rotation.js";
export * from "./result.js";
export { withoutSlashes } from "./slashes.js";
export { decide as decideSupervision, initialSuperviseState } from "./supervise/decide.js";
export * from "./supervise/guard.js";
export { closedAtStart, quorumInForce } from "./supervise/lease.js";
export { type SuperviseRules, superviseRules } from "./supervise/rules.js";
export * from "./supervise/types.js";
export { wakeAtMs as superviseWakeAtMs } from "./supervise/wake.js";
export { upgradeLimits } from "./upgrade/turns.js";
export * from "./upgrade/types.js";
export * from "./upgrade/version.js";
export {
  type ConnectionUsers,
  connectionUsersOf,
  rotationGraceMsMax,
  rotationRepeatMs,
  rotationTellMs,
} from "./users/desk.js";
