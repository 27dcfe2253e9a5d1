/**
 * Owns the route that has other passwords made for the users of an instance. Not: the passwords (v2-connection.ts tells
 * them), nor any decision (port.ts). Called by v2.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { MrrError, parseRotation, rotationGraceMsMax, unreachable } from "@mr-redis/core";
import { Type } from "typebox";
import type { ControlPort } from "./port.js";
import { invalidRequest } from "./problem.js";
import { NameSchema, NoQuerySchema } from "./schema.js";
import { instant, nullable } from "./schema-parts.js";
import { bodyOf, notFound, type TypedApp } from "./v2-parts.js";

const RotationRequestSchema = Type.Object(
  {
    graceSeconds: Type.Optional(
      nullable(
        Type.Integer({
          minimum: 0,
          maximum: rotationGraceMsMax / 1_000,
          description: "how long the passwords of now are accepted as well; default: SecretGraceS",
        }),
      ),
    ),
  },
  { title: "RotationRequest", additionalProperties: false },
);

/** What became of a rotation; no password is in it. */
export const RotationSchema = Type.Object(
  {
    rotatedAt: instant("when the passwords that are in force now were made"),
    previousUntil: nullable(
      instant("until when the passwords of before are accepted as well; null: they are not"),
    ),
    pending: Type.Array(Type.String(), {
      description: "ids of processes that have not said yet that they accept the new passwords",
    }),
  },
  { title: "Rotation" },
);

/** Registers `POST /v2/instances/{name}/rotate-secret`. */
export function registerRotation(app: TypedApp, port: ControlPort, graceMsDefault: number): void {
  app.post(
    "/v2/instances/:name/rotate-secret",
    {
      schema: {
        summary: "Make other passwords for the users of an instance; no connection is cut",
        params: NameSchema,
        querystring: NoQuerySchema,
        body: RotationRequestSchema,
        response: { 200: RotationSchema },
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      const body: unknown = request.body;
      const isEmpty = body === undefined || body === null || body === "";
      const wish = parseRotation(isEmpty ? null : bodyOf(body));
      if (!wish.ok) throw invalidRequest(wish.problems);
      const outcome = await port.rotate({ name, graceMs: wish.value.graceMs ?? graceMsDefault });
      switch (outcome.type) {
        case "rotated": {
          const { users } = outcome.view.document;
          if (users === undefined) throw notFound(name);
          const { rotatedAtMs, previousUntilMs } = users;
          return reply.code(200).send({
            rotatedAt: new Date(rotatedAtMs).toISOString(),
            previousUntil:
              previousUntilMs === null ? null : new Date(previousUntilMs).toISOString(),
            pending: [...outcome.pending],
          });
        }
        case "not-found":
          throw notFound(name);
        case "refused":
          throw new MrrError("rotation-refused", outcome.text, {
            details: { reason: outcome.code },
          });
        case "failed":
          throw outcome.error;
        default:
          return unreachable(outcome);
      }
    },
  );
}
