/**
 * Owns the subset of the Mesos v1 messages that mr-redis speaks: field names, numbers, presence, defaults (proto2).
 * Not: how they are encoded (codecs), what they mean (sessions). Read by the codecs and by the generator of types.ts.
 * Source of the rule: the proto descriptors of Apache Mesos 1.12 (mesos/v1, scheduler and executor packages).
 * SPDX-License-Identifier: Apache-2.0
 */
import { operatorEnums, operatorMessages } from "./schema-operator.js";

/** A scalar type of proto2; 64-bit integers are JSON numbers here, bytes are base64 strings in JSON. */
export type ScalarType =
  | "string"
  | "bytes"
  | "bool"
  | "int32"
  | "int64"
  | "uint32"
  | "uint64"
  | "double";

/** One field of a message. `deprecated` matters for JSON output: the default of such a field is not written. */
export interface FieldSchema {
  readonly number: number;
  readonly type: string;
  readonly rule?: "required" | "repeated" | "map";
  readonly default?: string | number | boolean;
  readonly deprecated?: true;
}

/** The messages by their name within mesos.v1 (`scheduler.` and `executor.` prefixes for those packages). */
export const messageSchemas = {
  FrameworkID: {
    value: { number: 1, type: "string", rule: "required" },
  },
  OfferID: {
    value: { number: 1, type: "string", rule: "required" },
  },
  AgentID: {
    value: { number: 1, type: "string", rule: "required" },
  },
  TaskID: {
    value: { number: 1, type: "string", rule: "required" },
  },
  ExecutorID: {
    value: { number: 1, type: "string", rule: "required" },
  },
  ContainerID: {
    value: { number: 1, type: "string", rule: "required" },
    parent: { number: 2, type: "ContainerID" },
  },
  ResourceProviderID: {
    value: { number: 1, type: "string", rule: "required" },
  },
  OperationID: {
    value: { number: 1, type: "string", rule: "required" },
  },
  UUID: {
    value: { number: 1, type: "bytes", rule: "required" },
  },
  TimeInfo: {
    nanoseconds: { number: 1, type: "int64", rule: "required" },
  },
  DurationInfo: {
    nanoseconds: { number: 1, type: "int64", rule: "required" },
  },
  Address: {
    hostname: { number: 1, type: "string" },
    ip: { number: 2, type: "string" },
    port: { number: 3, type: "int32", rule: "required" },
  },
  URL: {
    scheme: { number: 1, type: "string", rule: "required" },
    address: { number: 2, type: "Address", rule: "required" },
    path: { number: 3, type: "string" },
    query: { number: 4, type: "Parameter", rule: "repeated" },
    fragment: { number: 5, type: "string" },
  },
  Parameter: {
    key: { number: 1, type: "string", rule: "required" },
    value: { number: 2, type: "string", rule: "required" },
  },
  Parameters: {
    parameter: { number: 1, type: "Parameter", rule: "repeated" },
  },
  Unavailability: {
    start: { number: 1, type: "TimeInfo", rule: "required" },
    duration: { number: 2, type: "DurationInfo" },
  },
  Labels: {
    labels: { number: 1, type: "Label", rule: "repeated" },
  },
  Label: {
    key: { number: 1, type: "string", rule: "required" },
    value: { number: 2, type: "string" },
  },
  FrameworkInfo: {
    user: { number: 1, type: "string", rule: "required" },
    name: { number: 2, type: "string", rule: "required" },
    id: { number: 3, type: "FrameworkID" },
    failover_timeout: { number: 4, type: "double", default: 0 },
    checkpoint: { number: 5, type: "bool", default: false },
    role: { number: 6, type: "string", default: "*", deprecated: true },
    hostname: { number: 7, type: "string" },
    principal: { number: 8, type: "string" },
    webui_url: { number: 9, type: "string" },
    capabilities: { number: 10, type: "FrameworkInfo.Capability", rule: "repeated" },
    labels: { number: 11, type: "Labels" },
    roles: { number: 12, type: "string", rule: "repeated" },
    offer_filters: { number: 13, type: "OfferFilters", rule: "map" },
  },
  "FrameworkInfo.Capability": {
    type: { number: 1, type: "FrameworkInfo.Capability.Type" },
  },
  OfferFilters: {
    min_allocatable_resources: { number: 1, type: "OfferFilters.MinAllocatableResources" },
  },
  "OfferFilters.MinAllocatableResources": {
    quantities: { number: 1, type: "OfferFilters.ResourceQuantities", rule: "repeated" },
  },
  "OfferFilters.ResourceQuantities": {
    quantities: { number: 1, type: "Value.Scalar", rule: "map" },
  },
  MasterInfo: {
    id: { number: 1, type: "string", rule: "required" },
    ip: { number: 2, type: "uint32", rule: "required" },
    port: { number: 3, type: "uint32", rule: "required", default: 5050 },
    pid: { number: 4, type: "string" },
    hostname: { number: 5, type: "string" },
    version: { number: 6, type: "string" },
    address: { number: 7, type: "Address" },
    domain: { number: 8, type: "DomainInfo" },
    capabilities: { number: 9, type: "MasterInfo.Capability", rule: "repeated" },
  },
  "MasterInfo.Capability": {
    type: { number: 1, type: "MasterInfo.Capability.Type" },
  },
  AgentInfo: {
    hostname: { number: 1, type: "string", rule: "required" },
    resources: { number: 3, type: "Resource", rule: "repeated" },
    attributes: { number: 5, type: "Attribute", rule: "repeated" },
    id: { number: 6, type: "AgentID" },
    port: { number: 8, type: "int32", default: 5051 },
    domain: { number: 10, type: "DomainInfo" },
  },
  DomainInfo: {
    fault_domain: { number: 1, type: "DomainInfo.FaultDomain" },
  },
  "DomainInfo.FaultDomain": {
    region: { number: 1, type: "DomainInfo.FaultDomain.RegionInfo", rule: "required" },
    zone: { number: 2, type: "DomainInfo.FaultDomain.ZoneInfo", rule: "required" },
  },
  "DomainInfo.FaultDomain.RegionInfo": {
    name: { number: 1, type: "string", rule: "required" },
  },
  "DomainInfo.FaultDomain.ZoneInfo": {
    name: { number: 1, type: "string", rule: "required" },
  },
  Attribute: {
    name: { number: 1, type: "string", rule: "required" },
    type: { number: 2, type: "Value.Type", rule: "required" },
    scalar: { number: 3, type: "Value.Scalar" },
    ranges: { number: 4, type: "Value.Ranges" },
    text: { number: 5, type: "Value.Text" },
    set: { number: 6, type: "Value.Set" },
  },
  "Value.Scalar": {
    value: { number: 1, type: "double", rule: "required" },
  },
  "Value.Range": {
    begin: { number: 1, type: "uint64", rule: "required" },
    end: { number: 2, type: "uint64", rule: "required" },
  },
  "Value.Ranges": {
    range: { number: 1, type: "Value.Range", rule: "repeated" },
  },
  "Value.Set": {
    item: { number: 1, type: "string", rule: "repeated" },
  },
  "Value.Text": {
    value: { number: 1, type: "string", rule: "required" },
  },
  Resource: {
    name: { number: 1, type: "string", rule: "required" },
    type: { number: 2, type: "Value.Type", rule: "required" },
    scalar: { number: 3, type: "Value.Scalar" },
    ranges: { number: 4, type: "Value.Ranges" },
    set: { number: 5, type: "Value.Set" },
    role: { number: 6, type: "string", default: "*", deprecated: true },
    disk: { number: 7, type: "Resource.DiskInfo" },
    reservation: { number: 8, type: "Resource.ReservationInfo" },
    revocable: { number: 9, type: "Resource.RevocableInfo" },
    shared: { number: 10, type: "Resource.SharedInfo" },
    allocation_info: { number: 11, type: "Resource.AllocationInfo" },
    provider_id: { number: 12, type: "ResourceProviderID" },
    reservations: { number: 13, type: "Resource.ReservationInfo", rule: "repeated" },
  },
  "Resource.AllocationInfo": {
    role: { number: 1, type: "string" },
  },
  "Resource.ReservationInfo": {
    principal: { number: 1, type: "string" },
    labels: { number: 2, type: "Labels" },
    role: { number: 3, type: "string" },
    type: { number: 4, type: "Resource.ReservationInfo.Type" },
  },
  "Resource.DiskInfo": {
    persistence: { number: 1, type: "Resource.DiskInfo.Persistence" },
    volume: { number: 2, type: "Volume" },
    source: { number: 3, type: "Resource.DiskInfo.Source" },
  },
  "Resource.DiskInfo.Persistence": {
    id: { number: 1, type: "string", rule: "required" },
    principal: { number: 2, type: "string" },
  },
  "Resource.DiskInfo.Source": {
    type: { number: 1, type: "Resource.DiskInfo.Source.Type", rule: "required" },
    path: { number: 2, type: "Resource.DiskInfo.Source.Path" },
    mount: { number: 3, type: "Resource.DiskInfo.Source.Mount" },
    id: { number: 4, type: "string" },
    metadata: { number: 5, type: "Labels" },
    profile: { number: 6, type: "string" },
    vendor: { number: 7, type: "string" },
  },
  "Resource.DiskInfo.Source.Path": {
    root: { number: 1, type: "string" },
  },
  "Resource.DiskInfo.Source.Mount": {
    root: { number: 1, type: "string" },
  },
  "Resource.RevocableInfo": {},
  "Resource.SharedInfo": {},
  Offer: {
    id: { number: 1, type: "OfferID", rule: "required" },
    framework_id: { number: 2, type: "FrameworkID", rule: "required" },
    agent_id: { number: 3, type: "AgentID", rule: "required" },
    hostname: { number: 4, type: "string", rule: "required" },
    resources: { number: 5, type: "Resource", rule: "repeated" },
    executor_ids: { number: 6, type: "ExecutorID", rule: "repeated" },
    attributes: { number: 7, type: "Attribute", rule: "repeated" },
    url: { number: 8, type: "URL" },
    unavailability: { number: 9, type: "Unavailability" },
    allocation_info: { number: 10, type: "Resource.AllocationInfo" },
    domain: { number: 11, type: "DomainInfo" },
  },
  "Offer.Operation": {
    type: { number: 1, type: "Offer.Operation.Type" },
    launch: { number: 2, type: "Offer.Operation.Launch" },
    reserve: { number: 3, type: "Offer.Operation.Reserve" },
    unreserve: { number: 4, type: "Offer.Operation.Unreserve" },
    create: { number: 5, type: "Offer.Operation.Create" },
    destroy: { number: 6, type: "Offer.Operation.Destroy" },
    launch_group: { number: 7, type: "Offer.Operation.LaunchGroup" },
    id: { number: 12, type: "OperationID" },
    grow_volume: { number: 13, type: "Offer.Operation.GrowVolume" },
    shrink_volume: { number: 14, type: "Offer.Operation.ShrinkVolume" },
  },
  "Offer.Operation.Launch": {
    task_infos: { number: 1, type: "TaskInfo", rule: "repeated" },
  },
  "Offer.Operation.LaunchGroup": {
    executor: { number: 1, type: "ExecutorInfo", rule: "required" },
    task_group: { number: 2, type: "TaskGroupInfo", rule: "required" },
  },
  "Offer.Operation.Reserve": {
    resources: { number: 1, type: "Resource", rule: "repeated" },
    source: { number: 2, type: "Resource", rule: "repeated" },
  },
  "Offer.Operation.Unreserve": {
    resources: { number: 1, type: "Resource", rule: "repeated" },
  },
  "Offer.Operation.Create": {
    volumes: { number: 1, type: "Resource", rule: "repeated" },
  },
  "Offer.Operation.Destroy": {
    volumes: { number: 1, type: "Resource", rule: "repeated" },
  },
  "Offer.Operation.GrowVolume": {
    volume: { number: 1, type: "Resource", rule: "required" },
    addition: { number: 2, type: "Resource", rule: "required" },
  },
  "Offer.Operation.ShrinkVolume": {
    volume: { number: 1, type: "Resource", rule: "required" },
    subtract: { number: 2, type: "Value.Scalar", rule: "required" },
  },
  InverseOffer: {
    id: { number: 1, type: "OfferID", rule: "required" },
    url: { number: 2, type: "URL" },
    framework_id: { number: 3, type: "FrameworkID", rule: "required" },
    agent_id: { number: 4, type: "AgentID" },
    unavailability: { number: 5, type: "Unavailability", rule: "required" },
    resources: { number: 6, type: "Resource", rule: "repeated" },
  },
  Filters: {
    refuse_seconds: { number: 1, type: "double", default: 5 },
  },
  Request: {
    agent_id: { number: 1, type: "AgentID" },
    resources: { number: 2, type: "Resource", rule: "repeated" },
  },
  OperationStatus: {
    operation_id: { number: 1, type: "OperationID" },
    state: { number: 2, type: "OperationState", rule: "required" },
    message: { number: 3, type: "string" },
    converted_resources: { number: 4, type: "Resource", rule: "repeated" },
    uuid: { number: 5, type: "UUID" },
    agent_id: { number: 6, type: "AgentID" },
    resource_provider_id: { number: 7, type: "ResourceProviderID" },
  },
  TaskInfo: {
    name: { number: 1, type: "string", rule: "required" },
    task_id: { number: 2, type: "TaskID", rule: "required" },
    agent_id: { number: 3, type: "AgentID", rule: "required" },
    resources: { number: 4, type: "Resource", rule: "repeated" },
    executor: { number: 5, type: "ExecutorInfo" },
    data: { number: 6, type: "bytes" },
    command: { number: 7, type: "CommandInfo" },
    health_check: { number: 8, type: "HealthCheck" },
    container: { number: 9, type: "ContainerInfo" },
    labels: { number: 10, type: "Labels" },
    discovery: { number: 11, type: "DiscoveryInfo" },
    kill_policy: { number: 12, type: "KillPolicy" },
    check: { number: 13, type: "CheckInfo" },
    max_completion_time: { number: 14, type: "DurationInfo" },
    limits: { number: 15, type: "Value.Scalar", rule: "map" },
  },
  TaskGroupInfo: {
    tasks: { number: 1, type: "TaskInfo", rule: "repeated" },
  },
  ExecutorInfo: {
    executor_id: { number: 1, type: "ExecutorID", rule: "required" },
    data: { number: 4, type: "bytes" },
    resources: { number: 5, type: "Resource", rule: "repeated" },
    command: { number: 7, type: "CommandInfo" },
    framework_id: { number: 8, type: "FrameworkID" },
    name: { number: 9, type: "string" },
    source: { number: 10, type: "string", deprecated: true },
    container: { number: 11, type: "ContainerInfo" },
    discovery: { number: 12, type: "DiscoveryInfo" },
    shutdown_grace_period: { number: 13, type: "DurationInfo" },
    labels: { number: 14, type: "Labels" },
    type: { number: 15, type: "ExecutorInfo.Type" },
  },
  CommandInfo: {
    uris: { number: 1, type: "CommandInfo.URI", rule: "repeated" },
    environment: { number: 2, type: "Environment" },
    value: { number: 3, type: "string" },
    user: { number: 5, type: "string" },
    shell: { number: 6, type: "bool", default: true },
    arguments: { number: 7, type: "string", rule: "repeated" },
  },
  "CommandInfo.URI": {
    value: { number: 1, type: "string", rule: "required" },
    executable: { number: 2, type: "bool" },
    extract: { number: 3, type: "bool", default: true },
    cache: { number: 4, type: "bool" },
    output_file: { number: 5, type: "string" },
  },
  Environment: {
    variables: { number: 1, type: "Environment.Variable", rule: "repeated" },
  },
  "Environment.Variable": {
    name: { number: 1, type: "string", rule: "required" },
    value: { number: 2, type: "string" },
    type: { number: 3, type: "Environment.Variable.Type", default: "VALUE" },
    secret: { number: 4, type: "Secret" },
  },
  Secret: {
    type: { number: 1, type: "Secret.Type" },
    reference: { number: 2, type: "Secret.Reference" },
    value: { number: 3, type: "Secret.Value" },
  },
  "Secret.Reference": {
    name: { number: 1, type: "string", rule: "required" },
    key: { number: 2, type: "string" },
  },
  "Secret.Value": {
    data: { number: 1, type: "bytes", rule: "required" },
  },
  KillPolicy: {
    grace_period: { number: 1, type: "DurationInfo" },
  },
  HealthCheck: {
    http: { number: 1, type: "HealthCheck.HTTPCheckInfo" },
    delay_seconds: { number: 2, type: "double", default: 15 },
    interval_seconds: { number: 3, type: "double", default: 10 },
    timeout_seconds: { number: 4, type: "double", default: 20 },
    consecutive_failures: { number: 5, type: "uint32", default: 3 },
    grace_period_seconds: { number: 6, type: "double", default: 10 },
    command: { number: 7, type: "CommandInfo" },
    type: { number: 8, type: "HealthCheck.Type" },
    tcp: { number: 9, type: "HealthCheck.TCPCheckInfo" },
  },
  "HealthCheck.HTTPCheckInfo": {
    port: { number: 1, type: "uint32", rule: "required" },
    path: { number: 2, type: "string" },
    scheme: { number: 3, type: "string" },
    statuses: { number: 4, type: "uint32", rule: "repeated" },
    protocol: { number: 5, type: "NetworkInfo.Protocol", default: "IPv4" },
  },
  "HealthCheck.TCPCheckInfo": {
    port: { number: 1, type: "uint32", rule: "required" },
    protocol: { number: 2, type: "NetworkInfo.Protocol", default: "IPv4" },
  },
  CheckInfo: {
    type: { number: 1, type: "CheckInfo.Type" },
    command: { number: 2, type: "CheckInfo.Command" },
    http: { number: 3, type: "CheckInfo.Http" },
    delay_seconds: { number: 4, type: "double", default: 15 },
    interval_seconds: { number: 5, type: "double", default: 10 },
    timeout_seconds: { number: 6, type: "double", default: 20 },
    tcp: { number: 7, type: "CheckInfo.Tcp" },
  },
  "CheckInfo.Command": {
    command: { number: 1, type: "CommandInfo", rule: "required" },
  },
  "CheckInfo.Http": {
    port: { number: 1, type: "uint32", rule: "required" },
    path: { number: 2, type: "string" },
  },
  "CheckInfo.Tcp": {
    port: { number: 1, type: "uint32", rule: "required" },
  },
  DiscoveryInfo: {
    visibility: { number: 1, type: "DiscoveryInfo.Visibility", rule: "required" },
    name: { number: 2, type: "string" },
    environment: { number: 3, type: "string" },
    location: { number: 4, type: "string" },
    version: { number: 5, type: "string" },
    ports: { number: 6, type: "Ports" },
    labels: { number: 7, type: "Labels" },
  },
  Ports: {
    ports: { number: 1, type: "Port", rule: "repeated" },
  },
  Port: {
    number: { number: 1, type: "uint32", rule: "required" },
    name: { number: 2, type: "string" },
    protocol: { number: 3, type: "string" },
    visibility: { number: 4, type: "DiscoveryInfo.Visibility" },
    labels: { number: 5, type: "Labels" },
  },
  ContainerInfo: {
    type: { number: 1, type: "ContainerInfo.Type", rule: "required" },
    volumes: { number: 2, type: "Volume", rule: "repeated" },
    docker: { number: 3, type: "ContainerInfo.DockerInfo" },
    hostname: { number: 4, type: "string" },
    mesos: { number: 5, type: "ContainerInfo.MesosInfo" },
    network_infos: { number: 7, type: "NetworkInfo", rule: "repeated" },
    rlimit_info: { number: 9, type: "RLimitInfo" },
    tty_info: { number: 10, type: "TTYInfo" },
  },
  "ContainerInfo.DockerInfo": {
    image: { number: 1, type: "string", rule: "required" },
    network: { number: 2, type: "ContainerInfo.DockerInfo.Network", default: "HOST" },
    port_mappings: { number: 3, type: "ContainerInfo.DockerInfo.PortMapping", rule: "repeated" },
    privileged: { number: 4, type: "bool", default: false },
    parameters: { number: 5, type: "Parameter", rule: "repeated" },
    force_pull_image: { number: 6, type: "bool" },
    volume_driver: { number: 7, type: "string", deprecated: true },
  },
  "ContainerInfo.DockerInfo.PortMapping": {
    host_port: { number: 1, type: "uint32", rule: "required" },
    container_port: { number: 2, type: "uint32", rule: "required" },
    protocol: { number: 3, type: "string" },
  },
  "ContainerInfo.MesosInfo": {
    image: { number: 1, type: "Image" },
  },
  Image: {
    type: { number: 1, type: "Image.Type", rule: "required" },
    appc: { number: 2, type: "Image.Appc" },
    docker: { number: 3, type: "Image.Docker" },
    cached: { number: 4, type: "bool", default: true },
  },
  "Image.Docker": {
    name: { number: 1, type: "string", rule: "required" },
    config: { number: 3, type: "Secret" },
  },
  "Image.Appc": {
    name: { number: 1, type: "string", rule: "required" },
    id: { number: 2, type: "string" },
    labels: { number: 3, type: "Labels" },
  },
  Volume: {
    container_path: { number: 1, type: "string", rule: "required" },
    host_path: { number: 2, type: "string" },
    mode: { number: 3, type: "Volume.Mode", rule: "required" },
    image: { number: 4, type: "Image" },
    source: { number: 5, type: "Volume.Source" },
  },
  "Volume.Source": {
    type: { number: 1, type: "Volume.Source.Type" },
    docker_volume: { number: 2, type: "Volume.Source.DockerVolume" },
    sandbox_path: { number: 3, type: "Volume.Source.SandboxPath" },
    secret: { number: 4, type: "Secret" },
    host_path: { number: 5, type: "Volume.Source.HostPath" },
  },
  "Volume.Source.DockerVolume": {
    driver: { number: 1, type: "string" },
    name: { number: 2, type: "string", rule: "required" },
    driver_options: { number: 3, type: "Parameters" },
  },
  "Volume.Source.HostPath": {
    path: { number: 1, type: "string", rule: "required" },
  },
  "Volume.Source.SandboxPath": {
    type: { number: 1, type: "Volume.Source.SandboxPath.Type" },
    path: { number: 2, type: "string", rule: "required" },
  },
  NetworkInfo: {
    groups: { number: 3, type: "string", rule: "repeated" },
    labels: { number: 4, type: "Labels" },
    ip_addresses: { number: 5, type: "NetworkInfo.IPAddress", rule: "repeated" },
    name: { number: 6, type: "string" },
    port_mappings: { number: 7, type: "NetworkInfo.PortMapping", rule: "repeated" },
  },
  "NetworkInfo.IPAddress": {
    protocol: { number: 1, type: "NetworkInfo.Protocol", default: "IPv4" },
    ip_address: { number: 2, type: "string" },
  },
  "NetworkInfo.PortMapping": {
    host_port: { number: 1, type: "uint32", rule: "required" },
    container_port: { number: 2, type: "uint32", rule: "required" },
    protocol: { number: 3, type: "string" },
  },
  RLimitInfo: {
    rlimits: { number: 1, type: "RLimitInfo.RLimit", rule: "repeated" },
  },
  "RLimitInfo.RLimit": {
    type: { number: 1, type: "RLimitInfo.RLimit.Type" },
    hard: { number: 2, type: "uint64" },
    soft: { number: 3, type: "uint64" },
  },
  TTYInfo: {},
  TaskStatus: {
    task_id: { number: 1, type: "TaskID", rule: "required" },
    state: { number: 2, type: "TaskState", rule: "required" },
    data: { number: 3, type: "bytes" },
    message: { number: 4, type: "string" },
    agent_id: { number: 5, type: "AgentID" },
    timestamp: { number: 6, type: "double" },
    executor_id: { number: 7, type: "ExecutorID" },
    healthy: { number: 8, type: "bool" },
    source: { number: 9, type: "TaskStatus.Source" },
    reason: { number: 10, type: "TaskStatus.Reason" },
    uuid: { number: 11, type: "bytes" },
    labels: { number: 12, type: "Labels" },
    container_status: { number: 13, type: "ContainerStatus" },
    unreachable_time: { number: 14, type: "TimeInfo" },
    check_status: { number: 15, type: "CheckStatusInfo" },
    limitation: { number: 16, type: "TaskResourceLimitation" },
  },
  CheckStatusInfo: {
    type: { number: 1, type: "CheckInfo.Type" },
    command: { number: 2, type: "CheckStatusInfo.Command" },
    http: { number: 3, type: "CheckStatusInfo.Http" },
    tcp: { number: 4, type: "CheckStatusInfo.Tcp" },
  },
  "CheckStatusInfo.Command": {
    exit_code: { number: 1, type: "int32" },
  },
  "CheckStatusInfo.Http": {
    status_code: { number: 1, type: "uint32" },
  },
  "CheckStatusInfo.Tcp": {
    succeeded: { number: 1, type: "bool" },
  },
  TaskResourceLimitation: {
    resources: { number: 1, type: "Resource", rule: "repeated" },
  },
  ContainerStatus: {
    network_infos: { number: 1, type: "NetworkInfo", rule: "repeated" },
    cgroup_info: { number: 2, type: "CgroupInfo" },
    executor_pid: { number: 3, type: "uint32" },
    container_id: { number: 4, type: "ContainerID" },
  },
  CgroupInfo: {
    net_cls: { number: 1, type: "CgroupInfo.NetCls" },
  },
  "CgroupInfo.NetCls": {
    classid: { number: 1, type: "uint32" },
  },
  "scheduler.Call": {
    framework_id: { number: 1, type: "FrameworkID" },
    type: { number: 2, type: "scheduler.Call.Type" },
    subscribe: { number: 3, type: "scheduler.Call.Subscribe" },
    accept: { number: 4, type: "scheduler.Call.Accept" },
    decline: { number: 5, type: "scheduler.Call.Decline" },
    kill: { number: 6, type: "scheduler.Call.Kill" },
    shutdown: { number: 7, type: "scheduler.Call.Shutdown" },
    acknowledge: { number: 8, type: "scheduler.Call.Acknowledge" },
    reconcile: { number: 9, type: "scheduler.Call.Reconcile" },
    message: { number: 10, type: "scheduler.Call.Message" },
    request: { number: 11, type: "scheduler.Call.Request" },
    accept_inverse_offers: { number: 13, type: "scheduler.Call.AcceptInverseOffers" },
    decline_inverse_offers: { number: 14, type: "scheduler.Call.DeclineInverseOffers" },
    revive: { number: 15, type: "scheduler.Call.Revive" },
    suppress: { number: 16, type: "scheduler.Call.Suppress" },
    acknowledge_operation_status: { number: 17, type: "scheduler.Call.AcknowledgeOperationStatus" },
    reconcile_operations: { number: 18, type: "scheduler.Call.ReconcileOperations" },
    update_framework: { number: 19, type: "scheduler.Call.UpdateFramework" },
  },
  "scheduler.Call.Subscribe": {
    framework_info: { number: 1, type: "FrameworkInfo", rule: "required" },
    suppressed_roles: { number: 2, type: "string", rule: "repeated" },
    offer_constraints: { number: 3, type: "scheduler.OfferConstraints" },
  },
  "scheduler.Call.Accept": {
    offer_ids: { number: 1, type: "OfferID", rule: "repeated" },
    operations: { number: 2, type: "Offer.Operation", rule: "repeated" },
    filters: { number: 3, type: "Filters" },
  },
  "scheduler.Call.Decline": {
    offer_ids: { number: 1, type: "OfferID", rule: "repeated" },
    filters: { number: 2, type: "Filters" },
  },
  "scheduler.Call.AcceptInverseOffers": {
    inverse_offer_ids: { number: 1, type: "OfferID", rule: "repeated" },
    filters: { number: 2, type: "Filters" },
  },
  "scheduler.Call.DeclineInverseOffers": {
    inverse_offer_ids: { number: 1, type: "OfferID", rule: "repeated" },
    filters: { number: 2, type: "Filters" },
  },
  "scheduler.Call.Revive": {
    roles: { number: 1, type: "string", rule: "repeated" },
  },
  "scheduler.Call.Suppress": {
    roles: { number: 1, type: "string", rule: "repeated" },
  },
  "scheduler.Call.Kill": {
    task_id: { number: 1, type: "TaskID", rule: "required" },
    agent_id: { number: 2, type: "AgentID" },
    kill_policy: { number: 3, type: "KillPolicy" },
  },
  "scheduler.Call.Shutdown": {
    executor_id: { number: 1, type: "ExecutorID", rule: "required" },
    agent_id: { number: 2, type: "AgentID", rule: "required" },
  },
  "scheduler.Call.Acknowledge": {
    agent_id: { number: 1, type: "AgentID", rule: "required" },
    task_id: { number: 2, type: "TaskID", rule: "required" },
    uuid: { number: 3, type: "bytes", rule: "required" },
  },
  "scheduler.Call.AcknowledgeOperationStatus": {
    agent_id: { number: 1, type: "AgentID" },
    resource_provider_id: { number: 2, type: "ResourceProviderID" },
    uuid: { number: 3, type: "bytes", rule: "required" },
    operation_id: { number: 4, type: "OperationID", rule: "required" },
  },
  "scheduler.Call.Reconcile": {
    tasks: { number: 1, type: "scheduler.Call.Reconcile.Task", rule: "repeated" },
  },
  "scheduler.Call.Reconcile.Task": {
    task_id: { number: 1, type: "TaskID", rule: "required" },
    agent_id: { number: 2, type: "AgentID" },
  },
  "scheduler.Call.ReconcileOperations": {
    operations: {
      number: 1,
      type: "scheduler.Call.ReconcileOperations.Operation",
      rule: "repeated",
    },
  },
  "scheduler.Call.ReconcileOperations.Operation": {
    operation_id: { number: 1, type: "OperationID", rule: "required" },
    agent_id: { number: 2, type: "AgentID" },
    resource_provider_id: { number: 3, type: "ResourceProviderID" },
  },
  "scheduler.Call.Message": {
    agent_id: { number: 1, type: "AgentID", rule: "required" },
    executor_id: { number: 2, type: "ExecutorID", rule: "required" },
    data: { number: 3, type: "bytes", rule: "required" },
  },
  "scheduler.Call.Request": {
    requests: { number: 1, type: "Request", rule: "repeated" },
  },
  "scheduler.Call.UpdateFramework": {
    framework_info: { number: 1, type: "FrameworkInfo", rule: "required" },
    suppressed_roles: { number: 2, type: "string", rule: "repeated" },
    offer_constraints: { number: 3, type: "scheduler.OfferConstraints" },
  },
  "scheduler.OfferConstraints": {
    role_constraints: {
      number: 1,
      type: "scheduler.OfferConstraints.RoleConstraints",
      rule: "map",
    },
  },
  "scheduler.OfferConstraints.RoleConstraints": {
    groups: {
      number: 1,
      type: "scheduler.OfferConstraints.RoleConstraints.Group",
      rule: "repeated",
    },
  },
  "scheduler.OfferConstraints.RoleConstraints.Group": {
    attribute_constraints: { number: 1, type: "scheduler.AttributeConstraint", rule: "repeated" },
  },
  "scheduler.AttributeConstraint": {
    selector: { number: 1, type: "scheduler.AttributeConstraint.Selector", rule: "required" },
    predicate: { number: 2, type: "scheduler.AttributeConstraint.Predicate", rule: "required" },
  },
  "scheduler.AttributeConstraint.Selector": {
    pseudoattribute_type: {
      number: 1,
      type: "scheduler.AttributeConstraint.Selector.PseudoattributeType",
    },
    attribute_name: { number: 2, type: "string" },
  },
  "scheduler.AttributeConstraint.Predicate": {
    text_equals: { number: 3, type: "scheduler.AttributeConstraint.Predicate.TextEquals" },
    text_matches: { number: 5, type: "scheduler.AttributeConstraint.Predicate.TextMatches" },
  },
  "scheduler.AttributeConstraint.Predicate.TextEquals": {
    value: { number: 1, type: "string", rule: "required" },
  },
  "scheduler.AttributeConstraint.Predicate.TextMatches": {
    regex: { number: 1, type: "string", rule: "required" },
  },
  "scheduler.Event": {
    type: { number: 1, type: "scheduler.Event.Type" },
    subscribed: { number: 2, type: "scheduler.Event.Subscribed" },
    offers: { number: 3, type: "scheduler.Event.Offers" },
    rescind: { number: 4, type: "scheduler.Event.Rescind" },
    update: { number: 5, type: "scheduler.Event.Update" },
    message: { number: 6, type: "scheduler.Event.Message" },
    failure: { number: 7, type: "scheduler.Event.Failure" },
    error: { number: 8, type: "scheduler.Event.Error" },
    inverse_offers: { number: 9, type: "scheduler.Event.InverseOffers" },
    rescind_inverse_offer: { number: 10, type: "scheduler.Event.RescindInverseOffer" },
    update_operation_status: { number: 11, type: "scheduler.Event.UpdateOperationStatus" },
  },
  "scheduler.Event.Subscribed": {
    framework_id: { number: 1, type: "FrameworkID", rule: "required" },
    heartbeat_interval_seconds: { number: 2, type: "double" },
    master_info: { number: 3, type: "MasterInfo" },
  },
  "scheduler.Event.Offers": {
    offers: { number: 1, type: "Offer", rule: "repeated" },
  },
  "scheduler.Event.InverseOffers": {
    inverse_offers: { number: 1, type: "InverseOffer", rule: "repeated" },
  },
  "scheduler.Event.Rescind": {
    offer_id: { number: 1, type: "OfferID", rule: "required" },
  },
  "scheduler.Event.RescindInverseOffer": {
    inverse_offer_id: { number: 1, type: "OfferID", rule: "required" },
  },
  "scheduler.Event.Update": {
    status: { number: 1, type: "TaskStatus", rule: "required" },
  },
  "scheduler.Event.UpdateOperationStatus": {
    status: { number: 1, type: "OperationStatus", rule: "required" },
  },
  "scheduler.Event.Message": {
    agent_id: { number: 1, type: "AgentID", rule: "required" },
    executor_id: { number: 2, type: "ExecutorID", rule: "required" },
    data: { number: 3, type: "bytes", rule: "required" },
  },
  "scheduler.Event.Failure": {
    agent_id: { number: 1, type: "AgentID" },
    executor_id: { number: 2, type: "ExecutorID" },
    status: { number: 3, type: "int32" },
  },
  "scheduler.Event.Error": {
    message: { number: 1, type: "string", rule: "required" },
  },
  "executor.Call": {
    executor_id: { number: 1, type: "ExecutorID", rule: "required" },
    framework_id: { number: 2, type: "FrameworkID", rule: "required" },
    type: { number: 3, type: "executor.Call.Type" },
    subscribe: { number: 4, type: "executor.Call.Subscribe" },
    update: { number: 5, type: "executor.Call.Update" },
    message: { number: 6, type: "executor.Call.Message" },
  },
  "executor.Call.Subscribe": {
    unacknowledged_tasks: { number: 1, type: "TaskInfo", rule: "repeated" },
    unacknowledged_updates: { number: 2, type: "executor.Call.Update", rule: "repeated" },
  },
  "executor.Call.Update": {
    status: { number: 1, type: "TaskStatus", rule: "required" },
  },
  "executor.Call.Message": {
    data: { number: 2, type: "bytes", rule: "required" },
  },
  "executor.Event": {
    type: { number: 1, type: "executor.Event.Type" },
    subscribed: { number: 2, type: "executor.Event.Subscribed" },
    acknowledged: { number: 3, type: "executor.Event.Acknowledged" },
    launch: { number: 4, type: "executor.Event.Launch" },
    kill: { number: 5, type: "executor.Event.Kill" },
    message: { number: 6, type: "executor.Event.Message" },
    error: { number: 7, type: "executor.Event.Error" },
    launch_group: { number: 8, type: "executor.Event.LaunchGroup" },
  },
  "executor.Event.Subscribed": {
    executor_info: { number: 1, type: "ExecutorInfo", rule: "required" },
    framework_info: { number: 2, type: "FrameworkInfo", rule: "required" },
    agent_info: { number: 3, type: "AgentInfo", rule: "required" },
    container_id: { number: 4, type: "ContainerID" },
  },
  "executor.Event.Launch": {
    task: { number: 1, type: "TaskInfo", rule: "required" },
  },
  "executor.Event.LaunchGroup": {
    task_group: { number: 1, type: "TaskGroupInfo", rule: "required" },
  },
  "executor.Event.Kill": {
    task_id: { number: 1, type: "TaskID", rule: "required" },
    kill_policy: { number: 2, type: "KillPolicy" },
  },
  "executor.Event.Acknowledged": {
    task_id: { number: 1, type: "TaskID", rule: "required" },
    uuid: { number: 2, type: "bytes", rule: "required" },
  },
  "executor.Event.Message": {
    data: { number: 1, type: "bytes", rule: "required" },
  },
  "executor.Event.Error": {
    message: { number: 1, type: "string", rule: "required" },
  },
  ...operatorMessages,
} as const satisfies Readonly<Record<string, Readonly<Record<string, FieldSchema>>>>;

/** The enums: name to number. */
export const enumSchemas = {
  "scheduler.Call.Type": {
    UNKNOWN: 0,
    SUBSCRIBE: 1,
    TEARDOWN: 2,
    ACCEPT: 3,
    DECLINE: 4,
    REVIVE: 5,
    KILL: 6,
    SHUTDOWN: 7,
    ACKNOWLEDGE: 8,
    RECONCILE: 9,
    MESSAGE: 10,
    REQUEST: 11,
    SUPPRESS: 12,
    ACCEPT_INVERSE_OFFERS: 13,
    DECLINE_INVERSE_OFFERS: 14,
    ACKNOWLEDGE_OPERATION_STATUS: 15,
    RECONCILE_OPERATIONS: 16,
    UPDATE_FRAMEWORK: 17,
  },
  "scheduler.Event.Type": {
    UNKNOWN: 0,
    SUBSCRIBED: 1,
    OFFERS: 2,
    RESCIND: 3,
    UPDATE: 4,
    MESSAGE: 5,
    FAILURE: 6,
    ERROR: 7,
    HEARTBEAT: 8,
    INVERSE_OFFERS: 9,
    RESCIND_INVERSE_OFFER: 10,
    UPDATE_OPERATION_STATUS: 11,
  },
  "executor.Call.Type": { UNKNOWN: 0, SUBSCRIBE: 1, UPDATE: 2, MESSAGE: 3, HEARTBEAT: 4 },
  "executor.Event.Type": {
    UNKNOWN: 0,
    SUBSCRIBED: 1,
    LAUNCH: 2,
    KILL: 3,
    ACKNOWLEDGED: 4,
    MESSAGE: 5,
    ERROR: 6,
    SHUTDOWN: 7,
    LAUNCH_GROUP: 8,
    HEARTBEAT: 9,
  },
  TaskState: {
    TASK_STARTING: 0,
    TASK_RUNNING: 1,
    TASK_FINISHED: 2,
    TASK_FAILED: 3,
    TASK_KILLED: 4,
    TASK_LOST: 5,
    TASK_STAGING: 6,
    TASK_ERROR: 7,
    TASK_KILLING: 8,
    TASK_DROPPED: 9,
    TASK_UNREACHABLE: 10,
    TASK_GONE: 11,
    TASK_GONE_BY_OPERATOR: 12,
    TASK_UNKNOWN: 13,
  },
  "TaskStatus.Source": { SOURCE_MASTER: 0, SOURCE_AGENT: 1, SOURCE_EXECUTOR: 2 },
  "TaskStatus.Reason": {
    REASON_COMMAND_EXECUTOR_FAILED: 0,
    REASON_EXECUTOR_TERMINATED: 1,
    REASON_EXECUTOR_UNREGISTERED: 2,
    REASON_FRAMEWORK_REMOVED: 3,
    REASON_GC_ERROR: 4,
    REASON_INVALID_FRAMEWORKID: 5,
    REASON_INVALID_OFFERS: 6,
    REASON_MASTER_DISCONNECTED: 7,
    REASON_CONTAINER_LIMITATION_MEMORY: 8,
    REASON_RECONCILIATION: 9,
    REASON_AGENT_DISCONNECTED: 10,
    REASON_AGENT_REMOVED: 11,
    REASON_AGENT_RESTARTED: 12,
    REASON_AGENT_UNKNOWN: 13,
    REASON_TASK_INVALID: 14,
    REASON_TASK_UNAUTHORIZED: 15,
    REASON_TASK_UNKNOWN: 16,
    REASON_CONTAINER_PREEMPTED: 17,
    REASON_RESOURCES_UNKNOWN: 18,
    REASON_CONTAINER_LIMITATION: 19,
    REASON_CONTAINER_LIMITATION_DISK: 20,
    REASON_CONTAINER_LAUNCH_FAILED: 21,
    REASON_CONTAINER_UPDATE_FAILED: 22,
    REASON_EXECUTOR_REGISTRATION_TIMEOUT: 23,
    REASON_EXECUTOR_REREGISTRATION_TIMEOUT: 24,
    REASON_TASK_GROUP_INVALID: 25,
    REASON_TASK_GROUP_UNAUTHORIZED: 26,
    REASON_IO_SWITCHBOARD_EXITED: 27,
    REASON_TASK_CHECK_STATUS_UPDATED: 28,
    REASON_TASK_HEALTH_CHECK_STATUS_UPDATED: 29,
    REASON_TASK_KILLED_DURING_LAUNCH: 30,
    REASON_AGENT_REMOVED_BY_OPERATOR: 31,
    REASON_AGENT_REREGISTERED: 32,
    REASON_MAX_COMPLETION_TIME_REACHED: 33,
    REASON_AGENT_DRAINING: 34,
  },
  "Offer.Operation.Type": {
    UNKNOWN: 0,
    LAUNCH: 1,
    RESERVE: 2,
    UNRESERVE: 3,
    CREATE: 4,
    DESTROY: 5,
    LAUNCH_GROUP: 6,
    GROW_VOLUME: 11,
    SHRINK_VOLUME: 12,
    CREATE_DISK: 13,
    DESTROY_DISK: 14,
  },
  OperationState: {
    OPERATION_UNSUPPORTED: 0,
    OPERATION_PENDING: 1,
    OPERATION_FINISHED: 2,
    OPERATION_FAILED: 3,
    OPERATION_ERROR: 4,
    OPERATION_DROPPED: 5,
    OPERATION_UNREACHABLE: 6,
    OPERATION_GONE_BY_OPERATOR: 7,
    OPERATION_RECOVERING: 8,
    OPERATION_UNKNOWN: 9,
  },
  "FrameworkInfo.Capability.Type": {
    UNKNOWN: 0,
    REVOCABLE_RESOURCES: 1,
    TASK_KILLING_STATE: 2,
    GPU_RESOURCES: 3,
    SHARED_RESOURCES: 4,
    PARTITION_AWARE: 5,
    MULTI_ROLE: 6,
    RESERVATION_REFINEMENT: 7,
    REGION_AWARE: 8,
  },
  "AgentInfo.Capability.Type": {
    UNKNOWN: 0,
    MULTI_ROLE: 1,
    HIERARCHICAL_ROLE: 2,
    RESERVATION_REFINEMENT: 3,
    RESOURCE_PROVIDER: 4,
    RESIZE_VOLUME: 5,
    AGENT_OPERATION_FEEDBACK: 6,
    AGENT_DRAINING: 7,
    TASK_RESOURCE_LIMITS: 8,
  },
  "MasterInfo.Capability.Type": { UNKNOWN: 0, AGENT_UPDATE: 1, AGENT_DRAINING: 2, QUOTA_V2: 3 },
  "Value.Type": { SCALAR: 0, RANGES: 1, SET: 2, TEXT: 3 },
  "Resource.ReservationInfo.Type": { UNKNOWN: 0, STATIC: 1, DYNAMIC: 2 },
  "Resource.DiskInfo.Source.Type": { UNKNOWN: 0, PATH: 1, MOUNT: 2, BLOCK: 3, RAW: 4 },
  "ExecutorInfo.Type": { UNKNOWN: 0, DEFAULT: 1, CUSTOM: 2 },
  "ContainerInfo.Type": { DOCKER: 1, MESOS: 2 },
  "ContainerInfo.DockerInfo.Network": { HOST: 1, BRIDGE: 2, NONE: 3, USER: 4 },
  "Image.Type": { APPC: 1, DOCKER: 2 },
  "Volume.Mode": { RW: 1, RO: 2 },
  "Volume.Source.Type": {
    UNKNOWN: 0,
    DOCKER_VOLUME: 1,
    SANDBOX_PATH: 2,
    SECRET: 3,
    HOST_PATH: 4,
    CSI_VOLUME: 5,
  },
  "Volume.Source.SandboxPath.Type": { UNKNOWN: 0, SELF: 1, PARENT: 2 },
  "HealthCheck.Type": { UNKNOWN: 0, COMMAND: 1, HTTP: 2, TCP: 3 },
  "CheckInfo.Type": { UNKNOWN: 0, COMMAND: 1, HTTP: 2, TCP: 3 },
  "Environment.Variable.Type": { UNKNOWN: 0, VALUE: 1, SECRET: 2 },
  "Secret.Type": { UNKNOWN: 0, REFERENCE: 1, VALUE: 2 },
  "NetworkInfo.Protocol": { IPv4: 1, IPv6: 2 },
  "DiscoveryInfo.Visibility": { FRAMEWORK: 0, CLUSTER: 1, EXTERNAL: 2 },
  "MachineInfo.Mode": { UP: 1, DRAINING: 2, DOWN: 3 },
  DrainState: { UNKNOWN: 0, DRAINING: 1, DRAINED: 2 },
  "RLimitInfo.RLimit.Type": {
    UNKNOWN: 0,
    RLMT_AS: 1,
    RLMT_CORE: 2,
    RLMT_CPU: 3,
    RLMT_DATA: 4,
    RLMT_FSIZE: 5,
    RLMT_LOCKS: 6,
    RLMT_MEMLOCK: 7,
    RLMT_MSGQUEUE: 8,
    RLMT_NICE: 9,
    RLMT_NOFILE: 10,
    RLMT_NPROC: 11,
    RLMT_RSS: 12,
    RLMT_RTPRIO: 13,
    RLMT_RTTIME: 14,
    RLMT_SIGPENDING: 15,
    RLMT_STACK: 16,
  },
  "scheduler.AttributeConstraint.Selector.PseudoattributeType": {
    UNKNOWN: 0,
    HOSTNAME: 1,
    REGION: 2,
    ZONE: 3,
  },
  ...operatorEnums,
} as const satisfies Readonly<Record<string, Readonly<Record<string, number>>>>;

/** Name of a message in {@link messageSchemas}. */
export type MessageName = keyof typeof messageSchemas;
/** Name of an enum in {@link enumSchemas}. */
export type EnumName = keyof typeof enumSchemas;
