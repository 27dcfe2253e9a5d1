/**
 * Owns the small parts of which the shapes of /v2 are made. Not: the shapes (schema.ts, failover-schema.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { type TSchema, Type } from "typebox";

/** The schema, or null. */
export const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

/** A time of RFC 3339. */
export const instant = (description: string) => Type.String({ format: "date-time", description });

/** One of the words. */
export const word = <const T extends string[]>(words: readonly [...T], description: string) =>
  Type.Enum(words, { description });

/** Ports at proxies. */
export const ProxyPortsSchema = Type.Object(
  {
    write: Type.Integer({ description: "leads to the master" }),
    read: nullable(
      Type.Integer({
        description: "spreads connections over ready replicas; null: there are none",
      }),
    ),
  },
  { title: "ProxyPorts", description: "the same at every proxy for as long as the instance lives" },
);

/** Why something is as it is. */
export const BecauseSchema = Type.Object(
  {
    code: Type.String({ description: "kebab-case" }),
    text: Type.String({ description: "one sentence for people" }),
  },
  { title: "Because" },
);
