/**
 * Owns the shapes of /v2/upgrade as TypeBox schemas. Not: all others (schema.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Static, Type } from "typebox";
import { BecauseSchema } from "./schema-parts.js";

/** How far an upgrade is. */
export const UpgradeSchema = Type.Object(
  {
    state: Type.Enum(["off", "running", "paused"], {
      description: "off: nothing is moved; it is for one version, so a newer one begins as off",
    }),
    version: Type.String({ description: "of the executors that new processes get" }),
    instances: Type.Integer({ description: "that are meant to run" }),
    behind: Type.Integer({
      description: "of them with a process on an executor of another version",
    }),
    processesBehind: Type.Integer(),
    current: Type.Union([Type.String(), Type.Null()], {
      description: "the instance that is being moved",
    }),
    left: Type.Array(Type.Object({ name: Type.String(), reason: BecauseSchema }), {
      description: "instances that gave way; they are tried again",
    }),
  },
  { title: "Upgrade" },
);

/** Body of `POST /v2/upgrade`; for the document only. */
export const UpgradeActionSchema = Type.Object(
  { action: Type.Enum(["start", "pause", "resume"]) },
  { title: "UpgradeAction", additionalProperties: false },
);

/** An upgrade as JSON. */
export type UpgradeJson = Static<typeof UpgradeSchema>;
