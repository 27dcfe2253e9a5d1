/**
 * Owns the shapes of failovers on /v2 as TypeBox schemas. Not: the other shapes (schema.ts), nor routes (v2-failovers.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Static, Type } from "typebox";
import { BecauseSchema, instant, nullable, word } from "./schema-parts.js";

const sinceFirstSign = Type.Number({ description: "milliseconds since the first sign" });

/** One failover, as the flight recorder keeps it. */
export const FailoverSchema = Type.Object(
  {
    epoch: Type.Integer({ description: "the reign that began with it" }),
    kind: word(
      ["death", "unreachable", "planned", "forced"],
      "death: the master has certainly ended; unreachable: it was fenced; planned: writes paused, nothing lost; forced: by the operator",
    ),
    oldMaster: nullable(Type.String()),
    newMaster: Type.String(),
    because: BecauseSchema,
    startedAt: instant("first sign"),
    seen: Type.Array(
      Type.Object({ by: Type.String(), what: Type.String(), atMs: sinceFirstSign }),
      { description: "who saw what, and when" },
    ),
    steps: Type.Array(Type.Object({ name: Type.String(), atMs: sinceFirstSign })),
    candidates: Type.Array(
      Type.Object({
        processId: Type.String(),
        hostname: Type.String(),
        offset: Type.Number({ description: "of its park confirmation; -1: none came" }),
        dataEpoch: Type.Integer({ description: "reign that its data belongs to" }),
        diverged: Type.Boolean({ description: "it may hold writes that the later reign has not" }),
      }),
    ),
    bytesGivenUp: nullable(
      Type.Number({
        description:
          "bytes of the replication stream that the old master had, as far as it was heard, and the new one has not; null: unknown",
      }),
    ),
    writerlessMs: nullable(
      Type.Number({
        description:
          "from the first sign until the new master was seen to accept writes; null: not yet",
      }),
    ),
  },
  { title: "Failover" },
);

/** The failovers of one instance. */
export const FailoverListSchema = Type.Object({
  failovers: Type.Array(FailoverSchema, { description: "the last ones, newest last" }),
});

/** Answer to a failover on request. */
export const FailoverAcceptedSchema = Type.Object({
  epoch: Type.Integer({ description: "of the reign that is to begin; its record shows the end" }),
});

/** Body of a failover on request; for the document only. */
export const FailoverRequestSchema = Type.Object(
  {
    to: Type.Optional(
      nullable(
        Type.String({ description: "id of the process that is to be master; null: the best" }),
      ),
    ),
    force: Type.Optional(
      Type.Boolean({
        default: false,
        description:
          "also when the master cannot be asked, or newer data cannot be reached: writes may be lost",
      }),
    ),
  },
  { title: "FailoverRequest", additionalProperties: false },
);

/** A failover as JSON. */
export type FailoverJson = Static<typeof FailoverSchema>;
