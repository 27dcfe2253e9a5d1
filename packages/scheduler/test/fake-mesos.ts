/**
 * Owns a Mesos master for tests with several schedulers in one process: subscriptions, framework ids, failover, tasks that
 * exist by name. Not: agents, executors, or anything kinder or stricter than what these tests look at (packages/local is).
 * SPDX-License-Identifier: Apache-2.0
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { encodeRecord, jsonCodec } from "@mr-redis/mesos";

/** A call as it came; of what it holds, tests look at few things. */
export interface SeenCall {
  readonly type: string;
  readonly frameworkId: string | null;
  // biome-ignore lint/suspicious/noExplicitAny: tests reach into messages whose shape they know
  readonly body: any;
}

interface Subscription {
  readonly frameworkId: string;
  readonly response: ServerResponse;
}

/** A task that Mesos knows. */
export interface FakeTask {
  readonly agentId: string;
  readonly state: "TASK_STAGING" | "TASK_RUNNING";
}

/** See the head of this file. */
export class FakeMesos {
  readonly calls: SeenCall[] = [];
  /** Every framework that was registered. */
  readonly frameworkIds: string[] = [];
  readonly tasks = new Map<string, FakeTask>();
  /** Ids that can never be used again. */
  readonly removed = new Set<string>();
  /** While it is true, REVIVE brings an offer of each agent. */
  offers = false;
  /** The role that the offers are for, and what all of them is reserved for: fields of a Resource. */
  role = "*";
  reserved: Readonly<Record<string, unknown>> = {};
  readonly #server: Server;
  readonly #subscriptions = new Map<string, Subscription>();
  #count = 0;

  constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
    this.#server.keepAliveTimeout = 0;
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return this;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get subscribed(): readonly string[] {
    return [...this.#subscriptions.keys()];
  }

  of(type: string): readonly SeenCall[] {
    return this.calls.filter((call) => call.type === type);
  }

  /** Task ids of every LAUNCH so far. */
  launched(): string[] {
    return this.of("ACCEPT").flatMap(({ body }) =>
      // biome-ignore lint/suspicious/noExplicitAny: as above
      body.accept.operations.flatMap((operation: any) =>
        // biome-ignore lint/suspicious/noExplicitAny: as above
        operation.launch.task_infos.map((task: any) => task.task_id.value as string),
      ),
    );
  }

  /** The framework's stream is told that another scheduler took over, as Mesos does it. */
  failOver(frameworkId: string): void {
    const subscription = this.#subscriptions.get(frameworkId);
    if (subscription === undefined) return;
    this.#subscriptions.delete(frameworkId);
    const error = { type: "ERROR", error: { message: "Framework failed over" } };
    this.#send(subscription, error);
    subscription.response.end();
  }

  /** The operator removes the framework: its tasks and its stream end without a word, its id is dead. */
  remove(frameworkId: string): void {
    this.removed.add(frameworkId);
    this.tasks.clear();
    this.drop(frameworkId);
  }

  /** The framework's stream ends without a word. */
  drop(frameworkId: string): void {
    const subscription = this.#subscriptions.get(frameworkId);
    this.#subscriptions.delete(frameworkId);
    subscription?.response.socket?.destroy();
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const body = JSON.parse(Buffer.concat(parts).toString());
    const frameworkId = body.framework_id?.value ?? null;
    this.calls.push({ type: body.type, frameworkId, body });
    if (body.type === "SUBSCRIBE") {
      this.#subscribe(frameworkId, response);
      return;
    }
    const subscription = this.#subscriptions.get(frameworkId);
    if (subscription === undefined) {
      response.writeHead(403).end("Framework is not subscribed");
      return;
    }
    response.writeHead(202).end();
    this.#act(subscription, body);
  }

  #subscribe(known: string | null, response: ServerResponse): void {
    if (known !== null && this.removed.has(known)) {
      response.writeHead(200, {
        "content-type": "application/json",
        "mesos-stream-id": "of-nobody",
      });
      const error = { type: "ERROR", error: { message: "Framework has been removed" } };
      this.#send({ frameworkId: known, response }, error);
      response.end();
      return;
    }
    const frameworkId = known ?? `framework-${this.frameworkIds.length + 1}`;
    if (!this.frameworkIds.includes(frameworkId)) this.frameworkIds.push(frameworkId);
    this.failOver(frameworkId);
    this.#count += 1;
    response.writeHead(200, {
      "content-type": "application/json",
      "mesos-stream-id": `stream-${this.#count}`,
    });
    const subscription = { frameworkId, response };
    this.#subscriptions.set(frameworkId, subscription);
    response.on("close", () => {
      if (this.#subscriptions.get(frameworkId) === subscription) {
        this.#subscriptions.delete(frameworkId);
      }
    });
    this.#send(subscription, {
      type: "SUBSCRIBED",
      subscribed: { framework_id: { value: frameworkId }, heartbeat_interval_seconds: 15 },
    });
  }

  // biome-ignore lint/suspicious/noExplicitAny: as above
  #act(subscription: Subscription, body: any): void {
    switch (body.type) {
      case "REVIVE":
        if (this.offers) this.#offer(subscription);
        break;
      case "ACCEPT":
        for (const operation of body.accept.operations) {
          for (const task of operation.launch.task_infos) {
            const agentId = task.agent_id.value;
            this.tasks.set(task.task_id.value, { agentId, state: "TASK_STAGING" });
          }
        }
        break;
      case "RECONCILE": {
        const asked = body.reconcile?.tasks ?? [];
        const all = [...this.tasks].map(([id, { agentId }]) => [id, agentId]);
        const wanted = asked.map(
          (task: { task_id: { value: string }; agent_id: { value: string } }) => [
            task.task_id.value,
            task.agent_id.value,
          ],
        );
        for (const [id, agentId] of wanted.length === 0 ? all : wanted) {
          const state = this.tasks.get(id)?.state ?? "TASK_GONE";
          this.#update(subscription, id, agentId, state, "REASON_RECONCILIATION");
        }
        break;
      }
      case "KILL": {
        const id = body.kill.task_id.value;
        const agentId = this.tasks.get(id)?.agentId ?? body.kill.agent_id?.value ?? "agent-1";
        this.tasks.delete(id);
        this.#update(subscription, id, agentId, "TASK_KILLED");
        break;
      }
      default:
        break;
    }
  }

  #offer(subscription: Subscription): void {
    this.#count += 1;
    const role = { allocation_info: { role: this.role } };
    const scalar = (name: string, value: number) => ({
      ...{ name, type: "SCALAR", scalar: { value } },
      ...role,
      ...this.reserved,
    });
    const ports = { range: [{ begin: 7_000, end: 7_100 }] };
    const offer = {
      id: { value: `offer-${this.#count}` },
      framework_id: { value: subscription.frameworkId },
      agent_id: { value: "agent-1" },
      hostname: "host-1",
      ...role,
      resources: [
        scalar("cpus", 8),
        scalar("mem", 8_000),
        { name: "ports", type: "RANGES", ranges: ports, ...role, ...this.reserved },
      ],
    };
    this.#send(subscription, { type: "OFFERS", offers: { offers: [offer] } });
  }

  #update(
    subscription: Subscription,
    taskId: string,
    agentId: string,
    state: string,
    reason?: string,
  ): void {
    const status = {
      task_id: { value: taskId },
      agent_id: { value: agentId },
      state,
      source: "SOURCE_MASTER",
      ...(reason === undefined ? {} : { reason }),
    };
    this.#send(subscription, { type: "UPDATE", update: { status } });
  }

  #send(subscription: Subscription, event: object): void {
    subscription.response.write(encodeRecord(jsonCodec.encode("scheduler.Event", event)));
  }
}
