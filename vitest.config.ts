/**
 * Owns the list of test projects. Called by `vitest` in the repository's root.
 * SPDX-License-Identifier: Apache-2.0
 */
import { defineConfig } from "vitest/config";

export default defineConfig({ test: { projects: ["packages/*", "e2e"] } });
