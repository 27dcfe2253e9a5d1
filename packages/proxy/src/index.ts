/**
 * Owns the public surface of the proxy for other packages: none but its words.
 * SPDX-License-Identifier: Apache-2.0
 */
export type * from "./routes.js";
