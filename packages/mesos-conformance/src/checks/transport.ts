/**
 * Owns the checks of single requests and of calls outside a session: C01 to C07, C12, C13, C15, C20.
 * Texts are those of a real master. Called by checklist.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Check } from "../check.js";
import type { Context } from "../context.js";

const json = { "Content-Type": "application/json" } as const;

/** A SUBSCRIBE whose framework would be gone with its stream. */
const subscribeOf = (context: Context, more: object = {}) => ({
  type: "SUBSCRIBE",
  subscribe: {
    framework_info: { ...context.info({ failover_timeout: 0 }), ...more },
    suppressed_roles: [context.means.role],
  },
});

/** The checks. */
export const transportChecks: readonly Check[] = [
  {
    id: "C01",
    title: "GET on the scheduler endpoint: 405, Allow contains POST",
    tags: ["quiet"],
    async run(context) {
      const answer = await context.request("GET", { method: "GET" });
      context.expectAnswer("GET", answer, 405, /^405 Method Not Allowed/);
      context.expect("Allow", answer.headers.allow, /POST/);
    },
  },
  {
    id: "C02",
    title: "POST without Content-Type: 400",
    tags: ["quiet"],
    async run(context) {
      const answer = await context.request("POST {}", { body: "{}" });
      const text = "Expecting 'Content-Type' to be present";
      context.expectAnswer("POST {} without Content-Type", answer, 400, text);
    },
  },
  {
    id: "C03",
    title: "POST with application/json; charset=utf-8: 415",
    tags: ["quiet"],
    async run(context) {
      const headers = { "Content-Type": "application/json; charset=utf-8" };
      const answer = await context.request("POST {}", { headers, body: "{}" });
      const text = "Expecting 'Content-Type' of application/json or application/x-protobuf";
      context.expectAnswer(`POST {} with ${headers["Content-Type"]}`, answer, 415, text);
    },
  },
  {
    id: "C04",
    title: "POST {} as JSON: 400, type is missing",
    tags: ["quiet"],
    async run(context) {
      const answer = await context.request("POST {}", { headers: json, body: "{}" });
      context.expectAnswer("POST {}", answer, 400, /Expecting 'type' to be present/);
    },
  },
  {
    id: "C05",
    title: "SUBSCRIBE without framework_info.user: 400 that names the field",
    tags: ["quiet"],
    async run(context) {
      const answer = await context.post(
        "SUBSCRIBE without user",
        subscribeOf(context, { user: undefined }),
      );
      const text = /Missing required fields: subscribe\.framework_info\.user/;
      context.expectAnswer("SUBSCRIBE without user", answer, 400, text);
    },
  },
  {
    id: "C06",
    title: "SUBSCRIBE with the header Mesos-Stream-Id: 400",
    tags: ["quiet"],
    async run(context) {
      const what = "SUBSCRIBE with Mesos-Stream-Id";
      const answer = await context.post(what, subscribeOf(context), { "Mesos-Stream-Id": "x" });
      const text = /^Subscribe calls should not include the 'Mesos-Stream-Id' header/;
      context.expectAnswer(what, answer, 400, text);
    },
  },
  {
    id: "C07",
    title: "SUBSCRIBE with Accept: text/html: 406",
    tags: ["quiet"],
    async run(context) {
      const what = "SUBSCRIBE with Accept: text/html";
      const answer = await context.post(what, subscribeOf(context), { Accept: "text/html" });
      context.expectAnswer(what, answer, 406, /Expecting 'Accept' to allow/);
    },
  },
  {
    id: "C12",
    title: "DECLINE without, and with a random stream id: 400 with both texts",
    tags: ["quiet"],
    async run(context) {
      const framework = await context.quietFramework();
      const decline = { type: "DECLINE", decline: { offer_ids: [] } } as const;
      context.expectAnswer(
        "DECLINE without a stream id",
        await framework.call(decline, ""),
        400,
        "All non-subscribe calls should include the 'Mesos-Stream-Id' header",
      );
      const random = "11111111-2222-4333-8444-555555555555";
      context.expectAnswer(
        "DECLINE with a random stream id",
        await framework.call(decline, random),
        400,
        `The stream ID '${random}' included in this request didn't match the stream ID currently associated with framework ID ${framework.frameworkId}`,
      );
      context.expectAnswer("DECLINE with the stream id", await framework.call(decline), 202, "");
    },
  },
  {
    id: "C13",
    title: "DECLINE for a framework id that never existed: 400",
    tags: ["quiet"],
    async run(context) {
      const framework = await context.quietFramework();
      const answer = await framework.call({
        type: "DECLINE",
        framework_id: { value: "there-never-was-such-a-framework" },
        decline: { offer_ids: [] },
      });
      context.expectAnswer(
        "DECLINE for an unknown framework",
        answer,
        400,
        "Framework cannot be found",
      );
    },
  },
  {
    id: "C15",
    title: "SUBSCRIBE whose framework_id differs from framework_info.id: 400",
    tags: ["quiet"],
    async run(context) {
      const answer = await context.post("SUBSCRIBE with two ids", {
        ...subscribeOf(context, { id: { value: "a" } }),
        framework_id: { value: "b" },
      });
      const text = /'framework_id' differs from 'subscribe\.framework_info\.id'/;
      context.expectAnswer("SUBSCRIBE with framework ids a and b", answer, 400, text);
    },
  },
  {
    id: "C20",
    title: "calls with camelCase names: 400 as if the field were absent",
    tags: ["quiet"],
    async run(context) {
      const framework = await context.quietFramework();
      const answer = await context.post(
        "DECLINE with frameworkId",
        {
          type: "DECLINE",
          frameworkId: { value: framework.frameworkId },
          decline: { offer_ids: [] },
        },
        { "Mesos-Stream-Id": framework.streamId },
      );
      const text = /Expecting 'framework_id' to be present/;
      context.expectAnswer("DECLINE with frameworkId instead of framework_id", answer, 400, text);
    },
  },
];
