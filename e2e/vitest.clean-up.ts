/**
 * Owns what is done after the last test of each file: keys and tokens of a run with everything on are removed, since the
 * processes of the test runner are killed at their end. Called by the test runner (vitest.config.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { removeEverythingOn } from "@mr-redis/testing";
import { afterAll } from "vitest";

afterAll(removeEverythingOn);
