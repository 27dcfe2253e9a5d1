/**
 * Owns the stream of server-sent events over HTTP: its headers, its socket, its end with the server.
 * Not: what is told to whom (events/hub.ts). Called by v2.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { FastifyReply } from "fastify";
import type { EventsSink } from "../events/hub.js";
import { EventStreamSchema } from "./endpoints-schema.js";
import type { ControlPort } from "./port.js";
import { NoQuerySchema } from "./schema.js";
import type { TypedApp } from "./v2-parts.js";

/** Registers `GET /v2/events`; every stream ends when the app closes. */
export function registerEvents(app: TypedApp, port: ControlPort): void {
  const open = new Set<EventsSink>();
  app.addHook("preClose", async () => {
    for (const sink of [...open]) sink.end("whole");
  });
  app.get(
    "/v2/events",
    {
      schema: {
        summary: "Where the instances are, then each change, as server-sent events",
        querystring: NoQuerySchema,
        response: { 200: EventStreamSchema },
      },
    },
    async (request, reply) => {
      reply.headers({
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-store",
        // nginx would gather events otherwise.
        "x-accel-buffering": "no",
      });
      if (request.method === "HEAD") return reply.send("");
      const given = request.headers["last-event-id"];
      const { raw } = reply;
      const sink = sinkOf(reply);
      const reader = port.follow(sink, typeof given === "string" ? given : null);
      open.add(sink);
      const gone = (): void => {
        open.delete(sink);
        reader.close();
      };
      raw.on("drain", () => reader.drained());
      raw.once("close", gone);
      if (raw.destroyed) gone();
      // The peer may go at any moment; `close` follows.
      raw.on("error", () => {});
      return reply;
    },
  );
}

/** The answer as a sink; its head goes out with the first text, so that until then it can be refused. */
function sinkOf(reply: FastifyReply): EventsSink {
  const { raw } = reply;
  return {
    write: (text) => {
      if (!reply.sent) {
        reply.hijack();
        raw.writeHead(200, { ...(reply.getHeaders() as Record<string, string>) });
      }
      return raw.write(text);
    },
    end: (how) => {
      if (how === "whole") raw.end();
      else raw.destroy();
    },
  };
}
