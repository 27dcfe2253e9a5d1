/**
 * Owns the part of the schema that only the master's operator API has: its event stream and the state in it.
 * Not: its calls and other answers. Read by schema.ts, as which it is written and checked.
 * Source of the rule: the proto descriptors of Apache Mesos 1.12 (mesos/v1/master and mesos/v1).
 * SPDX-License-Identifier: Apache-2.0
 */

/** Messages by their name within mesos.v1. */
export const operatorMessages = {
  "master.Event": {
    type: { number: 1, type: "master.Event.Type" },
    subscribed: { number: 2, type: "master.Event.Subscribed" },
    task_added: { number: 3, type: "master.Event.TaskAdded" },
    task_updated: { number: 4, type: "master.Event.TaskUpdated" },
    agent_added: { number: 5, type: "master.Event.AgentAdded" },
    agent_removed: { number: 6, type: "master.Event.AgentRemoved" },
    framework_added: { number: 7, type: "master.Event.FrameworkAdded" },
    framework_updated: { number: 8, type: "master.Event.FrameworkUpdated" },
    framework_removed: { number: 9, type: "master.Event.FrameworkRemoved" },
  },
  "master.Event.Subscribed": {
    get_state: { number: 1, type: "master.Response.GetState" },
    heartbeat_interval_seconds: { number: 2, type: "double" },
  },
  "master.Event.TaskAdded": {
    task: { number: 1, type: "Task", rule: "required" },
  },
  "master.Event.TaskUpdated": {
    framework_id: { number: 1, type: "FrameworkID", rule: "required" },
    status: { number: 2, type: "TaskStatus", rule: "required" },
    state: { number: 3, type: "TaskState", rule: "required" },
  },
  "master.Event.AgentAdded": {
    agent: { number: 1, type: "master.Response.GetAgents.Agent", rule: "required" },
  },
  "master.Event.AgentRemoved": {
    agent_id: { number: 1, type: "AgentID", rule: "required" },
  },
  "master.Event.FrameworkAdded": {
    framework: { number: 1, type: "master.Response.GetFrameworks.Framework", rule: "required" },
  },
  "master.Event.FrameworkUpdated": {
    framework: { number: 1, type: "master.Response.GetFrameworks.Framework", rule: "required" },
  },
  "master.Event.FrameworkRemoved": {
    framework_info: { number: 1, type: "FrameworkInfo", rule: "required" },
  },
  "master.Response.GetState": {
    get_tasks: { number: 1, type: "master.Response.GetTasks" },
    get_executors: { number: 2, type: "master.Response.GetExecutors" },
    get_frameworks: { number: 3, type: "master.Response.GetFrameworks" },
    get_agents: { number: 4, type: "master.Response.GetAgents" },
  },
  "master.Response.GetTasks": {
    pending_tasks: { number: 1, type: "Task", rule: "repeated", deprecated: true },
    tasks: { number: 2, type: "Task", rule: "repeated" },
    completed_tasks: { number: 3, type: "Task", rule: "repeated" },
    orphan_tasks: { number: 4, type: "Task", rule: "repeated", deprecated: true },
    unreachable_tasks: { number: 5, type: "Task", rule: "repeated" },
  },
  "master.Response.GetExecutors": {
    executors: { number: 1, type: "master.Response.GetExecutors.Executor", rule: "repeated" },
    orphan_executors: {
      number: 2,
      type: "master.Response.GetExecutors.Executor",
      rule: "repeated",
      deprecated: true,
    },
  },
  "master.Response.GetExecutors.Executor": {
    executor_info: { number: 1, type: "ExecutorInfo", rule: "required" },
    agent_id: { number: 2, type: "AgentID", rule: "required" },
  },
  "master.Response.GetFrameworks": {
    frameworks: { number: 1, type: "master.Response.GetFrameworks.Framework", rule: "repeated" },
    completed_frameworks: {
      number: 2,
      type: "master.Response.GetFrameworks.Framework",
      rule: "repeated",
    },
    recovered_frameworks: { number: 3, type: "FrameworkInfo", rule: "repeated", deprecated: true },
  },
  "master.Response.GetFrameworks.Framework": {
    framework_info: { number: 1, type: "FrameworkInfo", rule: "required" },
    active: { number: 2, type: "bool", rule: "required" },
    connected: { number: 3, type: "bool", rule: "required" },
    registered_time: { number: 4, type: "TimeInfo" },
    reregistered_time: { number: 5, type: "TimeInfo" },
    unregistered_time: { number: 6, type: "TimeInfo" },
    offers: { number: 7, type: "Offer", rule: "repeated" },
    inverse_offers: { number: 8, type: "InverseOffer", rule: "repeated" },
    allocated_resources: { number: 9, type: "Resource", rule: "repeated" },
    offered_resources: { number: 10, type: "Resource", rule: "repeated" },
    recovered: { number: 11, type: "bool", rule: "required" },
    offer_constraints: { number: 12, type: "scheduler.OfferConstraints" },
  },
  "master.Response.GetAgents": {
    agents: { number: 1, type: "master.Response.GetAgents.Agent", rule: "repeated" },
    recovered_agents: { number: 2, type: "AgentInfo", rule: "repeated" },
  },
  "master.Response.GetAgents.Agent": {
    agent_info: { number: 1, type: "AgentInfo", rule: "required" },
    active: { number: 2, type: "bool", rule: "required" },
    version: { number: 3, type: "string", rule: "required" },
    pid: { number: 4, type: "string" },
    registered_time: { number: 5, type: "TimeInfo" },
    reregistered_time: { number: 6, type: "TimeInfo" },
    total_resources: { number: 7, type: "Resource", rule: "repeated" },
    allocated_resources: { number: 8, type: "Resource", rule: "repeated" },
    offered_resources: { number: 9, type: "Resource", rule: "repeated" },
    capabilities: { number: 10, type: "AgentInfo.Capability", rule: "repeated" },
    deactivated: { number: 12, type: "bool" },
    drain_info: { number: 13, type: "DrainInfo" },
    estimated_drain_start_time: { number: 14, type: "TimeInfo" },
  },
  "AgentInfo.Capability": {
    type: { number: 1, type: "AgentInfo.Capability.Type" },
  },
  DrainInfo: {
    state: { number: 1, type: "DrainState", rule: "required" },
    config: { number: 2, type: "DrainConfig", rule: "required" },
  },
  DrainConfig: {
    max_grace_period: { number: 1, type: "DurationInfo" },
    mark_gone: { number: 2, type: "bool", default: false },
  },
  Task: {
    name: { number: 1, type: "string", rule: "required" },
    task_id: { number: 2, type: "TaskID", rule: "required" },
    framework_id: { number: 3, type: "FrameworkID", rule: "required" },
    executor_id: { number: 4, type: "ExecutorID" },
    agent_id: { number: 5, type: "AgentID", rule: "required" },
    state: { number: 6, type: "TaskState", rule: "required" },
    resources: { number: 7, type: "Resource", rule: "repeated" },
    statuses: { number: 8, type: "TaskStatus", rule: "repeated" },
    status_update_state: { number: 9, type: "TaskState" },
    status_update_uuid: { number: 10, type: "bytes" },
    labels: { number: 11, type: "Labels" },
    discovery: { number: 12, type: "DiscoveryInfo" },
    container: { number: 13, type: "ContainerInfo" },
    user: { number: 14, type: "string" },
    health_check: { number: 15, type: "HealthCheck" },
    kill_policy: { number: 16, type: "KillPolicy" },
    limits: { number: 17, type: "Value.Scalar", rule: "map" },
  },
} as const;

/** Enums: name to number. */
export const operatorEnums = {
  "master.Event.Type": {
    UNKNOWN: 0,
    SUBSCRIBED: 1,
    TASK_ADDED: 2,
    TASK_UPDATED: 3,
    AGENT_ADDED: 4,
    AGENT_REMOVED: 5,
    FRAMEWORK_ADDED: 6,
    FRAMEWORK_UPDATED: 7,
    FRAMEWORK_REMOVED: 8,
    HEARTBEAT: 9,
  },
} as const;
