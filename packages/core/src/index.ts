/**
 * Owns the public surface of core: the vocabulary, the tables and every decision.
 * SPDX-License-Identifier: Apache-2.0
 */
export * from "./assert.js";
export * from "./clock.js";
export * from "./error.js";
export * from "./goal/codec.js";
export * from "./goal/types.js";
export { decodeInstance, encodeInstance } from "./instance/codec.js";
export * from "./instance/framework.js";
export * from "./instance/types.js";
export * from "./instance/view.js";
export type { UnplacedCode } from "./placement/explain.js";
export { match } from "./placement/match.js";
export * from "./placement/types.js";
export * from "./result.js";
