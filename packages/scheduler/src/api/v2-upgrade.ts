/**
 * Owns the routes of /v2 for the upgrade of executors. Not: the upgrade (core), nor its shapes (schema-upgrade.ts).
 * Called by v2.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { type Parsed, parsed, refused, type UpgradeView } from "@mr-redis/core";
import type { ControlPort, UpgradeAction } from "./port.js";
import { invalidRequest } from "./problem.js";
import { NoQuerySchema } from "./schema.js";
import { UpgradeActionSchema, type UpgradeJson, UpgradeSchema } from "./schema-upgrade.js";
import { bodyOf, type TypedApp } from "./v2-parts.js";

/** Registers `GET` and `POST /v2/upgrade`. */
export function registerUpgrade(app: TypedApp, port: ControlPort): void {
  app.get(
    "/v2/upgrade",
    {
      schema: {
        summary: "How far the upgrade of executors is",
        querystring: NoQuerySchema,
        response: { 200: UpgradeSchema },
      },
    },
    async () => upgradeJson(port.upgrade()),
  );
  app.post(
    "/v2/upgrade",
    {
      schema: {
        summary: "Start, pause or resume the upgrade of executors",
        querystring: NoQuerySchema,
        body: UpgradeActionSchema,
        response: { 202: UpgradeSchema },
      },
    },
    async (request, reply) => {
      const action = actionOf(bodyOf(request.body));
      if (!action.ok) throw invalidRequest(action.problems);
      return reply.code(202).send(upgradeJson(await port.changeUpgrade(action.value)));
    },
  );
}

const actions: readonly UpgradeAction[] = ["start", "pause", "resume"];

function actionOf(body: unknown): Parsed<UpgradeAction> {
  const rule = `must be one of ${actions.join(", ")}`;
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    return refused("body", "must be a JSON object");
  }
  const unknown = Object.keys(body).find((key) => key !== "action");
  if (unknown !== undefined) return refused("body", "may have the field action alone");
  const action = actions.find((each) => "action" in body && body.action === each);
  return action === undefined ? refused("action", rule) : parsed(action);
}

const upgradeJson = (view: UpgradeView): UpgradeJson => ({
  state: view.state,
  version: view.version,
  instances: view.instances,
  behind: view.behind,
  processesBehind: view.processesBehind,
  current: view.current,
  left: view.left.map(({ name, because }) => ({
    name,
    reason: { code: because.code, text: because.text },
  })),
});
