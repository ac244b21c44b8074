"""
title: What a service of the standby names exists there
severity: high
link: surroundings
resource: AWS::ECS::Service
needs:
  - AWS::EC2::SecurityGroup
  - AWS::EC2::Subnet
  - AWS::ECS::Cluster
  - AWS::ECS::TaskDefinition
  - AWS::ElasticLoadBalancingV2::TargetGroup
  - AWS::IAM::Role
  - AWS::Logs::LogGroup
rationale: |
  ECS keeps a service whose surroundings are gone: roles, log groups, subnets, security groups, target groups and capacity
  providers can be deleted while no task runs, and a standby at a desired count of 0 runs none. Each of them stops the
  start of the first task, and a target group without a load balancer lets tasks start that nobody reaches.
remediation: |
  Declare in the standby's stack what the service names, and let the service refer to it, so that neither goes without
  the other:

      aws ecs describe-services --region <standby> --cluster <cluster> --services <service>
      aws logs create-log-group --region <standby> --log-group-name <name>

  In CloudFormation `Ref` and `Fn::GetAtt` to `AWS::Logs::LogGroup`, `AWS::ElasticLoadBalancingV2::TargetGroup` and the
  others; in Terraform attributes of `aws_cloudwatch_log_group`, `aws_lb_target_group` and the like. The option
  `awslogs-create-group` makes a log group with the first task, if the execution role may create it.
references:
  - https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html
  - https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specify-log-config.html
  - https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cluster-capacity-providers.html
controls:
  aws-well-architected: [REL13-BP04]
  nist-800-53: [CP-2, CP-10]
traps:
  - A log group that the driver itself creates (`awslogs-create-group`) need not be there.
  - Logs that go to another Region have no log group here; ecs-no-primary-region-literals judges that.
  - A launch type needs no capacity provider; only a strategy of the service names some, `FARGATE` among them.
  - What a file names is made by it or by another stack, so only what an account shows is judged.
  - A role of another account cannot be seen from here, so it is undecided.
  - A target group that no load balancer sends traffic to is there and of no use.
examples:
  pass:
    - Resources: &whole
        api: &api
          Type: AWS::ECS::Service
          Region: us-west-2
          Properties:
            Cluster: {Ref: cluster}
            ServiceName: api
            Status: ACTIVE
            TaskDefinition: {Ref: task}
            CapacityProviderStrategy: [{CapacityProvider: FARGATE}, {CapacityProvider: FARGATE_SPOT}]
            NetworkConfiguration: {AwsvpcConfiguration: {Subnets: [subnet-a], SecurityGroups: [sg-a]}}
            LoadBalancers: [{ContainerName: api, TargetGroupArn: "arn:aws:elasticloadbalancing:us-west-2:111122223333:targetgroup/api/1"}]
        cluster: &cluster {Type: AWS::ECS::Cluster, Region: us-west-2, Properties: {ClusterName: payments, CapacityProviders: [FARGATE, FARGATE_SPOT]}}
        task: &task
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties:
            Family: api
            ExecutionRoleArn: arn:aws:iam::111122223333:role/pull
            TaskRoleArn: arn:aws:iam::111122223333:role/service/api
            ContainerDefinitions: [{Name: api, LogConfiguration: {LogDriver: awslogs, Options: {awslogs-group: /shop/api, awslogs-region: us-west-2}}}]
        subnet: &subnet {Type: AWS::EC2::Subnet, Region: us-west-2, Properties: {SubnetId: subnet-a}}
        group: &group {Type: AWS::EC2::SecurityGroup, Region: us-west-2, Properties: {GroupId: sg-a}}
        targets: &targets
          Type: AWS::ElasticLoadBalancingV2::TargetGroup
          Region: us-west-2
          Properties: {Name: api, TargetGroupArn: "arn:aws:elasticloadbalancing:us-west-2:111122223333:targetgroup/api/1", LoadBalancerArns: ["arn:aws:elasticloadbalancing:us-west-2:111122223333:loadbalancer/app/a/1"]}
        pull: &pull {Type: AWS::IAM::Role, Region: us-west-2, Properties: {RoleName: pull}}
        role: &role {Type: AWS::IAM::Role, Region: us-west-2, Properties: {RoleName: api}}
        log: &log {Type: AWS::Logs::LogGroup, Region: us-west-2, Properties: {LogGroupName: /shop/api}}
    - Resources:  # logs that need no log group of theirs here
        api: &plain
          Type: AWS::ECS::Service
          Region: us-west-2
          Properties: {Cluster: payments, ServiceName: api, Status: ACTIVE, TaskDefinition: {Ref: task}, CapacityProviderStrategy: [], NetworkConfiguration: null, LoadBalancers: []}
        task:
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties:
            Family: api
            ExecutionRoleArn: null
            TaskRoleArn: null
            ContainerDefinitions:
              - {Name: api, LogConfiguration: {LogDriver: awslogs, Options: {awslogs-group: /made, awslogs-create-group: "true", awslogs-region: us-west-2}}}
              - {Name: far, LogConfiguration: {LogDriver: awslogs, Options: {awslogs-group: /far, awslogs-region: us-east-1, awslogs-create-group: "false"}}}
              - {Name: other, LogConfiguration: {LogDriver: splunk}}
              - {Name: silent, LogConfiguration: null}
  fail:
    - Resources: {api: *api, cluster: *cluster, task: *task, group: *group, targets: *targets, pull: *pull, role: *role, log: *log}
    - Resources: {api: *api, cluster: *cluster, task: *task, subnet: *subnet, targets: *targets, pull: *pull, role: *role, log: *log}
    - Resources: {api: *api, cluster: *cluster, task: *task, subnet: *subnet, group: *group, pull: *pull, role: *role, log: *log}
    - Resources: {api: *api, cluster: *cluster, task: *task, subnet: *subnet, group: *group, targets: *targets, role: *role, log: *log}
    - Resources: {api: *api, cluster: *cluster, task: *task, subnet: *subnet, group: *group, targets: *targets, pull: *pull, log: *log}
    - Resources: {api: *api, cluster: *cluster, task: *task, subnet: *subnet, group: *group, targets: *targets, pull: *pull, role: *role}
    - Resources:  # one capacity provider of two
        {api: *api, cluster: {Type: AWS::ECS::Cluster, Region: us-west-2, Properties: {ClusterName: payments, CapacityProviders: [FARGATE]}}, task: *task, subnet: *subnet, group: *group, targets: *targets, pull: *pull, role: *role, log: *log}
    - Resources:  # nobody sends traffic to its target group
        api: *api
        cluster: *cluster
        task: *task
        subnet: *subnet
        group: *group
        targets: {Type: AWS::ElasticLoadBalancingV2::TargetGroup, Region: us-west-2, Properties: {Name: api, TargetGroupArn: "arn:aws:elasticloadbalancing:us-west-2:111122223333:targetgroup/api/1", LoadBalancerArns: []}}
        pull: *pull
        role: *role
        log: *log
    - Resources:  # logs without a Region go to the task's own
        api: *plain
        task: {Type: AWS::ECS::TaskDefinition, Region: us-west-2, Properties: {Family: api, ExecutionRoleArn: null, TaskRoleArn: null, ContainerDefinitions: [{Name: api, LogConfiguration: {LogDriver: awslogs, Options: {awslogs-group: /shop/api}}}]}}
  unknown:
    - Resources: {api: *api, task: *task, subnet: *subnet, group: *group, targets: *targets, pull: *pull, role: *role, log: *log}  # the cluster was not seen
    - Resources: *whole
      Gaps: [{Reason: AccessDenied, Type: "AWS::EC2::SecurityGroup", Operation: "ec2:DescribeSecurityGroups", Region: us-west-2}]
    - Resources: {api: *plain}  # the task definition was not seen
    - Resources:  # a role of another account
        api: *plain
        task: {Type: AWS::ECS::TaskDefinition, Region: us-west-2, Properties: {Family: api, ExecutionRoleArn: "arn:aws:iam::444455556666:role/pull", TaskRoleArn: null, ContainerDefinitions: []}}
        pull: *pull
  not_applicable:
    - {Cluster: payments, ServiceName: api, Status: ACTIVE}  # not in a standby
    - Resources: {api: {Type: AWS::ECS::Service, Region: us-west-2, Properties: {Cluster: payments, ServiceName: api}}}  # a file makes what it names
    - Resources: {api: *plain}  # with backup and restore it is made when it is needed
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: backup-restore}]
"""

from scanner.model import InsufficientData
from scanner.recovery import prepared
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.workloads import definition_of, live_only

CLUSTER, ROLE = "AWS::ECS::Cluster", "AWS::IAM::Role"
LOG_GROUP, TARGET_GROUP = "AWS::Logs::LogGroup", "AWS::ElasticLoadBalancingV2::TargetGroup"
SUBNET, SECURITY_GROUP = "AWS::EC2::Subnet", "AWS::EC2::SecurityGroup"


def check(service, model, parameters):
    if not prepared(model, service.place):
        yield NotApplicable("No pair has its prepared standby here.")
        return
    if live_only(service, "Status") is None:
        yield NotApplicable(
            "Whether what a file names exists is known in an account alone; collect a snapshot to know."
        )
        return
    found = []
    for judge in (network, load_balancers, capacity, roles, logs):
        try:
            for what, there in judge(service, model):
                found.append(what)
                if there is not True:
                    why = there or "does not exist"
                    yield Violation(
                        f"The {what} of '{service.name}' {why} in '{service.place}'; it was expected there."
                    )
        except InsufficientData as gap:
            yield Undecided(f"Whether all that '{service.name}' names exists is not known: {str(gap).rstrip('.')}.")
    yield Evidence(named=found)


def network(service, model):
    of = (service["NetworkConfiguration"] or {}).get("AwsvpcConfiguration") or {}
    for id in of.get("Subnets") or ():
        yield f"subnet '{id}'", exists(service, model, SUBNET, "SubnetId", id)
    for id in of.get("SecurityGroups") or ():
        yield f"security group '{id}'", exists(service, model, SECURITY_GROUP, "GroupId", id)


def load_balancers(service, model):
    for entry in service["LoadBalancers"] or ():
        arn = entry.get("TargetGroupArn")
        if arn:
            group = look_up(service, model, TARGET_GROUP, "TargetGroupArn", arn)
            there = group is not None
            yield f"target group '{arn}'", there and (bool(group["LoadBalancerArns"]) or "has no load balancer")


def capacity(service, model):
    strategy = service["CapacityProviderStrategy"] or ()
    cluster = model.get(CLUSTER, service["Cluster"]) if strategy else None
    for entry in strategy:
        if cluster is None:
            raise InsufficientData(f"the cluster '{service['Cluster']}' was not seen")
        name = entry["CapacityProvider"]
        there = name in (cluster["CapacityProviders"] or ()) or "is not one of its cluster"
        yield f"capacity provider '{name}'", there


def roles(service, model):
    definition = definition_of(service, model)
    for key in ("ExecutionRoleArn", "TaskRoleArn"):
        arn = definition[key]
        if arn and arn.split(":")[4] != service.account:
            raise InsufficientData(f"the role '{arn}' is of another account")
        if arn:
            name = arn.rpartition("/")[2]
            # By name, since one role is seen in each Region under one ARN.
            yield f"role '{name}'", model.find(ROLE, name, service.place) is not None


def logs(service, model):
    for container in definition_of(service, model)["ContainerDefinitions"] or ():
        log = container["LogConfiguration"] or {}
        if log.get("LogDriver") != "awslogs":
            continue
        options = log["Options"] or {}
        if options.get("awslogs-create-group") != "true" and options.get("awslogs-region") in (None, service.region):
            name = options["awslogs-group"]
            yield f"log group '{name}'", exists(service, model, LOG_GROUP, "LogGroupName", name)


def exists(service, model, type, key, value):
    return look_up(service, model, type, key, value) is not None


def look_up(service, model, type, key, value):
    """Return what a service names in its own place, by one of its properties; None if it is known not to be there."""
    if gap := model.hidden(type, service.place):
        raise InsufficientData(str(gap))
    if service.place not in model.scanned:
        raise InsufficientData(f"'{service.place}' was not scanned")
    return next((one for one in model.in_place(type, service.place) if one[key] == value), None)
