/**
 * Owns the public surface of the store package.
 * SPDX-License-Identifier: Apache-2.0
 */
export * from "./port.js";
