/**
 * Owns the routes of /v1: the ancestor's methods, paths, texts and codes.
 * Not: what is deliberately different (v1-deviations.ts lists it), nor any decision (port.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import { setImmediate } from "node:timers/promises";
import { type MrrError, parseCreateV1, unreachable } from "@mr-redis/core";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { statusBatchCount } from "./limits.js";
import type { ControlPort } from "./port.js";
import { HttpRefusal, invalidRequest, mrrErrorOf, sendErrorText, sendText } from "./problem.js";
import { instanceV1 } from "./v1-status.js";

/** Text of every unknown path outside /v2. */
export const notFoundText =
  "404 page not found. The API is at /v1 and /v2, its description at /v2/openapi.json";

/** Text of the UPDATE routes. */
export const updateText = "Changing the memory or the slaves of an instance is not supported yet";

/** What /v1 needs. */
export interface V1Options {
  readonly port: ControlPort;
  readonly bodyBytesMax: number;
  /** Called with what answers 500. */
  readonly onDefect: (error: MrrError, request: FastifyRequest) => void;
}

/** Registers the routes; the caller gives the prefix `/v1`. */
export function registerV1(app: FastifyInstance, options: V1Options): void {
  const { port } = options;
  app.setErrorHandler((thrown, request, reply) => {
    const error = mrrErrorOf(thrown, request.id, options.bodyBytesMax);
    if (error.code === "internal") options.onDefect(error, request);
    return sendErrorText(reply, error);
  });
  // The ancestor's router saw neither empty segments nor encoded slashes as part of a name.
  app.addHook("preHandler", async (request) => {
    for (const value of Object.values(request.params as Record<string, string>)) {
      if (value === "" || value.includes("/")) throw new HttpRefusal(404, notFoundText);
    }
  });
  app.post("/CREATE/:name/:memory/:masters/:slaves", (request, reply) =>
    create(port, request, reply),
  );
  app.delete("/DELETE/:name", (request, reply) => remove(port, nameOf(request), reply));
  const noHead = { exposeHeadRoute: false };
  app.get("/STATUS/:name", noHead, (request, reply) => status(port, nameOf(request), reply));
  app.get("/STATUS", noHead, (_request, reply) => statusAll(port, reply));
  app.put("/UPDATE/:name/Memory/:memory", (_request, reply) => sendText(reply, 501, updateText));
  app.put("/UPDATE/:name/SLAVES/:slaves", (_request, reply) => sendText(reply, 501, updateText));
}

const nameOf = (request: FastifyRequest): string => (request.params as { name: string }).name;

async function create(
  port: ControlPort,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const path = request.params as { name: string; memory: string; masters: string; slaves: string };
  const body = typeof request.body === "string" && request.body !== "" ? request.body : null;
  const wanted = parseCreateV1(path, body);
  if (!wanted.ok) throw invalidRequest(wanted.problems);
  const { name } = wanted.value;
  const outcome = await port.create(wanted.value);
  const accepted = "Request Accepted, Instance will be created.";
  switch (outcome.type) {
    case "created":
      return sendText(reply, 201, accepted);
    case "recreated":
      return sendText(
        reply,
        201,
        `Instance ${name} already exist, but in deleted state re-creating it${accepted}`,
      );
    case "exists":
      return sendText(reply, 200, `Instance ${name} already exist, cannot be created`);
    case "failed":
      throw outcome.error;
    default:
      return unreachable(outcome);
  }
}

async function remove(port: ControlPort, name: string, reply: FastifyReply): Promise<FastifyReply> {
  const outcome = await port.remove(name);
  switch (outcome.type) {
    case "accepted":
      return sendText(reply, 200, "Request Placed for destroying");
    case "already-deleted":
      return sendText(reply, 401, `Instance ${name} is already deleted`);
    case "not-found":
      return sendText(reply, 401, `Instance ${name} does not exist, cannot be deleted`);
    case "failed":
      throw outcome.error;
    default:
      return unreachable(outcome);
  }
}

function status(port: ControlPort, name: string, reply: FastifyReply): FastifyReply {
  const view = port.view(name);
  if (view === null) return sendText(reply, 501, `Instance ${name} does not exist, error`);
  return sendText(reply, 200, JSON.stringify(instanceV1(view)));
}

/** All RUNNING ones, written in several turns so that 10,000 of them do not hold up everything else. */
async function statusAll(port: ControlPort, reply: FastifyReply): Promise<FastifyReply> {
  const parts: string[] = [];
  for (const view of port.listRunning()) {
    parts.push(JSON.stringify(instanceV1(view)));
    if (parts.length % statusBatchCount === 0) await setImmediate();
  }
  return sendText(reply, 200, `[${parts.join(",")}]`);
}
