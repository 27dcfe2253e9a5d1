/**
 * Owns the kinds of values that name programs on the agents. Called by table.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Kind, text, warned } from "./kinds.js";

/** A program on the agents: found by their PATH, or at an absolute path. */
export const program = (defaultValue: string): Kind<string> =>
  text(
    defaultValue,
    /^(?:\/.*[^/]|[^/]+)$/,
    "a name to be found by PATH on the agents, or an absolute path",
  );

const redisPathDefault = "redis-server";
/** The server that runs on agents. Files of 2016 have `"RedisPath": "./redis-server"`: a file beside the scheduler that it served to the agents. */
export const redisPath = warned(
  text(
    redisPathDefault,
    /^(?:\.{1,2}\/.*[^/]|\/.*[^/]|[^/]+)$/,
    "a name to be found by PATH on the agents, or an absolute path",
  ),
  (value) =>
    value.startsWith(".")
      ? {
          value: redisPathDefault,
          warning:
            "names a file beside the scheduler, as old versions served it; it now names a redis-server " +
            `binary on the agents, and ${redisPathDefault} from their PATH is used`,
        }
      : null,
);
