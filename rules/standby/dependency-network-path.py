r"""
title: Workloads of the standby can reach logs, secrets and credentials
severity: high
link: network
resource: [AWS::ECS::Service, AWS::EKS::Nodegroup, AWS::EKS::FargateProfile]
needs:
  - AWS::EC2::Subnet
  - AWS::EC2::RouteTable
  - AWS::EC2::VPCEndpoint
  - AWS::EC2::NatGateway
  - AWS::ECS::TaskDefinition
  - AWS::EKS::PodIdentityAssociation
  - Kubernetes::ServiceAccount
rationale: |
  The image is pulled, and the task does not start: in a subnet without a NAT gateway Fargate needs an interface endpoint
  for each service that it asks before the first container runs. It creates a log stream (`logs`) and reads secrets and
  parameters (`secretsmanager`, `ssm`), and stops with ResourceInitializationError where it cannot. Pods that take on a
  role ask `sts` or `eks-auth` for credentials. The endpoints of the registry alone are soon thought to be enough.
remediation: |
  Give the subnets a NAT gateway, or one endpoint for each service that a start asks:

      aws ec2 create-vpc-endpoint --region <standby> --vpc-id <vpc> --vpc-endpoint-type Interface --private-dns-enabled \
        --service-name com.amazonaws.<standby>.<endpoint> --subnet-ids <subnets> \
        --security-group-ids <group>    # such as logs, ssm or secretsmanager

  In Terraform `aws_vpc_endpoint`, in CloudFormation `AWS::EC2::VPCEndpoint`. In an endpoint's policy name the secrets
  and log groups of the standby's Region.
references:
  - https://docs.aws.amazon.com/AmazonECS/latest/developerguide/vpc-endpoints.html
  - https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch-logs-and-interface-VPC.html
  - https://docs.aws.amazon.com/secretsmanager/latest/userguide/vpc-endpoint-overview.html
  - https://docs.aws.amazon.com/eks/latest/userguide/private-clusters.html
controls:
  aws-well-architected: [REL13-BP02]
  nist-800-53: [CP-7]
traps:
  - The endpoints `ecs`, `ecs-agent` and `ecs-telemetry` are for the agent on instances; a task on Fargate starts without them.
  - Endpoints in a central VPC behind a transit gateway or a peering are a way that this VPC does not show, so it is undecided.
  - An endpoint that serves without private DNS, by a hosted zone of its own, cannot be told from one that serves nobody, so it is undecided.
  - An endpoint with private DNS takes the calls though there is a NAT gateway too, so what its policy refuses is refused.
  - A task on instances logs and reads secrets over the subnets of the instance, which no service names, so it is undecided.
  - Logs and secrets of another Region are not asked for over these endpoints; ecs-no-primary-region-literals and workload-secrets-and-parameters-in-standby judge them.
  - Only what the definition uses counts, so a task without secrets needs no endpoint for them.
  - Pods that take on roles may never run on some of a cluster's nodes, so a group among several is undecided.
  - Pod Identity is not for pods on Fargate, so a Fargate profile needs no `eks-auth`.
examples:
  pass:
    - Resources: &nat
        api: &api
          Type: AWS::ECS::Service
          Region: us-west-2
          Properties: {Cluster: payments, ServiceName: api, LaunchType: FARGATE, TaskDefinition: {Ref: task}, NetworkConfiguration: {AwsvpcConfiguration: {Subnets: [subnet-a]}}}
        task: &task
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties:
            Family: api
            ContainerDefinitions:
              - Name: api
                LogConfiguration: {LogDriver: awslogs, Options: {awslogs-group: /shop/api, awslogs-region: us-west-2}}
                Secrets:
                  - {Name: A, ValueFrom: "arn:aws:secretsmanager:us-west-2:111122223333:secret:shop/db-AbCdEf:password::"}
                  - {Name: B, ValueFrom: /shop/flag}
        subnet: &subnet {Type: AWS::EC2::Subnet, Region: us-west-2, Properties: {SubnetId: subnet-a, VpcId: vpc-1}}
        public: &public {Type: AWS::EC2::Subnet, Region: us-west-2, Properties: {SubnetId: subnet-p, VpcId: vpc-1}}
        table: &to-nat
          Type: AWS::EC2::RouteTable
          Region: us-west-2
          Properties: {RouteTableId: rtb-a, VpcId: vpc-1, Routes: [{DestinationCidrBlock: 0.0.0.0/0, NatGatewayId: nat-1, State: active}], Associations: [{SubnetId: subnet-a}]}
        outer: &to-internet
          Type: AWS::EC2::RouteTable
          Region: us-west-2
          Properties: {RouteTableId: rtb-p, VpcId: vpc-1, Routes: [{DestinationCidrBlock: 0.0.0.0/0, GatewayId: igw-1, State: active}], Associations: [{SubnetId: subnet-p}]}
        gateway: &gateway {Type: AWS::EC2::NatGateway, Region: us-west-2, Properties: {NatGatewayId: nat-1, SubnetId: subnet-p, State: available}}
    - Resources: &endpoints  # an endpoint for each, and none of ECS
        api: *api
        task: *task
        subnet: *subnet
        table: &main
          Type: AWS::EC2::RouteTable
          Region: us-west-2
          Properties: {RouteTableId: rtb-m, VpcId: vpc-1, Routes: [{DestinationCidrBlock: 10.0.0.0/16, GatewayId: local, State: active}], Associations: [{Main: true}]}
        logs: &logs {Type: AWS::EC2::VPCEndpoint, Region: us-west-2, Properties: {VpcId: vpc-1, VpcEndpointType: Interface, ServiceName: com.amazonaws.us-west-2.logs, PrivateDnsEnabled: true, State: available}}
        secrets: &secrets {Type: AWS::EC2::VPCEndpoint, Region: us-west-2, Properties: {VpcId: vpc-1, VpcEndpointType: Interface, ServiceName: com.amazonaws.us-west-2.secretsmanager, PrivateDnsEnabled: true, State: available}}
        ssm: &ssm {Type: AWS::EC2::VPCEndpoint, Region: us-west-2, Properties: {VpcId: vpc-1, VpcEndpointType: Interface, ServiceName: com.amazonaws.us-west-2.ssm, PrivateDnsEnabled: true, State: available}}
    - Resources:  # policies that name what is asked for
        api: *api
        task: *task
        subnet: *subnet
        table: *main
        logs: &logs-policy
          Type: AWS::EC2::VPCEndpoint
          Region: us-west-2
          Properties: {VpcId: vpc-1, VpcEndpointType: Interface, ServiceName: com.amazonaws.us-west-2.logs, PrivateDnsEnabled: true, State: available, PolicyDocument: {Statement: {Effect: Allow, Principal: "*", Action: ["logs:CreateLogStream", "logs:PutLogEvents"], Resource: "arn:aws:logs:us-west-2:111122223333:log-group:/shop/*"}}}
        secrets:
          Type: AWS::EC2::VPCEndpoint
          Region: us-west-2
          Properties: {VpcId: vpc-1, VpcEndpointType: Interface, ServiceName: com.amazonaws.us-west-2.secretsmanager, PrivateDnsEnabled: true, State: available, PolicyDocument: {Statement: {Effect: Allow, Principal: "*", Action: "secretsmanager:GetSecretValue", Resource: "arn:aws:secretsmanager:us-west-2:111122223333:secret:shop/db-AbCdEf"}}}
        ssm:
          Type: AWS::EC2::VPCEndpoint
          Region: us-west-2
          Properties: {VpcId: vpc-1, VpcEndpointType: Interface, ServiceName: com.amazonaws.us-west-2.ssm, PrivateDnsEnabled: true, State: available, PolicyDocument: {Statement: {Effect: Allow, Principal: "*", Action: "ssm:GetParameters", Resource: "arn:aws:ssm:us-west-2:111122223333:parameter/shop/flag"}}}
    - Resources:  # it logs alone, to where its Region is, and needs nothing of the primary's from here
        api: *api
        task:
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties:
            Family: api
            ContainerDefinitions:
              - {Name: api, LogConfiguration: {LogDriver: awslogs, Options: {awslogs-group: /shop/api}}, Secrets: [{Name: A, ValueFrom: "arn:aws:secretsmanager:us-east-1:111122223333:secret:shop/db-AbCdEf"}]}
              - {Name: far, LogConfiguration: {LogDriver: awslogs, Options: {awslogs-group: /shop/far, awslogs-region: us-east-1}}, Secrets: [], RepositoryCredentials: null}
              - {Name: splunk, LogConfiguration: {LogDriver: splunk, Options: {}, SecretOptions: []}, Secrets: [], RepositoryCredentials: null}
        subnet: *subnet
        table: *main
        logs: *logs-policy
      Scanned: [us-east-1, us-west-2]
    - Resources: &pods  # nodes whose pods take on roles both ways
        nodes: &nodes {Type: AWS::EKS::Nodegroup, Region: us-west-2, Properties: {ClusterName: shop, NodegroupName: default, Subnets: [subnet-a]}}
        irsa: &irsa {Type: Kubernetes::ServiceAccount, Region: us-west-2, Properties: {Cluster: "arn:aws:eks:us-west-2:111122223333:cluster/shop", Namespace: shop, Name: api, RoleArn: "arn:aws:iam::111122223333:role/api"}}
        identity: &identity {Type: AWS::EKS::PodIdentityAssociation, Region: us-west-2, Properties: {ClusterName: shop, Namespace: shop, ServiceAccount: web}}
        subnet: *subnet
        table: *main
        sts: &sts {Type: AWS::EC2::VPCEndpoint, Region: us-west-2, Properties: {VpcId: vpc-1, VpcEndpointType: Interface, ServiceName: com.amazonaws.us-west-2.sts, PrivateDnsEnabled: true, State: available}}
        auth: &auth {Type: AWS::EC2::VPCEndpoint, Region: us-west-2, Properties: {VpcId: vpc-1, VpcEndpointType: Interface, ServiceName: com.amazonaws.us-west-2.eks-auth, PrivateDnsEnabled: true, State: available}}
    - Resources:  # what a Fargate profile asks
        pods: &profile {Type: AWS::EKS::FargateProfile, Region: us-west-2, Properties: {ClusterName: shop, FargateProfileName: default, Subnets: [subnet-a]}}
        irsa: *irsa
        identity: *identity
        subnet: *subnet
        table: *main
        sts: *sts
    - Resources: {nodes: *nodes, subnet: *subnet, table: *main, sts: *sts, auth: *auth}  # whether it is needed was not seen, and it is there
      Gaps: [{Reason: NotCollected, Type: "Kubernetes::ServiceAccount", Operation: "eks:ListClusters", Region: us-west-2}]
  fail:
    - Resources: {api: *api, task: *task, subnet: *subnet, table: *main, secrets: *secrets, ssm: *ssm}
    - Resources: {api: *api, task: *task, subnet: *subnet, table: *main, logs: *logs, ssm: *ssm}
    - Resources: {api: *api, task: *task, subnet: *subnet, table: *main, logs: *logs, secrets: *secrets}
    - Resources:  # credentials of another registry
        api: *api
        task: {Type: AWS::ECS::TaskDefinition, Region: us-west-2, Properties: {Family: api, ContainerDefinitions: [{Name: api, RepositoryCredentials: {CredentialsParameter: "arn:aws:secretsmanager:us-west-2:111122223333:secret:hub-AbCdEf"}}]}}
        subnet: *subnet
        table: *main
        logs: *logs
    - Resources:  # the endpoint's policy was copied from the primary, and no NAT gateway beside it helps
        api: *api
        task: *task
        subnet: *subnet
        public: *public
        table: *to-nat
        outer: *to-internet
        gateway: *gateway
        secrets:
          Type: AWS::EC2::VPCEndpoint
          Region: us-west-2
          Properties: {VpcId: vpc-1, VpcEndpointType: Interface, ServiceName: com.amazonaws.us-west-2.secretsmanager, PrivateDnsEnabled: true, State: available, PolicyDocument: {Statement: {Effect: Allow, Principal: "*", Action: "secretsmanager:GetSecretValue", Resource: "arn:aws:secretsmanager:us-east-1:111122223333:secret:*"}}}
    - Resources:  # the log groups of another account
        api: *api
        task: *task
        subnet: *subnet
        table: *main
        logs:
          Type: AWS::EC2::VPCEndpoint
          Region: us-west-2
          Properties: {VpcId: vpc-1, VpcEndpointType: Interface, ServiceName: com.amazonaws.us-west-2.logs, PrivateDnsEnabled: true, State: available, PolicyDocument: {Statement: {Effect: Allow, Principal: "*", Action: "logs:*", Resource: "arn:aws:logs:us-west-2:444455556666:log-group:*"}}}
        secrets: *secrets
        ssm: *ssm
    - Resources: {nodes: *nodes, irsa: *irsa, identity: *identity, subnet: *subnet, table: *main, auth: *auth}
    - Resources: {nodes: *nodes, irsa: *irsa, identity: *identity, subnet: *subnet, table: *main, sts: *sts}
    - Resources: {pods: *profile, irsa: *irsa, subnet: *subnet, table: *main, auth: *auth}
  unknown:
    - Resources:  # endpoints in a central VPC
        api: *api
        task: *task
        subnet: *subnet
        table: {Type: AWS::EC2::RouteTable, Region: us-west-2, Properties: {RouteTableId: rtb-a, VpcId: vpc-1, Routes: [{DestinationCidrBlock: 10.0.0.0/8, TransitGatewayId: tgw-1, State: active}], Associations: [{SubnetId: subnet-a}]}}
    - Resources:  # without private DNS
        api: *api
        task: *task
        subnet: *subnet
        table: *main
        logs: {Type: AWS::EC2::VPCEndpoint, Region: us-west-2, Properties: {VpcId: vpc-1, VpcEndpointType: Interface, ServiceName: com.amazonaws.us-west-2.logs, PrivateDnsEnabled: false, State: available}}
        secrets: *secrets
        ssm: *ssm
    - Resources:  # a policy for some pods, and which role it is for is not asked
        nodes: *nodes
        irsa: *irsa
        subnet: *subnet
        table: *main
        sts:
          Type: AWS::EC2::VPCEndpoint
          Region: us-west-2
          Properties: {VpcId: vpc-1, VpcEndpointType: Interface, ServiceName: com.amazonaws.us-west-2.sts, PrivateDnsEnabled: true, State: available, PolicyDocument: {Statement: {Effect: Allow, Principal: {AWS: "111122223333"}, Action: "sts:*", Resource: "*"}}}
    - Resources:  # on instances
        api: {Type: AWS::ECS::Service, Region: us-west-2, Properties: {Cluster: payments, ServiceName: api, LaunchType: EC2, TaskDefinition: {Ref: task}}}
        task: *task
    - Resources:  # the task definition was not seen
        api: {Type: AWS::ECS::Service, Region: us-west-2, Properties: {Cluster: payments, ServiceName: api, LaunchType: FARGATE, TaskDefinition: "api:7", NetworkConfiguration: {AwsvpcConfiguration: {Subnets: [subnet-a]}}}}
        subnet: *subnet
        table: *main
    - Resources: {api: *api, task: *task, subnet: *subnet, table: *main}
      Gaps: [{Reason: UnauthorizedOperation, Type: "AWS::EC2::VPCEndpoint", Operation: "ec2:DescribeVpcEndpoints", Region: us-west-2}]
    - Resources: {nodes: *nodes, subnet: *subnet, table: *main, auth: *auth}  # whether pods take on roles was not seen
      Gaps: [{Reason: NotCollected, Type: "Kubernetes::ServiceAccount", Operation: "eks:ListClusters", Region: us-west-2}]
    - Resources:  # its pods may run on the other nodes
        nodes: *nodes
        more: {Type: AWS::EKS::Nodegroup, Region: us-west-2, Properties: {ClusterName: shop, NodegroupName: more, Subnets: [subnet-b]}}
        irsa: *irsa
        subnet: *subnet
        table: *main
    - Resources: {nodes: *nodes, irsa: *irsa, subnet: *subnet, table: *main}  # there may be other nodes
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::EKS::FargateProfile", Operation: "eks:ListFargateProfiles", Region: us-west-2}]
  not_applicable:
    - Resources: {api: {Type: AWS::ECS::Service, Properties: {Cluster: payments, ServiceName: api}}}  # not in a standby
    - Resources:  # it asks for nothing
        api: *api
        task: {Type: AWS::ECS::TaskDefinition, Region: us-west-2, Properties: {Family: api, ContainerDefinitions: [{Name: api}]}}
        subnet: *subnet
        table: *main
    - Resources:  # pods of another cluster, and one that takes on no role
        nodes: *nodes
        other: {Type: Kubernetes::ServiceAccount, Region: us-west-2, Properties: {Cluster: "arn:aws:eks:us-west-2:111122223333:cluster/other", Namespace: shop, Name: api, RoleArn: "arn:aws:iam::111122223333:role/api"}}
        plain: {Type: Kubernetes::ServiceAccount, Region: us-west-2, Properties: {Cluster: "arn:aws:eks:us-west-2:111122223333:cluster/shop", Namespace: shop, Name: api, RoleArn: null}}
        identity: {Type: AWS::EKS::PodIdentityAssociation, Region: us-west-2, Properties: {ClusterName: other, Namespace: shop, ServiceAccount: web}}
        subnet: *subnet
        table: *main
    - Resources: *endpoints  # the standby of backup and restore has no network yet
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: backup-restore}]
"""

from collections import namedtuple

from scanner.model import InsufficientData
from scanner.network import Need, has_address, path_to, subnets_of
from scanner.policy import ANYONE
from scanner.recovery import prepared
from scanner.regions import partition_by_name
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.secrets import SECRET, mentions, source
from scanner.workloads import definition_of

NODES, PROFILE = "AWS::EKS::Nodegroup", "AWS::EKS::FargateProfile"
ACCOUNTS, IDENTITIES = "Kubernetes::ServiceAccount", "AWS::EKS::PodIdentityAssociation"
LOGS = ("logs:CreateLogStream", "logs:PutLogEvents")


# What a start asks over the network, for what, and why it may ask for nothing; a clause each.
Wanted = namedtuple("Wanted", "need purpose doubt", defaults=("",))


def check(workload, model, parameters):
    if not prepared(model, workload.place):
        yield NotApplicable("No pair has its prepared standby here.")
        return
    wanted = list(of_nodes(workload, model)) if workload.type in (NODES, PROFILE) else of_service(workload, model)
    if not wanted:
        yield NotApplicable("It asks for no logs, secrets or credentials over the network.")
        return
    where, pointer = subnets_of(workload)
    for one in wanted:
        yield from judge(workload, model, where, pointer, one)


def judge(workload, model, where, pointer, wanted):
    what, ways, missing = f"'{wanted.need.service}' of '{workload.region}'", {}, {}
    for id in where:
        try:
            found = path_to(model, workload.place, id, wanted.need, public_ip=has_address(workload, id, model))
        except InsufficientData as gap:
            yield Undecided(f"Whether subnet '{id}' reaches {what} is not known: {gap}.", pointer)
            continue
        if found.missing:
            missing.setdefault("; ".join(found.missing), []).append(id)
        else:
            ways[id] = found.via
    yield Evidence({wanted.need.service: ways})
    for why, ids in missing.items():
        some = ", ".join(f"'{id}'" for id in ids)
        said = f"From subnet{'' if len(ids) == 1 else 's'} {some} of '{workload.name}' no way leads to {what}, {wanted.purpose}: {why}"
        if wanted.doubt:
            yield Undecided(f"{said}; whether anything asks for it is not known: {wanted.doubt}.", pointer)
        elif workload.type in (NODES, PROFILE) and not alone(workload, model):
            yield Undecided(f"{said}; whether such pods run there is not known.", pointer)
        else:
            yield Violation(f"{said}.", pointer)


def of_service(service, model):
    """Return what Fargate asks before the containers of a service run, in the service's own Region."""
    definition, place = definition_of(service, model), service.place
    groups = tuple(sorted(log_groups(definition, place)))
    secrets, parameters = set(), set()
    for mention in mentions(definition):
        named = source(mention.read(), mention.type, place)
        if named.region == place.region:
            (secrets if named.type == SECRET else parameters).add(arn_of(mention.read(), place))
    wanted = [
        (Need("logs", LOGS, lambda: groups), groups, "where its containers log"),
        (
            Need("secretsmanager", ("secretsmanager:GetSecretValue",), lambda: tuple(sorted(secrets))),
            secrets,
            "which has its secrets",
        ),
        (
            Need("ssm", ("ssm:GetParameters",), lambda: tuple(sorted(parameters))),
            parameters,
            "which has its parameters",
        ),
    ]
    return [Wanted(need, purpose) for need, used, purpose in wanted if used]


def log_groups(definition, place):
    """Yield the ARNs of the log groups that the containers of a definition log to in their own Region."""
    for container in definition["ContainerDefinitions"] or ():
        log = container["LogConfiguration"] or {}
        if log.get("LogDriver") == "awslogs":
            options = log["Options"] or {}
            if options.get("awslogs-region") in (None, place.region):
                yield f"{prefix('logs', place)}:log-group:{options.get('awslogs-group')}:log-stream:x"


def arn_of(text, place):
    """Return the ARN of a secret, without what is named inside of it, or of a parameter that is named without one."""
    if text.startswith("arn:"):
        return ":".join(text.split(":")[:7])
    return f"{prefix('ssm', place)}:parameter/{text.removeprefix('/')}"


def prefix(service, place):
    return f"arn:{partition_by_name(place.region)[0]}:{service}:{place.region}:{place.account}"


def of_nodes(nodes, model):
    """Return what the pods of a cluster ask that take on roles."""
    cluster, place = nodes["ClusterName"], nodes.place
    accounts = [one for one in model.in_place(ACCOUNTS, place) if one["Cluster"].rpartition("/")[2] == cluster]
    sts = Need("sts", ("sts:AssumeRoleWithWebIdentity",), principal=ANYONE)
    found = [(ACCOUNTS, sts, any(one["RoleArn"] for one in accounts))]
    if nodes.type == NODES:
        identities = [one for one in model.in_place(IDENTITIES, place) if one["ClusterName"] == cluster]
        found.append((IDENTITIES, Need("eks-auth", ("eks-auth:AssumeRoleForPodIdentity",)), bool(identities)))
    purpose = "which gives its pods their credentials"
    for type, need, used in found:
        gap = None if used else model.hidden(type, place)
        if used or gap:
            yield Wanted(need, purpose, str(gap or ""))


def alone(nodes, model):
    """Tell whether the pods of a cluster have no other nodes to run on."""
    if any(model.hidden(type, nodes.place) for type in (NODES, PROFILE)):
        return False
    found = [one for type in (NODES, PROFILE) for one in model.in_place(type, nodes.place)]
    return sum(one["ClusterName"] == nodes["ClusterName"] for one in found) == 1
