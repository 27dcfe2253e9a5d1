/**
 * Owns directed stories about containers, which may outlive their executors: where rule 11 is needed.
 * Not: the stage (scripts.ts), nor how long they live on (agent.ts). Called by scripts.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Stage } from "./scripts.js";

/** V11: the executor of a master that nothing fences ends, Mesos says so, and its process lives on for a while. */
export function executorLeaves(stage: Stage): void {
  const master = stage.master();
  if (master === null) return;
  const others = stage.others();
  // Without replicas, or with some that only Mesos and the scheduler can reach.
  if (stage.random.chance(0.5)) for (const redis of others) redis.die("SIGKILL", null);
  stage.pass(0, 3_000);
  const { epoch } = stage;
  stage.agentOf(master).killExecutor();
  stage.untilReign(epoch, 20_000);
  stage.pass(0, 10_000);
}

/** V11, rule 10: the executor of a master on a lease ends unheard, just before it would have closed it. */
export function leaseUnguarded(stage: Stage): void {
  const master = stage.master();
  if (master === null) return;
  const { masterLeaseMs } = stage.world.options;
  for (const redis of stage.others()) redis.die("SIGKILL", null);
  stage.pass(0, 4_000);
  const { epoch } = stage;
  const agent = stage.agentOf(master);
  stage.isolate(master, stage.others());
  stage.pass(masterLeaseMs * (0.5 + stage.random.next() * 0.5));
  agent.killExecutor();
  stage.untilReign(epoch, masterLeaseMs + 20_000);
  stage.pass(0, 10_000);
  stage.world.network.healAll();
}
