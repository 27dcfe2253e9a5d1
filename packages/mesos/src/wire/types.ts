/**
 * Owns the TypeScript shapes of the Mesos v1 messages as JSON values (snake_case; bytes are base64 strings).
 * Generated from schema.ts by tools/generate-mesos-types.ts: change the schema, then run `npm run generate`.
 * SPDX-License-Identifier: Apache-2.0
 */

/** Mesos v1 enum `scheduler.Call.Type`. */
export type SchedulerCallType =
  | "UNKNOWN"
  | "SUBSCRIBE"
  | "TEARDOWN"
  | "ACCEPT"
  | "DECLINE"
  | "REVIVE"
  | "KILL"
  | "SHUTDOWN"
  | "ACKNOWLEDGE"
  | "RECONCILE"
  | "MESSAGE"
  | "REQUEST"
  | "SUPPRESS"
  | "ACCEPT_INVERSE_OFFERS"
  | "DECLINE_INVERSE_OFFERS"
  | "ACKNOWLEDGE_OPERATION_STATUS"
  | "RECONCILE_OPERATIONS"
  | "UPDATE_FRAMEWORK";

/** Mesos v1 enum `scheduler.Event.Type`. */
export type SchedulerEventType =
  | "UNKNOWN"
  | "SUBSCRIBED"
  | "OFFERS"
  | "RESCIND"
  | "UPDATE"
  | "MESSAGE"
  | "FAILURE"
  | "ERROR"
  | "HEARTBEAT"
  | "INVERSE_OFFERS"
  | "RESCIND_INVERSE_OFFER"
  | "UPDATE_OPERATION_STATUS";

/** Mesos v1 enum `executor.Call.Type`. */
export type ExecutorCallType = "UNKNOWN" | "SUBSCRIBE" | "UPDATE" | "MESSAGE" | "HEARTBEAT";

/** Mesos v1 enum `executor.Event.Type`. */
export type ExecutorEventType =
  | "UNKNOWN"
  | "SUBSCRIBED"
  | "LAUNCH"
  | "KILL"
  | "ACKNOWLEDGED"
  | "MESSAGE"
  | "ERROR"
  | "SHUTDOWN"
  | "LAUNCH_GROUP"
  | "HEARTBEAT";

/** Mesos v1 enum `TaskState`. */
export type TaskState =
  | "TASK_STARTING"
  | "TASK_RUNNING"
  | "TASK_FINISHED"
  | "TASK_FAILED"
  | "TASK_KILLED"
  | "TASK_LOST"
  | "TASK_STAGING"
  | "TASK_ERROR"
  | "TASK_KILLING"
  | "TASK_DROPPED"
  | "TASK_UNREACHABLE"
  | "TASK_GONE"
  | "TASK_GONE_BY_OPERATOR"
  | "TASK_UNKNOWN";

/** Mesos v1 enum `TaskStatus.Source`. */
export type TaskStatusSource = "SOURCE_MASTER" | "SOURCE_AGENT" | "SOURCE_EXECUTOR";

/** Mesos v1 enum `TaskStatus.Reason`. */
export type TaskStatusReason =
  | "REASON_COMMAND_EXECUTOR_FAILED"
  | "REASON_EXECUTOR_TERMINATED"
  | "REASON_EXECUTOR_UNREGISTERED"
  | "REASON_FRAMEWORK_REMOVED"
  | "REASON_GC_ERROR"
  | "REASON_INVALID_FRAMEWORKID"
  | "REASON_INVALID_OFFERS"
  | "REASON_MASTER_DISCONNECTED"
  | "REASON_CONTAINER_LIMITATION_MEMORY"
  | "REASON_RECONCILIATION"
  | "REASON_AGENT_DISCONNECTED"
  | "REASON_AGENT_REMOVED"
  | "REASON_AGENT_RESTARTED"
  | "REASON_AGENT_UNKNOWN"
  | "REASON_TASK_INVALID"
  | "REASON_TASK_UNAUTHORIZED"
  | "REASON_TASK_UNKNOWN"
  | "REASON_CONTAINER_PREEMPTED"
  | "REASON_RESOURCES_UNKNOWN"
  | "REASON_CONTAINER_LIMITATION"
  | "REASON_CONTAINER_LIMITATION_DISK"
  | "REASON_CONTAINER_LAUNCH_FAILED"
  | "REASON_CONTAINER_UPDATE_FAILED"
  | "REASON_EXECUTOR_REGISTRATION_TIMEOUT"
  | "REASON_EXECUTOR_REREGISTRATION_TIMEOUT"
  | "REASON_TASK_GROUP_INVALID"
  | "REASON_TASK_GROUP_UNAUTHORIZED"
  | "REASON_IO_SWITCHBOARD_EXITED"
  | "REASON_TASK_CHECK_STATUS_UPDATED"
  | "REASON_TASK_HEALTH_CHECK_STATUS_UPDATED"
  | "REASON_TASK_KILLED_DURING_LAUNCH"
  | "REASON_AGENT_REMOVED_BY_OPERATOR"
  | "REASON_AGENT_REREGISTERED"
  | "REASON_MAX_COMPLETION_TIME_REACHED"
  | "REASON_AGENT_DRAINING";

/** Mesos v1 enum `Offer.Operation.Type`. */
export type OfferOperationType =
  | "UNKNOWN"
  | "LAUNCH"
  | "RESERVE"
  | "UNRESERVE"
  | "CREATE"
  | "DESTROY"
  | "LAUNCH_GROUP"
  | "GROW_VOLUME"
  | "SHRINK_VOLUME"
  | "CREATE_DISK"
  | "DESTROY_DISK";

/** Mesos v1 enum `OperationState`. */
export type OperationState =
  | "OPERATION_UNSUPPORTED"
  | "OPERATION_PENDING"
  | "OPERATION_FINISHED"
  | "OPERATION_FAILED"
  | "OPERATION_ERROR"
  | "OPERATION_DROPPED"
  | "OPERATION_UNREACHABLE"
  | "OPERATION_GONE_BY_OPERATOR"
  | "OPERATION_RECOVERING"
  | "OPERATION_UNKNOWN";

/** Mesos v1 enum `FrameworkInfo.Capability.Type`. */
export type FrameworkInfoCapabilityType =
  | "UNKNOWN"
  | "REVOCABLE_RESOURCES"
  | "TASK_KILLING_STATE"
  | "GPU_RESOURCES"
  | "SHARED_RESOURCES"
  | "PARTITION_AWARE"
  | "MULTI_ROLE"
  | "RESERVATION_REFINEMENT"
  | "REGION_AWARE";

/** Mesos v1 enum `AgentInfo.Capability.Type`. */
export type AgentInfoCapabilityType =
  | "UNKNOWN"
  | "MULTI_ROLE"
  | "HIERARCHICAL_ROLE"
  | "RESERVATION_REFINEMENT"
  | "RESOURCE_PROVIDER"
  | "RESIZE_VOLUME"
  | "AGENT_OPERATION_FEEDBACK"
  | "AGENT_DRAINING"
  | "TASK_RESOURCE_LIMITS";

/** Mesos v1 enum `MasterInfo.Capability.Type`. */
export type MasterInfoCapabilityType = "UNKNOWN" | "AGENT_UPDATE" | "AGENT_DRAINING" | "QUOTA_V2";

/** Mesos v1 enum `Value.Type`. */
export type ValueType = "SCALAR" | "RANGES" | "SET" | "TEXT";

/** Mesos v1 enum `Resource.ReservationInfo.Type`. */
export type ResourceReservationInfoType = "UNKNOWN" | "STATIC" | "DYNAMIC";

/** Mesos v1 enum `Resource.DiskInfo.Source.Type`. */
export type ResourceDiskInfoSourceType = "UNKNOWN" | "PATH" | "MOUNT" | "BLOCK" | "RAW";

/** Mesos v1 enum `ExecutorInfo.Type`. */
export type ExecutorInfoType = "UNKNOWN" | "DEFAULT" | "CUSTOM";

/** Mesos v1 enum `ContainerInfo.Type`. */
export type ContainerInfoType = "DOCKER" | "MESOS";

/** Mesos v1 enum `ContainerInfo.DockerInfo.Network`. */
export type ContainerInfoDockerInfoNetwork = "HOST" | "BRIDGE" | "NONE" | "USER";

/** Mesos v1 enum `Image.Type`. */
export type ImageType = "APPC" | "DOCKER";

/** Mesos v1 enum `Volume.Mode`. */
export type VolumeMode = "RW" | "RO";

/** Mesos v1 enum `Volume.Source.Type`. */
export type VolumeSourceType =
  | "UNKNOWN"
  | "DOCKER_VOLUME"
  | "SANDBOX_PATH"
  | "SECRET"
  | "HOST_PATH"
  | "CSI_VOLUME";

/** Mesos v1 enum `Volume.Source.SandboxPath.Type`. */
export type VolumeSourceSandboxPathType = "UNKNOWN" | "SELF" | "PARENT";

/** Mesos v1 enum `HealthCheck.Type`. */
export type HealthCheckType = "UNKNOWN" | "COMMAND" | "HTTP" | "TCP";

/** Mesos v1 enum `CheckInfo.Type`. */
export type CheckInfoType = "UNKNOWN" | "COMMAND" | "HTTP" | "TCP";

/** Mesos v1 enum `Environment.Variable.Type`. */
export type EnvironmentVariableType = "UNKNOWN" | "VALUE" | "SECRET";

/** Mesos v1 enum `Secret.Type`. */
export type SecretType = "UNKNOWN" | "REFERENCE" | "VALUE";

/** Mesos v1 enum `NetworkInfo.Protocol`. */
export type NetworkInfoProtocol = "IPv4" | "IPv6";

/** Mesos v1 enum `DiscoveryInfo.Visibility`. */
export type DiscoveryInfoVisibility = "FRAMEWORK" | "CLUSTER" | "EXTERNAL";

/** Mesos v1 enum `MachineInfo.Mode`. */
export type MachineInfoMode = "UP" | "DRAINING" | "DOWN";

/** Mesos v1 enum `DrainState`. */
export type DrainState = "UNKNOWN" | "DRAINING" | "DRAINED";

/** Mesos v1 enum `RLimitInfo.RLimit.Type`. */
export type RLimitInfoRLimitType =
  | "UNKNOWN"
  | "RLMT_AS"
  | "RLMT_CORE"
  | "RLMT_CPU"
  | "RLMT_DATA"
  | "RLMT_FSIZE"
  | "RLMT_LOCKS"
  | "RLMT_MEMLOCK"
  | "RLMT_MSGQUEUE"
  | "RLMT_NICE"
  | "RLMT_NOFILE"
  | "RLMT_NPROC"
  | "RLMT_RSS"
  | "RLMT_RTPRIO"
  | "RLMT_RTTIME"
  | "RLMT_SIGPENDING"
  | "RLMT_STACK";

/** Mesos v1 enum `scheduler.AttributeConstraint.Selector.PseudoattributeType`. */
export type SchedulerAttributeConstraintSelectorPseudoattributeType =
  | "UNKNOWN"
  | "HOSTNAME"
  | "REGION"
  | "ZONE";

/** Mesos v1 enum `master.Event.Type`. */
export type MasterEventType =
  | "UNKNOWN"
  | "SUBSCRIBED"
  | "TASK_ADDED"
  | "TASK_UPDATED"
  | "AGENT_ADDED"
  | "AGENT_REMOVED"
  | "FRAMEWORK_ADDED"
  | "FRAMEWORK_UPDATED"
  | "FRAMEWORK_REMOVED"
  | "HEARTBEAT";

/** Mesos v1 message `FrameworkID`. */
export interface FrameworkID {
  readonly value: string;
}

/** Mesos v1 message `OfferID`. */
export interface OfferID {
  readonly value: string;
}

/** Mesos v1 message `AgentID`. */
export interface AgentID {
  readonly value: string;
}

/** Mesos v1 message `TaskID`. */
export interface TaskID {
  readonly value: string;
}

/** Mesos v1 message `ExecutorID`. */
export interface ExecutorID {
  readonly value: string;
}

/** Mesos v1 message `ContainerID`. */
export interface ContainerID {
  readonly value: string;
  readonly parent?: ContainerID;
}

/** Mesos v1 message `ResourceProviderID`. */
export interface ResourceProviderID {
  readonly value: string;
}

/** Mesos v1 message `OperationID`. */
export interface OperationID {
  readonly value: string;
}

/** Mesos v1 message `UUID`. */
export interface UUID {
  readonly value: string;
}

/** Mesos v1 message `TimeInfo`. */
export interface TimeInfo {
  readonly nanoseconds: number;
}

/** Mesos v1 message `DurationInfo`. */
export interface DurationInfo {
  readonly nanoseconds: number;
}

/** Mesos v1 message `Address`. */
export interface Address {
  readonly hostname?: string;
  readonly ip?: string;
  readonly port: number;
}

/** Mesos v1 message `URL`. */
export interface URL {
  readonly scheme: string;
  readonly address: Address;
  readonly path?: string;
  readonly query?: readonly Parameter[];
  readonly fragment?: string;
}

/** Mesos v1 message `Parameter`. */
export interface Parameter {
  readonly key: string;
  readonly value: string;
}

/** Mesos v1 message `Parameters`. */
export interface Parameters {
  readonly parameter?: readonly Parameter[];
}

/** Mesos v1 message `Unavailability`. */
export interface Unavailability {
  readonly start: TimeInfo;
  readonly duration?: DurationInfo;
}

/** Mesos v1 message `Labels`. */
export interface Labels {
  readonly labels?: readonly Label[];
}

/** Mesos v1 message `Label`. */
export interface Label {
  readonly key: string;
  readonly value?: string;
}

/** Mesos v1 message `FrameworkInfo`. */
export interface FrameworkInfo {
  readonly user: string;
  readonly name: string;
  readonly id?: FrameworkID;
  readonly failover_timeout?: number;
  readonly checkpoint?: boolean;
  readonly role?: string;
  readonly hostname?: string;
  readonly principal?: string;
  readonly webui_url?: string;
  readonly capabilities?: readonly FrameworkInfoCapability[];
  readonly labels?: Labels;
  readonly roles?: readonly string[];
  readonly offer_filters?: Readonly<Record<string, OfferFilters>>;
}

/** Mesos v1 message `FrameworkInfo.Capability`. */
export interface FrameworkInfoCapability {
  readonly type?: FrameworkInfoCapabilityType;
}

/** Mesos v1 message `OfferFilters`. */
export interface OfferFilters {
  readonly min_allocatable_resources?: OfferFiltersMinAllocatableResources;
}

/** Mesos v1 message `OfferFilters.MinAllocatableResources`. */
export interface OfferFiltersMinAllocatableResources {
  readonly quantities?: readonly OfferFiltersResourceQuantities[];
}

/** Mesos v1 message `OfferFilters.ResourceQuantities`. */
export interface OfferFiltersResourceQuantities {
  readonly quantities?: Readonly<Record<string, ValueScalar>>;
}

/** Mesos v1 message `MasterInfo`. */
export interface MasterInfo {
  readonly id: string;
  readonly ip: number;
  readonly port: number;
  readonly pid?: string;
  readonly hostname?: string;
  readonly version?: string;
  readonly address?: Address;
  readonly domain?: DomainInfo;
  readonly capabilities?: readonly MasterInfoCapability[];
}

/** Mesos v1 message `MasterInfo.Capability`. */
export interface MasterInfoCapability {
  readonly type?: MasterInfoCapabilityType;
}

/** Mesos v1 message `AgentInfo`. */
export interface AgentInfo {
  readonly hostname: string;
  readonly resources?: readonly Resource[];
  readonly attributes?: readonly Attribute[];
  readonly id?: AgentID;
  readonly port?: number;
  readonly domain?: DomainInfo;
}

/** Mesos v1 message `DomainInfo`. */
export interface DomainInfo {
  readonly fault_domain?: DomainInfoFaultDomain;
}

/** Mesos v1 message `DomainInfo.FaultDomain`. */
export interface DomainInfoFaultDomain {
  readonly region: DomainInfoFaultDomainRegionInfo;
  readonly zone: DomainInfoFaultDomainZoneInfo;
}

/** Mesos v1 message `DomainInfo.FaultDomain.RegionInfo`. */
export interface DomainInfoFaultDomainRegionInfo {
  readonly name: string;
}

/** Mesos v1 message `DomainInfo.FaultDomain.ZoneInfo`. */
export interface DomainInfoFaultDomainZoneInfo {
  readonly name: string;
}

/** Mesos v1 message `Attribute`. */
export interface Attribute {
  readonly name: string;
  readonly type: ValueType;
  readonly scalar?: ValueScalar;
  readonly ranges?: ValueRanges;
  readonly text?: ValueText;
  readonly set?: ValueSet;
}

/** Mesos v1 message `Value.Scalar`. */
export interface ValueScalar {
  readonly value: number;
}

/** Mesos v1 message `Value.Range`. */
export interface ValueRange {
  readonly begin: number;
  readonly end: number;
}

/** Mesos v1 message `Value.Ranges`. */
export interface ValueRanges {
  readonly range?: readonly ValueRange[];
}

/** Mesos v1 message `Value.Set`. */
export interface ValueSet {
  readonly item?: readonly string[];
}

/** Mesos v1 message `Value.Text`. */
export interface ValueText {
  readonly value: string;
}

/** Mesos v1 message `Resource`. */
export interface Resource {
  readonly name: string;
  readonly type: ValueType;
  readonly scalar?: ValueScalar;
  readonly ranges?: ValueRanges;
  readonly set?: ValueSet;
  readonly role?: string;
  readonly disk?: ResourceDiskInfo;
  readonly reservation?: ResourceReservationInfo;
  readonly revocable?: ResourceRevocableInfo;
  readonly shared?: ResourceSharedInfo;
  readonly allocation_info?: ResourceAllocationInfo;
  readonly provider_id?: ResourceProviderID;
  readonly reservations?: readonly ResourceReservationInfo[];
}

/** Mesos v1 message `Resource.AllocationInfo`. */
export interface ResourceAllocationInfo {
  readonly role?: string;
}

/** Mesos v1 message `Resource.ReservationInfo`. */
export interface ResourceReservationInfo {
  readonly principal?: string;
  readonly labels?: Labels;
  readonly role?: string;
  readonly type?: ResourceReservationInfoType;
}

/** Mesos v1 message `Resource.DiskInfo`. */
export interface ResourceDiskInfo {
  readonly persistence?: ResourceDiskInfoPersistence;
  readonly volume?: Volume;
  readonly source?: ResourceDiskInfoSource;
}

/** Mesos v1 message `Resource.DiskInfo.Persistence`. */
export interface ResourceDiskInfoPersistence {
  readonly id: string;
  readonly principal?: string;
}

/** Mesos v1 message `Resource.DiskInfo.Source`. */
export interface ResourceDiskInfoSource {
  readonly type: ResourceDiskInfoSourceType;
  readonly path?: ResourceDiskInfoSourcePath;
  readonly mount?: ResourceDiskInfoSourceMount;
  readonly id?: string;
  readonly metadata?: Labels;
  readonly profile?: string;
  readonly vendor?: string;
}

/** Mesos v1 message `Resource.DiskInfo.Source.Path`. */
export interface ResourceDiskInfoSourcePath {
  readonly root?: string;
}

/** Mesos v1 message `Resource.DiskInfo.Source.Mount`. */
export interface ResourceDiskInfoSourceMount {
  readonly root?: string;
}

/** Mesos v1 message `Resource.RevocableInfo`. */
export type ResourceRevocableInfo = Readonly<Record<string, never>>;

/** Mesos v1 message `Resource.SharedInfo`. */
export type ResourceSharedInfo = Readonly<Record<string, never>>;

/** Mesos v1 message `Offer`. */
export interface Offer {
  readonly id: OfferID;
  readonly framework_id: FrameworkID;
  readonly agent_id: AgentID;
  readonly hostname: string;
  readonly resources?: readonly Resource[];
  readonly executor_ids?: readonly ExecutorID[];
  readonly attributes?: readonly Attribute[];
  readonly url?: URL;
  readonly unavailability?: Unavailability;
  readonly allocation_info?: ResourceAllocationInfo;
  readonly domain?: DomainInfo;
}

/** Mesos v1 message `Offer.Operation`. */
export interface OfferOperation {
  readonly type?: OfferOperationType;
  readonly launch?: OfferOperationLaunch;
  readonly reserve?: OfferOperationReserve;
  readonly unreserve?: OfferOperationUnreserve;
  readonly create?: OfferOperationCreate;
  readonly destroy?: OfferOperationDestroy;
  readonly launch_group?: OfferOperationLaunchGroup;
  readonly id?: OperationID;
  readonly grow_volume?: OfferOperationGrowVolume;
  readonly shrink_volume?: OfferOperationShrinkVolume;
}

/** Mesos v1 message `Offer.Operation.Launch`. */
export interface OfferOperationLaunch {
  readonly task_infos?: readonly TaskInfo[];
}

/** Mesos v1 message `Offer.Operation.LaunchGroup`. */
export interface OfferOperationLaunchGroup {
  readonly executor: ExecutorInfo;
  readonly task_group: TaskGroupInfo;
}

/** Mesos v1 message `Offer.Operation.Reserve`. */
export interface OfferOperationReserve {
  readonly resources?: readonly Resource[];
  readonly source?: readonly Resource[];
}

/** Mesos v1 message `Offer.Operation.Unreserve`. */
export interface OfferOperationUnreserve {
  readonly resources?: readonly Resource[];
}

/** Mesos v1 message `Offer.Operation.Create`. */
export interface OfferOperationCreate {
  readonly volumes?: readonly Resource[];
}

/** Mesos v1 message `Offer.Operation.Destroy`. */
export interface OfferOperationDestroy {
  readonly volumes?: readonly Resource[];
}

/** Mesos v1 message `Offer.Operation.GrowVolume`. */
export interface OfferOperationGrowVolume {
  readonly volume: Resource;
  readonly addition: Resource;
}

/** Mesos v1 message `Offer.Operation.ShrinkVolume`. */
export interface OfferOperationShrinkVolume {
  readonly volume: Resource;
  readonly subtract: ValueScalar;
}

/** Mesos v1 message `InverseOffer`. */
export interface InverseOffer {
  readonly id: OfferID;
  readonly url?: URL;
  readonly framework_id: FrameworkID;
  readonly agent_id?: AgentID;
  readonly unavailability: Unavailability;
  readonly resources?: readonly Resource[];
}

/** Mesos v1 message `Filters`. */
export interface Filters {
  readonly refuse_seconds?: number;
}

/** Mesos v1 message `Request`. */
export interface Request {
  readonly agent_id?: AgentID;
  readonly resources?: readonly Resource[];
}

/** Mesos v1 message `OperationStatus`. */
export interface OperationStatus {
  readonly operation_id?: OperationID;
  readonly state: OperationState;
  readonly message?: string;
  readonly converted_resources?: readonly Resource[];
  readonly uuid?: UUID;
  readonly agent_id?: AgentID;
  readonly resource_provider_id?: ResourceProviderID;
}

/** Mesos v1 message `TaskInfo`. */
export interface TaskInfo {
  readonly name: string;
  readonly task_id: TaskID;
  readonly agent_id: AgentID;
  readonly resources?: readonly Resource[];
  readonly executor?: ExecutorInfo;
  readonly data?: string;
  readonly command?: CommandInfo;
  readonly health_check?: HealthCheck;
  readonly container?: ContainerInfo;
  readonly labels?: Labels;
  readonly discovery?: DiscoveryInfo;
  readonly kill_policy?: KillPolicy;
  readonly check?: CheckInfo;
  readonly max_completion_time?: DurationInfo;
  readonly limits?: Readonly<Record<string, ValueScalar>>;
}

/** Mesos v1 message `TaskGroupInfo`. */
export interface TaskGroupInfo {
  readonly tasks?: readonly TaskInfo[];
}

/** Mesos v1 message `ExecutorInfo`. */
export interface ExecutorInfo {
  readonly executor_id: ExecutorID;
  readonly data?: string;
  readonly resources?: readonly Resource[];
  readonly command?: CommandInfo;
  readonly framework_id?: FrameworkID;
  readonly name?: string;
  readonly source?: string;
  readonly container?: ContainerInfo;
  readonly discovery?: DiscoveryInfo;
  readonly shutdown_grace_period?: DurationInfo;
  readonly labels?: Labels;
  readonly type?: ExecutorInfoType;
}

/** Mesos v1 message `CommandInfo`. */
export interface CommandInfo {
  readonly uris?: readonly CommandInfoURI[];
  readonly environment?: Environment;
  readonly value?: string;
  readonly user?: string;
  readonly shell?: boolean;
  readonly arguments?: readonly string[];
}

/** Mesos v1 message `CommandInfo.URI`. */
export interface CommandInfoURI {
  readonly value: string;
  readonly executable?: boolean;
  readonly extract?: boolean;
  readonly cache?: boolean;
  readonly output_file?: string;
}

/** Mesos v1 message `Environment`. */
export interface Environment {
  readonly variables?: readonly EnvironmentVariable[];
}

/** Mesos v1 message `Environment.Variable`. */
export interface EnvironmentVariable {
  readonly name: string;
  readonly value?: string;
  readonly type?: EnvironmentVariableType;
  readonly secret?: Secret;
}

/** Mesos v1 message `Secret`. */
export interface Secret {
  readonly type?: SecretType;
  readonly reference?: SecretReference;
  readonly value?: SecretValue;
}

/** Mesos v1 message `Secret.Reference`. */
export interface SecretReference {
  readonly name: string;
  readonly key?: string;
}

/** Mesos v1 message `Secret.Value`. */
export interface SecretValue {
  readonly data: string;
}

/** Mesos v1 message `KillPolicy`. */
export interface KillPolicy {
  readonly grace_period?: DurationInfo;
}

/** Mesos v1 message `HealthCheck`. */
export interface HealthCheck {
  readonly http?: HealthCheckHTTPCheckInfo;
  readonly delay_seconds?: number;
  readonly interval_seconds?: number;
  readonly timeout_seconds?: number;
  readonly consecutive_failures?: number;
  readonly grace_period_seconds?: number;
  readonly command?: CommandInfo;
  readonly type?: HealthCheckType;
  readonly tcp?: HealthCheckTCPCheckInfo;
}

/** Mesos v1 message `HealthCheck.HTTPCheckInfo`. */
export interface HealthCheckHTTPCheckInfo {
  readonly port: number;
  readonly path?: string;
  readonly scheme?: string;
  readonly statuses?: readonly number[];
  readonly protocol?: NetworkInfoProtocol;
}

/** Mesos v1 message `HealthCheck.TCPCheckInfo`. */
export interface HealthCheckTCPCheckInfo {
  readonly port: number;
  readonly protocol?: NetworkInfoProtocol;
}

/** Mesos v1 message `CheckInfo`. */
export interface CheckInfo {
  readonly type?: CheckInfoType;
  readonly command?: CheckInfoCommand;
  readonly http?: CheckInfoHttp;
  readonly delay_seconds?: number;
  readonly interval_seconds?: number;
  readonly timeout_seconds?: number;
  readonly tcp?: CheckInfoTcp;
}

/** Mesos v1 message `CheckInfo.Command`. */
export interface CheckInfoCommand {
  readonly command: CommandInfo;
}

/** Mesos v1 message `CheckInfo.Http`. */
export interface CheckInfoHttp {
  readonly port: number;
  readonly path?: string;
}

/** Mesos v1 message `CheckInfo.Tcp`. */
export interface CheckInfoTcp {
  readonly port: number;
}

/** Mesos v1 message `DiscoveryInfo`. */
export interface DiscoveryInfo {
  readonly visibility: DiscoveryInfoVisibility;
  readonly name?: string;
  readonly environment?: string;
  readonly location?: string;
  readonly version?: string;
  readonly ports?: Ports;
  readonly labels?: Labels;
}

/** Mesos v1 message `Ports`. */
export interface Ports {
  readonly ports?: readonly Port[];
}

/** Mesos v1 message `Port`. */
export interface Port {
  readonly number: number;
  readonly name?: string;
  readonly protocol?: string;
  readonly visibility?: DiscoveryInfoVisibility;
  readonly labels?: Labels;
}

/** Mesos v1 message `ContainerInfo`. */
export interface ContainerInfo {
  readonly type: ContainerInfoType;
  readonly volumes?: readonly Volume[];
  readonly docker?: ContainerInfoDockerInfo;
  readonly hostname?: string;
  readonly mesos?: ContainerInfoMesosInfo;
  readonly network_infos?: readonly NetworkInfo[];
  readonly rlimit_info?: RLimitInfo;
  readonly tty_info?: TTYInfo;
}

/** Mesos v1 message `ContainerInfo.DockerInfo`. */
export interface ContainerInfoDockerInfo {
  readonly image: string;
  readonly network?: ContainerInfoDockerInfoNetwork;
  readonly port_mappings?: readonly ContainerInfoDockerInfoPortMapping[];
  readonly privileged?: boolean;
  readonly parameters?: readonly Parameter[];
  readonly force_pull_image?: boolean;
  readonly volume_driver?: string;
}

/** Mesos v1 message `ContainerInfo.DockerInfo.PortMapping`. */
export interface ContainerInfoDockerInfoPortMapping {
  readonly host_port: number;
  readonly container_port: number;
  readonly protocol?: string;
}

/** Mesos v1 message `ContainerInfo.MesosInfo`. */
export interface ContainerInfoMesosInfo {
  readonly image?: Image;
}

/** Mesos v1 message `Image`. */
export interface Image {
  readonly type: ImageType;
  readonly appc?: ImageAppc;
  readonly docker?: ImageDocker;
  readonly cached?: boolean;
}

/** Mesos v1 message `Image.Docker`. */
export interface ImageDocker {
  readonly name: string;
  readonly config?: Secret;
}

/** Mesos v1 message `Image.Appc`. */
export interface ImageAppc {
  readonly name: string;
  readonly id?: string;
  readonly labels?: Labels;
}

/** Mesos v1 message `Volume`. */
export interface Volume {
  readonly container_path: string;
  readonly host_path?: string;
  readonly mode: VolumeMode;
  readonly image?: Image;
  readonly source?: VolumeSource;
}

/** Mesos v1 message `Volume.Source`. */
export interface VolumeSource {
  readonly type?: VolumeSourceType;
  readonly docker_volume?: VolumeSourceDockerVolume;
  readonly sandbox_path?: VolumeSourceSandboxPath;
  readonly secret?: Secret;
  readonly host_path?: VolumeSourceHostPath;
}

/** Mesos v1 message `Volume.Source.DockerVolume`. */
export interface VolumeSourceDockerVolume {
  readonly driver?: string;
  readonly name: string;
  readonly driver_options?: Parameters;
}

/** Mesos v1 message `Volume.Source.HostPath`. */
export interface VolumeSourceHostPath {
  readonly path: string;
}

/** Mesos v1 message `Volume.Source.SandboxPath`. */
export interface VolumeSourceSandboxPath {
  readonly type?: VolumeSourceSandboxPathType;
  readonly path: string;
}

/** Mesos v1 message `NetworkInfo`. */
export interface NetworkInfo {
  readonly groups?: readonly string[];
  readonly labels?: Labels;
  readonly ip_addresses?: readonly NetworkInfoIPAddress[];
  readonly name?: string;
  readonly port_mappings?: readonly NetworkInfoPortMapping[];
}

/** Mesos v1 message `NetworkInfo.IPAddress`. */
export interface NetworkInfoIPAddress {
  readonly protocol?: NetworkInfoProtocol;
  readonly ip_address?: string;
}

/** Mesos v1 message `NetworkInfo.PortMapping`. */
export interface NetworkInfoPortMapping {
  readonly host_port: number;
  readonly container_port: number;
  readonly protocol?: string;
}

/** Mesos v1 message `RLimitInfo`. */
export interface RLimitInfo {
  readonly rlimits?: readonly RLimitInfoRLimit[];
}

/** Mesos v1 message `RLimitInfo.RLimit`. */
export interface RLimitInfoRLimit {
  readonly type?: RLimitInfoRLimitType;
  readonly hard?: number;
  readonly soft?: number;
}

/** Mesos v1 message `TTYInfo`. */
export type TTYInfo = Readonly<Record<string, never>>;

/** Mesos v1 message `TaskStatus`. */
export interface TaskStatus {
  readonly task_id: TaskID;
  readonly state: TaskState;
  readonly data?: string;
  readonly message?: string;
  readonly agent_id?: AgentID;
  readonly timestamp?: number;
  readonly executor_id?: ExecutorID;
  readonly healthy?: boolean;
  readonly source?: TaskStatusSource;
  readonly reason?: TaskStatusReason;
  readonly uuid?: string;
  readonly labels?: Labels;
  readonly container_status?: ContainerStatus;
  readonly unreachable_time?: TimeInfo;
  readonly check_status?: CheckStatusInfo;
  readonly limitation?: TaskResourceLimitation;
}

/** Mesos v1 message `CheckStatusInfo`. */
export interface CheckStatusInfo {
  readonly type?: CheckInfoType;
  readonly command?: CheckStatusInfoCommand;
  readonly http?: CheckStatusInfoHttp;
  readonly tcp?: CheckStatusInfoTcp;
}

/** Mesos v1 message `CheckStatusInfo.Command`. */
export interface CheckStatusInfoCommand {
  readonly exit_code?: number;
}

/** Mesos v1 message `CheckStatusInfo.Http`. */
export interface CheckStatusInfoHttp {
  readonly status_code?: number;
}

/** Mesos v1 message `CheckStatusInfo.Tcp`. */
export interface CheckStatusInfoTcp {
  readonly succeeded?: boolean;
}

/** Mesos v1 message `TaskResourceLimitation`. */
export interface TaskResourceLimitation {
  readonly resources?: readonly Resource[];
}

/** Mesos v1 message `ContainerStatus`. */
export interface ContainerStatus {
  readonly network_infos?: readonly NetworkInfo[];
  readonly cgroup_info?: CgroupInfo;
  readonly executor_pid?: number;
  readonly container_id?: ContainerID;
}

/** Mesos v1 message `CgroupInfo`. */
export interface CgroupInfo {
  readonly net_cls?: CgroupInfoNetCls;
}

/** Mesos v1 message `CgroupInfo.NetCls`. */
export interface CgroupInfoNetCls {
  readonly classid?: number;
}

/** Mesos v1 message `scheduler.Call`. */
export interface SchedulerCall {
  readonly framework_id?: FrameworkID;
  readonly type?: SchedulerCallType;
  readonly subscribe?: SchedulerCallSubscribe;
  readonly accept?: SchedulerCallAccept;
  readonly decline?: SchedulerCallDecline;
  readonly kill?: SchedulerCallKill;
  readonly shutdown?: SchedulerCallShutdown;
  readonly acknowledge?: SchedulerCallAcknowledge;
  readonly reconcile?: SchedulerCallReconcile;
  readonly message?: SchedulerCallMessage;
  readonly request?: SchedulerCallRequest;
  readonly accept_inverse_offers?: SchedulerCallAcceptInverseOffers;
  readonly decline_inverse_offers?: SchedulerCallDeclineInverseOffers;
  readonly revive?: SchedulerCallRevive;
  readonly suppress?: SchedulerCallSuppress;
  readonly acknowledge_operation_status?: SchedulerCallAcknowledgeOperationStatus;
  readonly reconcile_operations?: SchedulerCallReconcileOperations;
  readonly update_framework?: SchedulerCallUpdateFramework;
}

/** Mesos v1 message `scheduler.Call.Subscribe`. */
export interface SchedulerCallSubscribe {
  readonly framework_info: FrameworkInfo;
  readonly suppressed_roles?: readonly string[];
  readonly offer_constraints?: SchedulerOfferConstraints;
}

/** Mesos v1 message `scheduler.Call.Accept`. */
export interface SchedulerCallAccept {
  readonly offer_ids?: readonly OfferID[];
  readonly operations?: readonly OfferOperation[];
  readonly filters?: Filters;
}

/** Mesos v1 message `scheduler.Call.Decline`. */
export interface SchedulerCallDecline {
  readonly offer_ids?: readonly OfferID[];
  readonly filters?: Filters;
}

/** Mesos v1 message `scheduler.Call.AcceptInverseOffers`. */
export interface SchedulerCallAcceptInverseOffers {
  readonly inverse_offer_ids?: readonly OfferID[];
  readonly filters?: Filters;
}

/** Mesos v1 message `scheduler.Call.DeclineInverseOffers`. */
export interface SchedulerCallDeclineInverseOffers {
  readonly inverse_offer_ids?: readonly OfferID[];
  readonly filters?: Filters;
}

/** Mesos v1 message `scheduler.Call.Revive`. */
export interface SchedulerCallRevive {
  readonly roles?: readonly string[];
}

/** Mesos v1 message `scheduler.Call.Suppress`. */
export interface SchedulerCallSuppress {
  readonly roles?: readonly string[];
}

/** Mesos v1 message `scheduler.Call.Kill`. */
export interface SchedulerCallKill {
  readonly task_id: TaskID;
  readonly agent_id?: AgentID;
  readonly kill_policy?: KillPolicy;
}

/** Mesos v1 message `scheduler.Call.Shutdown`. */
export interface SchedulerCallShutdown {
  readonly executor_id: ExecutorID;
  readonly agent_id: AgentID;
}

/** Mesos v1 message `scheduler.Call.Acknowledge`. */
export interface SchedulerCallAcknowledge {
  readonly agent_id: AgentID;
  readonly task_id: TaskID;
  readonly uuid: string;
}

/** Mesos v1 message `scheduler.Call.AcknowledgeOperationStatus`. */
export interface SchedulerCallAcknowledgeOperationStatus {
  readonly agent_id?: AgentID;
  readonly resource_provider_id?: ResourceProviderID;
  readonly uuid: string;
  readonly operation_id: OperationID;
}

/** Mesos v1 message `scheduler.Call.Reconcile`. */
export interface SchedulerCallReconcile {
  readonly tasks?: readonly SchedulerCallReconcileTask[];
}

/** Mesos v1 message `scheduler.Call.Reconcile.Task`. */
export interface SchedulerCallReconcileTask {
  readonly task_id: TaskID;
  readonly agent_id?: AgentID;
}

/** Mesos v1 message `scheduler.Call.ReconcileOperations`. */
export interface SchedulerCallReconcileOperations {
  readonly operations?: readonly SchedulerCallReconcileOperationsOperation[];
}

/** Mesos v1 message `scheduler.Call.ReconcileOperations.Operation`. */
export interface SchedulerCallReconcileOperationsOperation {
  readonly operation_id: OperationID;
  readonly agent_id?: AgentID;
  readonly resource_provider_id?: ResourceProviderID;
}

/** Mesos v1 message `scheduler.Call.Message`. */
export interface SchedulerCallMessage {
  readonly agent_id: AgentID;
  readonly executor_id: ExecutorID;
  readonly data: string;
}

/** Mesos v1 message `scheduler.Call.Request`. */
export interface SchedulerCallRequest {
  readonly requests?: readonly Request[];
}

/** Mesos v1 message `scheduler.Call.UpdateFramework`. */
export interface SchedulerCallUpdateFramework {
  readonly framework_info: FrameworkInfo;
  readonly suppressed_roles?: readonly string[];
  readonly offer_constraints?: SchedulerOfferConstraints;
}

/** Mesos v1 message `scheduler.OfferConstraints`. */
export interface SchedulerOfferConstraints {
  readonly role_constraints?: Readonly<Record<string, SchedulerOfferConstraintsRoleConstraints>>;
}

/** Mesos v1 message `scheduler.OfferConstraints.RoleConstraints`. */
export interface SchedulerOfferConstraintsRoleConstraints {
  readonly groups?: readonly SchedulerOfferConstraintsRoleConstraintsGroup[];
}

/** Mesos v1 message `scheduler.OfferConstraints.RoleConstraints.Group`. */
export interface SchedulerOfferConstraintsRoleConstraintsGroup {
  readonly attribute_constraints?: readonly SchedulerAttributeConstraint[];
}

/** Mesos v1 message `scheduler.AttributeConstraint`. */
export interface SchedulerAttributeConstraint {
  readonly selector: SchedulerAttributeConstraintSelector;
  readonly predicate: SchedulerAttributeConstraintPredicate;
}

/** Mesos v1 message `scheduler.AttributeConstraint.Selector`. */
export interface SchedulerAttributeConstraintSelector {
  readonly pseudoattribute_type?: SchedulerAttributeConstraintSelectorPseudoattributeType;
  readonly attribute_name?: string;
}

/** Mesos v1 message `scheduler.AttributeConstraint.Predicate`. */
export interface SchedulerAttributeConstraintPredicate {
  readonly text_equals?: SchedulerAttributeConstraintPredicateTextEquals;
  readonly text_matches?: SchedulerAttributeConstraintPredicateTextMatches;
}

/** Mesos v1 message `scheduler.AttributeConstraint.Predicate.TextEquals`. */
export interface SchedulerAttributeConstraintPredicateTextEquals {
  readonly value: string;
}

/** Mesos v1 message `scheduler.AttributeConstraint.Predicate.TextMatches`. */
export interface SchedulerAttributeConstraintPredicateTextMatches {
  readonly regex: string;
}

/** Mesos v1 message `scheduler.Event`. */
export interface SchedulerEvent {
  readonly type?: SchedulerEventType;
  readonly subscribed?: SchedulerEventSubscribed;
  readonly offers?: SchedulerEventOffers;
  readonly rescind?: SchedulerEventRescind;
  readonly update?: SchedulerEventUpdate;
  readonly message?: SchedulerEventMessage;
  readonly failure?: SchedulerEventFailure;
  readonly error?: SchedulerEventError;
  readonly inverse_offers?: SchedulerEventInverseOffers;
  readonly rescind_inverse_offer?: SchedulerEventRescindInverseOffer;
  readonly update_operation_status?: SchedulerEventUpdateOperationStatus;
}

/** Mesos v1 message `scheduler.Event.Subscribed`. */
export interface SchedulerEventSubscribed {
  readonly framework_id: FrameworkID;
  readonly heartbeat_interval_seconds?: number;
  readonly master_info?: MasterInfo;
}

/** Mesos v1 message `scheduler.Event.Offers`. */
export interface SchedulerEventOffers {
  readonly offers?: readonly Offer[];
}

/** Mesos v1 message `scheduler.Event.InverseOffers`. */
export interface SchedulerEventInverseOffers {
  readonly inverse_offers?: readonly InverseOffer[];
}

/** Mesos v1 message `scheduler.Event.Rescind`. */
export interface SchedulerEventRescind {
  readonly offer_id: OfferID;
}

/** Mesos v1 message `scheduler.Event.RescindInverseOffer`. */
export interface SchedulerEventRescindInverseOffer {
  readonly inverse_offer_id: OfferID;
}

/** Mesos v1 message `scheduler.Event.Update`. */
export interface SchedulerEventUpdate {
  readonly status: TaskStatus;
}

/** Mesos v1 message `scheduler.Event.UpdateOperationStatus`. */
export interface SchedulerEventUpdateOperationStatus {
  readonly status: OperationStatus;
}

/** Mesos v1 message `scheduler.Event.Message`. */
export interface SchedulerEventMessage {
  readonly agent_id: AgentID;
  readonly executor_id: ExecutorID;
  readonly data: string;
}

/** Mesos v1 message `scheduler.Event.Failure`. */
export interface SchedulerEventFailure {
  readonly agent_id?: AgentID;
  readonly executor_id?: ExecutorID;
  readonly status?: number;
}

/** Mesos v1 message `scheduler.Event.Error`. */
export interface SchedulerEventError {
  readonly message: string;
}

/** Mesos v1 message `executor.Call`. */
export interface ExecutorCall {
  readonly executor_id: ExecutorID;
  readonly framework_id: FrameworkID;
  readonly type?: ExecutorCallType;
  readonly subscribe?: ExecutorCallSubscribe;
  readonly update?: ExecutorCallUpdate;
  readonly message?: ExecutorCallMessage;
}

/** Mesos v1 message `executor.Call.Subscribe`. */
export interface ExecutorCallSubscribe {
  readonly unacknowledged_tasks?: readonly TaskInfo[];
  readonly unacknowledged_updates?: readonly ExecutorCallUpdate[];
}

/** Mesos v1 message `executor.Call.Update`. */
export interface ExecutorCallUpdate {
  readonly status: TaskStatus;
}

/** Mesos v1 message `executor.Call.Message`. */
export interface ExecutorCallMessage {
  readonly data: string;
}

/** Mesos v1 message `executor.Event`. */
export interface ExecutorEvent {
  readonly type?: ExecutorEventType;
  readonly subscribed?: ExecutorEventSubscribed;
  readonly acknowledged?: ExecutorEventAcknowledged;
  readonly launch?: ExecutorEventLaunch;
  readonly kill?: ExecutorEventKill;
  readonly message?: ExecutorEventMessage;
  readonly error?: ExecutorEventError;
  readonly launch_group?: ExecutorEventLaunchGroup;
}

/** Mesos v1 message `executor.Event.Subscribed`. */
export interface ExecutorEventSubscribed {
  readonly executor_info: ExecutorInfo;
  readonly framework_info: FrameworkInfo;
  readonly agent_info: AgentInfo;
  readonly container_id?: ContainerID;
}

/** Mesos v1 message `executor.Event.Launch`. */
export interface ExecutorEventLaunch {
  readonly task: TaskInfo;
}

/** Mesos v1 message `executor.Event.LaunchGroup`. */
export interface ExecutorEventLaunchGroup {
  readonly task_group: TaskGroupInfo;
}

/** Mesos v1 message `executor.Event.Kill`. */
export interface ExecutorEventKill {
  readonly task_id: TaskID;
  readonly kill_policy?: KillPolicy;
}

/** Mesos v1 message `executor.Event.Acknowledged`. */
export interface ExecutorEventAcknowledged {
  readonly task_id: TaskID;
  readonly uuid: string;
}

/** Mesos v1 message `executor.Event.Message`. */
export interface ExecutorEventMessage {
  readonly data: string;
}

/** Mesos v1 message `executor.Event.Error`. */
export interface ExecutorEventError {
  readonly message: string;
}

/** Mesos v1 message `master.Event`. */
export interface MasterEvent {
  readonly type?: MasterEventType;
  readonly subscribed?: MasterEventSubscribed;
  readonly task_added?: MasterEventTaskAdded;
  readonly task_updated?: MasterEventTaskUpdated;
  readonly agent_added?: MasterEventAgentAdded;
  readonly agent_removed?: MasterEventAgentRemoved;
  readonly framework_added?: MasterEventFrameworkAdded;
  readonly framework_updated?: MasterEventFrameworkUpdated;
  readonly framework_removed?: MasterEventFrameworkRemoved;
}

/** Mesos v1 message `master.Event.Subscribed`. */
export interface MasterEventSubscribed {
  readonly get_state?: MasterResponseGetState;
  readonly heartbeat_interval_seconds?: number;
}

/** Mesos v1 message `master.Event.TaskAdded`. */
export interface MasterEventTaskAdded {
  readonly task: Task;
}

/** Mesos v1 message `master.Event.TaskUpdated`. */
export interface MasterEventTaskUpdated {
  readonly framework_id: FrameworkID;
  readonly status: TaskStatus;
  readonly state: TaskState;
}

/** Mesos v1 message `master.Event.AgentAdded`. */
export interface MasterEventAgentAdded {
  readonly agent: MasterResponseGetAgentsAgent;
}

/** Mesos v1 message `master.Event.AgentRemoved`. */
export interface MasterEventAgentRemoved {
  readonly agent_id: AgentID;
}

/** Mesos v1 message `master.Event.FrameworkAdded`. */
export interface MasterEventFrameworkAdded {
  readonly framework: MasterResponseGetFrameworksFramework;
}

/** Mesos v1 message `master.Event.FrameworkUpdated`. */
export interface MasterEventFrameworkUpdated {
  readonly framework: MasterResponseGetFrameworksFramework;
}

/** Mesos v1 message `master.Event.FrameworkRemoved`. */
export interface MasterEventFrameworkRemoved {
  readonly framework_info: FrameworkInfo;
}

/** Mesos v1 message `master.Response.GetState`. */
export interface MasterResponseGetState {
  readonly get_tasks?: MasterResponseGetTasks;
  readonly get_executors?: MasterResponseGetExecutors;
  readonly get_frameworks?: MasterResponseGetFrameworks;
  readonly get_agents?: MasterResponseGetAgents;
}

/** Mesos v1 message `master.Response.GetTasks`. */
export interface MasterResponseGetTasks {
  readonly pending_tasks?: readonly Task[];
  readonly tasks?: readonly Task[];
  readonly completed_tasks?: readonly Task[];
  readonly orphan_tasks?: readonly Task[];
  readonly unreachable_tasks?: readonly Task[];
}

/** Mesos v1 message `master.Response.GetExecutors`. */
export interface MasterResponseGetExecutors {
  readonly executors?: readonly MasterResponseGetExecutorsExecutor[];
  readonly orphan_executors?: readonly MasterResponseGetExecutorsExecutor[];
}

/** Mesos v1 message `master.Response.GetExecutors.Executor`. */
export interface MasterResponseGetExecutorsExecutor {
  readonly executor_info: ExecutorInfo;
  readonly agent_id: AgentID;
}

/** Mesos v1 message `master.Response.GetFrameworks`. */
export interface MasterResponseGetFrameworks {
  readonly frameworks?: readonly MasterResponseGetFrameworksFramework[];
  readonly completed_frameworks?: readonly MasterResponseGetFrameworksFramework[];
  readonly recovered_frameworks?: readonly FrameworkInfo[];
}

/** Mesos v1 message `master.Response.GetFrameworks.Framework`. */
export interface MasterResponseGetFrameworksFramework {
  readonly framework_info: FrameworkInfo;
  readonly active: boolean;
  readonly connected: boolean;
  readonly registered_time?: TimeInfo;
  readonly reregistered_time?: TimeInfo;
  readonly unregistered_time?: TimeInfo;
  readonly offers?: readonly Offer[];
  readonly inverse_offers?: readonly InverseOffer[];
  readonly allocated_resources?: readonly Resource[];
  readonly offered_resources?: readonly Resource[];
  readonly recovered: boolean;
  readonly offer_constraints?: SchedulerOfferConstraints;
}

/** Mesos v1 message `master.Response.GetAgents`. */
export interface MasterResponseGetAgents {
  readonly agents?: readonly MasterResponseGetAgentsAgent[];
  readonly recovered_agents?: readonly AgentInfo[];
}

/** Mesos v1 message `master.Response.GetAgents.Agent`. */
export interface MasterResponseGetAgentsAgent {
  readonly agent_info: AgentInfo;
  readonly active: boolean;
  readonly version: string;
  readonly pid?: string;
  readonly registered_time?: TimeInfo;
  readonly reregistered_time?: TimeInfo;
  readonly total_resources?: readonly Resource[];
  readonly allocated_resources?: readonly Resource[];
  readonly offered_resources?: readonly Resource[];
  readonly capabilities?: readonly AgentInfoCapability[];
  readonly deactivated?: boolean;
  readonly drain_info?: DrainInfo;
  readonly estimated_drain_start_time?: TimeInfo;
}

/** Mesos v1 message `AgentInfo.Capability`. */
export interface AgentInfoCapability {
  readonly type?: AgentInfoCapabilityType;
}

/** Mesos v1 message `DrainInfo`. */
export interface DrainInfo {
  readonly state: DrainState;
  readonly config: DrainConfig;
}

/** Mesos v1 message `DrainConfig`. */
export interface DrainConfig {
  readonly max_grace_period?: DurationInfo;
  readonly mark_gone?: boolean;
}

/** Mesos v1 message `Task`. */
export interface Task {
  readonly name: string;
  readonly task_id: TaskID;
  readonly framework_id: FrameworkID;
  readonly executor_id?: ExecutorID;
  readonly agent_id: AgentID;
  readonly state: TaskState;
  readonly resources?: readonly Resource[];
  readonly statuses?: readonly TaskStatus[];
  readonly status_update_state?: TaskState;
  readonly status_update_uuid?: string;
  readonly labels?: Labels;
  readonly discovery?: DiscoveryInfo;
  readonly container?: ContainerInfo;
  readonly user?: string;
  readonly health_check?: HealthCheck;
  readonly kill_policy?: KillPolicy;
  readonly limits?: Readonly<Record<string, ValueScalar>>;
}
