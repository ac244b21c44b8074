r"""
title: Workloads of the standby can reach the registry over the network
severity: critical
link: network
resource: [AWS::ECS::Service, AWS::EKS::Nodegroup, AWS::EKS::FargateProfile]
needs: [AWS::EC2::Subnet, AWS::EC2::RouteTable, AWS::EC2::VPCEndpoint, AWS::EC2::NatGateway, AWS::ECS::TaskDefinition]
rationale: |
  A standby that never started a task never pulled an image, so nobody noticed that its subnets have no way to the
  registry. In a private subnet that way is a NAT gateway, or interface endpoints of `ecr.api` and `ecr.dkr` with private
  DNS and a gateway endpoint of S3 in the subnet's route table: the layers come from a bucket of ECR. An endpoint whose
  policy was copied from the primary names that Region's repositories and bucket.
remediation: |
  Give the subnets a NAT gateway, or endpoints of ECR and of S3:

      aws ec2 create-vpc-endpoint --region <standby> --vpc-id <vpc> --vpc-endpoint-type Interface --private-dns-enabled \
        --service-name com.amazonaws.<standby>.ecr.dkr --subnet-ids <subnets> --security-group-ids <group>   # and ecr.api
      aws ec2 create-vpc-endpoint --region <standby> --vpc-id <vpc> --vpc-endpoint-type Gateway \
        --service-name com.amazonaws.<standby>.s3 --route-table-ids <route tables>

  In Terraform `aws_vpc_endpoint`, in CloudFormation `AWS::EC2::VPCEndpoint`. In an endpoint's policy allow the standby's
  repositories and `arn:aws:s3:::prod-<standby>-starport-layer-bucket/*`.
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html
  - https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-networking.html
controls:
  aws-well-architected: [REL13-BP02]
  nist-800-53: [CP-7]
traps:
  - Endpoints in a central VPC behind a transit gateway or a peering, with shared private hosted zones, are a way that this VPC does not show; any route to another network leaves it undecided, a default route or not.
  - An endpoint with private DNS takes the calls of its VPC though there is a NAT gateway too, so what its policy refuses is refused.
  - An endpoint without private DNS serves where a private hosted zone leads to it, so it is undecided.
  - Over IPv6 the dual-stack hosts of the registry are reached without a NAT gateway, so a route for IPv6 leaves it undecided.
  - A default route that nobody can follow does not matter where the subnet has all endpoints.
  - ARNs in the policies of endpoints begin otherwise in China and GovCloud; the partition of the Region counts.
  - An interface endpoint of S3 may or may not serve the layers, since its private DNS may be for others alone; it is undecided.
  - A subnet without an association uses the main route table of its VPC.
  - A route to an internet gateway is no way out for a task without a public address.
  - A task on instances does not pull over its own subnets but over those of the instance, so it is undecided.
  - A NAT gateway that is deleted, or sits in a subnet without an internet gateway, leads nowhere.
  - Lambda pulls images itself and not over the subnets of a function, so functions are not subjects.
examples:
  pass:
    - Resources: &nat
        api: &api
          Type: AWS::ECS::Service
          Region: us-west-2
          Properties: &service {Cluster: payments, ServiceName: api, LaunchType: FARGATE, NetworkConfiguration: {AwsvpcConfiguration: {Subnets: [subnet-a]}}}
        subnet: &subnet {Type: AWS::EC2::Subnet, Region: us-west-2, Properties: {SubnetId: subnet-a, VpcId: vpc-1}}
        public: &public {Type: AWS::EC2::Subnet, Region: us-west-2, Properties: {SubnetId: subnet-p, VpcId: vpc-1}}
        table: &to-nat
          Type: AWS::EC2::RouteTable
          Region: us-west-2
          Properties:
            RouteTableId: rtb-a
            VpcId: vpc-1
            Routes: [{DestinationCidrBlock: 10.0.0.0/16, GatewayId: local, State: active}, {DestinationCidrBlock: 0.0.0.0/0, NatGatewayId: nat-1, State: active}]
            Associations: [{SubnetId: subnet-a}]
        outer: &to-internet
          Type: AWS::EC2::RouteTable
          Region: us-west-2
          Properties: {RouteTableId: rtb-p, VpcId: vpc-1, Routes: [{DestinationCidrBlock: 0.0.0.0/0, GatewayId: igw-1, State: active}], Associations: [{SubnetId: subnet-p}]}
        gateway: &gateway {Type: AWS::EC2::NatGateway, Region: us-west-2, Properties: {NatGatewayId: nat-1, SubnetId: subnet-p, State: available}}
    - Resources: &endpoints
        api: *api
        subnet: *subnet
        table: &main  # the main table of the VPC
          Type: AWS::EC2::RouteTable
          Region: us-west-2
          Properties: {RouteTableId: rtb-m, VpcId: vpc-1, Routes: [{DestinationCidrBlock: 10.0.0.0/16, GatewayId: local, State: active}], Associations: [{Main: true}]}
        ecrapi: &ecrapi
          Type: AWS::EC2::VPCEndpoint
          Region: us-west-2
          Properties: {VpcId: vpc-1, VpcEndpointType: Interface, ServiceName: com.amazonaws.us-west-2.ecr.api, PrivateDnsEnabled: true, State: available}
        ecrdkr: &ecrdkr
          Type: AWS::EC2::VPCEndpoint
          Region: us-west-2
          Properties: {VpcId: vpc-1, VpcEndpointType: Interface, ServiceName: com.amazonaws.us-west-2.ecr.dkr, PrivateDnsEnabled: true, State: available}
        s3: &s3
          Type: AWS::EC2::VPCEndpoint
          Region: us-west-2
          Properties: {VpcId: vpc-1, ServiceName: com.amazonaws.us-west-2.s3, RouteTableIds: [rtb-m], State: available}
    - Resources:  # a public address
        api: {Type: AWS::ECS::Service, Region: us-west-2, Properties: {Cluster: payments, ServiceName: api, CapacityProviderStrategy: [{CapacityProvider: FARGATE_SPOT}], NetworkConfiguration: {AwsvpcConfiguration: {Subnets: [subnet-p], AssignPublicIp: ENABLED}}}}
        public: *public
        outer: *to-internet
    - Resources:  # nodes
        nodes: &nodes {Type: AWS::EKS::Nodegroup, Region: us-west-2, Properties: {ClusterName: shop, NodegroupName: default, Subnets: [subnet-a]}}
        subnet: *subnet
        public: *public
        table: *to-nat
        outer: *to-internet
        gateway: *gateway
    - Resources:  # nodes with addresses of their own
        nodes: {Type: AWS::EKS::Nodegroup, Region: us-west-2, Properties: {ClusterName: shop, NodegroupName: default, Subnets: [subnet-p]}}
        public: {Type: AWS::EC2::Subnet, Region: us-west-2, Properties: {SubnetId: subnet-p, VpcId: vpc-1, MapPublicIpOnLaunch: true}}
        outer: *to-internet
    - Resources:
        profile: {Type: AWS::EKS::FargateProfile, Region: us-west-2, Properties: {ClusterName: shop, FargateProfileName: default, Subnets: [subnet-a]}}
        subnet: *subnet
        table: *main
        ecrapi: *ecrapi
        ecrdkr: *ecrdkr
        s3: *s3
    - Resources:  # policies that name what is pulled
        api: &with-images {Type: AWS::ECS::Service, Region: us-west-2, Properties: {Cluster: payments, ServiceName: api, LaunchType: FARGATE, TaskDefinition: {Ref: definition}, NetworkConfiguration: {AwsvpcConfiguration: {Subnets: [subnet-a]}}}}
        definition: &definition {Type: AWS::ECS::TaskDefinition, Region: us-west-2, Properties: {Family: api, ContainerDefinitions: [{Name: api, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/payments/api:1"}, {Name: log, Image: "public.ecr.aws/x/y:1"}]}}
        subnet: *subnet
        table: *main
        ecrapi: *ecrapi
        ecrdkr:
          Type: AWS::EC2::VPCEndpoint
          Region: us-west-2
          Properties:
            VpcId: vpc-1
            VpcEndpointType: Interface
            ServiceName: com.amazonaws.us-west-2.ecr.dkr
            PrivateDnsEnabled: true
            State: available
            PolicyDocument: {Statement: {Effect: Allow, Principal: "*", Action: "ecr:*", Resource: "*"}}
        s3:
          Type: AWS::EC2::VPCEndpoint
          Region: us-west-2
          Properties:
            VpcId: vpc-1
            ServiceName: com.amazonaws.us-west-2.s3
            RouteTableIds: [rtb-m]
            State: available
            PolicyDocument: {Statement: {Effect: Allow, Principal: "*", Action: "s3:GetObject", Resource: "arn:aws:s3:::prod-us-west-2-starport-layer-bucket/*"}}
    - Resources:  # complete endpoints, whatever is behind the default route
        api: *api
        subnet: *subnet
        table: {Type: AWS::EC2::RouteTable, Region: us-west-2, Properties: {RouteTableId: rtb-m, VpcId: vpc-1, Routes: [{DestinationCidrBlock: 0.0.0.0/0, TransitGatewayId: tgw-1, State: active}], Associations: [{SubnetId: subnet-a}]}}
        ecrapi: *ecrapi
        ecrdkr: *ecrdkr
        s3: *s3
    - Resources:  # in a partition of its own
        api: {Type: AWS::ECS::Service, Region: cn-northwest-1, Properties: {Cluster: payments, ServiceName: api, LaunchType: FARGATE, TaskDefinition: {Ref: definition}, NetworkConfiguration: {AwsvpcConfiguration: {Subnets: [subnet-a]}}}}
        definition: {Type: AWS::ECS::TaskDefinition, Region: cn-northwest-1, Properties: {Family: api, ContainerDefinitions: [{Name: api, Image: "111122223333.dkr.ecr.cn-northwest-1.amazonaws.com.cn/payments/api:1"}]}}
        subnet: {Type: AWS::EC2::Subnet, Region: cn-northwest-1, Properties: {SubnetId: subnet-a, VpcId: vpc-1}}
        table: {Type: AWS::EC2::RouteTable, Region: cn-northwest-1, Properties: {RouteTableId: rtb-m, VpcId: vpc-1, Routes: [], Associations: [{Main: true}]}}
        ecrapi: {Type: AWS::EC2::VPCEndpoint, Region: cn-northwest-1, Properties: {VpcId: vpc-1, VpcEndpointType: Interface, ServiceName: cn.com.amazonaws.cn-northwest-1.ecr.api, PrivateDnsEnabled: true, State: available}}
        ecrdkr:
          Type: AWS::EC2::VPCEndpoint
          Region: cn-northwest-1
          Properties:
            VpcId: vpc-1
            VpcEndpointType: Interface
            ServiceName: cn.com.amazonaws.cn-northwest-1.ecr.dkr
            PrivateDnsEnabled: true
            State: available
            PolicyDocument: {Statement: {Effect: Allow, Principal: "*", Action: "ecr:*", Resource: "arn:aws-cn:ecr:cn-northwest-1:111122223333:repository/payments/*"}}
        s3:
          Type: AWS::EC2::VPCEndpoint
          Region: cn-northwest-1
          Properties:
            VpcId: vpc-1
            ServiceName: com.amazonaws.cn-northwest-1.s3
            RouteTableIds: [rtb-m]
            State: available
            PolicyDocument: {Statement: {Effect: Allow, Principal: "*", Action: "s3:GetObject", Resource: "arn:aws-cn:s3:::prod-cn-northwest-1-starport-layer-bucket/*"}}
      Pairs: [{primary: cn-north-1, standby: cn-northwest-1}]
    - Resources:  # an endpoint that serves nobody, beside a NAT gateway
        api: *api
        subnet: *subnet
        public: *public
        table: *to-nat
        outer: *to-internet
        gateway: *gateway
        ecrdkr: {Type: AWS::EC2::VPCEndpoint, Region: us-west-2, Properties: {VpcId: vpc-1, VpcEndpointType: Interface, ServiceName: com.amazonaws.us-west-2.ecr.dkr, PrivateDnsEnabled: false, State: available}}
  fail:
    - Resources:  # the way to another network is gone
        api: *api
        subnet: *subnet
        table: {Type: AWS::EC2::RouteTable, Region: us-west-2, Properties: {RouteTableId: rtb-a, VpcId: vpc-1, Routes: [{DestinationCidrBlock: 10.0.0.0/8, TransitGatewayId: tgw-1, State: blackhole}], Associations: [{SubnetId: subnet-a}]}}
    - Resources: {api: *api, subnet: *subnet, table: *main}
    - Resources: {api: *api, subnet: *subnet, table: *main, ecrapi: *ecrapi, s3: *s3}
    - Resources: {api: *api, subnet: *subnet, table: *main, ecrdkr: *ecrdkr, s3: *s3}
    - Resources: {api: *api, subnet: *subnet, table: *main, ecrapi: *ecrapi, ecrdkr: *ecrdkr}
    - Resources:  # S3 in another route table
        api: *api
        subnet: *subnet
        table: *main
        ecrapi: *ecrapi
        ecrdkr: *ecrdkr
        s3: {Type: AWS::EC2::VPCEndpoint, Region: us-west-2, Properties: {VpcId: vpc-1, ServiceName: com.amazonaws.us-west-2.s3, RouteTableIds: [rtb-x], State: available}}
    - Resources:  # not yet available
        api: *api
        subnet: *subnet
        table: *main
        ecrapi: *ecrapi
        ecrdkr: {Type: AWS::EC2::VPCEndpoint, Region: us-west-2, Properties: {VpcId: vpc-1, VpcEndpointType: Interface, ServiceName: com.amazonaws.us-west-2.ecr.dkr, PrivateDnsEnabled: true, State: pending}}
        s3: *s3
    - Resources:  # of another VPC, and not available
        api: *api
        subnet: *subnet
        table: *main
        ecrapi: {Type: AWS::EC2::VPCEndpoint, Region: us-west-2, Properties: {VpcId: vpc-2, VpcEndpointType: Interface, ServiceName: com.amazonaws.us-west-2.ecr.api, PrivateDnsEnabled: true, State: available}}
        ecrdkr: {Type: AWS::EC2::VPCEndpoint, Region: us-west-2, Properties: {VpcId: vpc-1, VpcEndpointType: Interface, ServiceName: com.amazonaws.us-west-2.ecr.dkr, PrivateDnsEnabled: true, State: pending}}
        s3: *s3
    - Resources:  # the bucket of the primary's Region
        api: *api
        subnet: *subnet
        table: *main
        ecrapi: *ecrapi
        ecrdkr: *ecrdkr
        s3:
          Type: AWS::EC2::VPCEndpoint
          Region: us-west-2
          Properties:
            VpcId: vpc-1
            ServiceName: com.amazonaws.us-west-2.s3
            RouteTableIds: [rtb-m]
            State: available
            PolicyDocument: {Statement: {Effect: Allow, Principal: "*", Action: "s3:GetObject", Resource: "arn:aws:s3:::prod-us-east-1-starport-layer-bucket/*"}}
    - Resources:  # the repositories of the primary's Region
        api: *with-images
        definition: *definition
        subnet: *subnet
        table: *main
        ecrapi: *ecrapi
        ecrdkr:
          Type: AWS::EC2::VPCEndpoint
          Region: us-west-2
          Properties:
            VpcId: vpc-1
            VpcEndpointType: Interface
            ServiceName: com.amazonaws.us-west-2.ecr.dkr
            PrivateDnsEnabled: true
            State: available
            PolicyDocument: {Statement: {Effect: Allow, Principal: "*", Action: "ecr:*", Resource: "arn:aws:ecr:us-east-1:111122223333:repository/*"}}
        s3: *s3
    - Resources:  # the endpoint takes the calls, refuses them, and no NAT gateway beside it helps
        api: *with-images
        definition: *definition
        subnet: *subnet
        public: *public
        table: *to-nat
        outer: *to-internet
        gateway: *gateway
        ecrdkr:
          Type: AWS::EC2::VPCEndpoint
          Region: us-west-2
          Properties:
            VpcId: vpc-1
            VpcEndpointType: Interface
            ServiceName: com.amazonaws.us-west-2.ecr.dkr
            PrivateDnsEnabled: true
            State: available
            PolicyDocument: {Statement: {Effect: Allow, Principal: "*", Action: "ecr:*", Resource: "arn:aws:ecr:us-east-1:111122223333:repository/*"}}
    - Resources:  # no public address
        api: {Type: AWS::ECS::Service, Region: us-west-2, Properties: {Cluster: payments, ServiceName: api, LaunchType: FARGATE, NetworkConfiguration: {AwsvpcConfiguration: {Subnets: [subnet-p], AssignPublicIp: DISABLED}}}}
        public: *public
        outer: *to-internet
    - Resources:  # the gateway is being deleted
        api: *api
        subnet: *subnet
        public: *public
        table: *to-nat
        outer: *to-internet
        gateway: {Type: AWS::EC2::NatGateway, Region: us-west-2, Properties: {NatGatewayId: nat-1, SubnetId: subnet-p, State: deleting}}
    - Resources:  # the gateway is in a subnet without a way out
        api: *api
        subnet: *subnet
        table: {Type: AWS::EC2::RouteTable, Region: us-west-2, Properties: {RouteTableId: rtb-a, VpcId: vpc-1, Routes: [{DestinationCidrBlock: 0.0.0.0/0, NatGatewayId: nat-1, State: active}], Associations: [{SubnetId: subnet-a}]}}
        outer: *main
        public: *public
        gateway: *gateway
    - Resources:  # the gateway of the route is gone
        api: *api
        subnet: *subnet
        table: {Type: AWS::EC2::RouteTable, Region: us-west-2, Properties: {RouteTableId: rtb-a, VpcId: vpc-1, Routes: [{DestinationCidrBlock: 0.0.0.0/0, NatGatewayId: nat-1, State: blackhole}], Associations: [{SubnetId: subnet-a}]}}
    - Resources: {nodes: *nodes, subnet: *subnet, table: *main}
  unknown:
    - Resources:  # the FIPS hosts of the registry
        api: *api
        subnet: *subnet
        table: *main
        ecrapi: {Type: AWS::EC2::VPCEndpoint, Region: us-west-2, Properties: {VpcId: vpc-1, VpcEndpointType: Interface, ServiceName: com.amazonaws.us-west-2.ecr-fips.api, PrivateDnsEnabled: true, State: available}}
        ecrdkr: {Type: AWS::EC2::VPCEndpoint, Region: us-west-2, Properties: {VpcId: vpc-1, VpcEndpointType: Interface, ServiceName: com.amazonaws.us-west-2.ecr-fips.dkr, PrivateDnsEnabled: true, State: available}}
        s3: *s3
    - Resources:  # without private DNS; a hosted zone of its own may lead there
        api: *api
        subnet: *subnet
        table: *main
        ecrapi: *ecrapi
        ecrdkr: {Type: AWS::EC2::VPCEndpoint, Region: us-west-2, Properties: {VpcId: vpc-1, VpcEndpointType: Interface, ServiceName: com.amazonaws.us-west-2.ecr.dkr, PrivateDnsEnabled: false, State: available}}
        s3: *s3
    - Resources:  # endpoints in a central VPC; the subnet has no default route at all
        api: *api
        subnet: *subnet
        table: {Type: AWS::EC2::RouteTable, Region: us-west-2, Properties: {RouteTableId: rtb-a, VpcId: vpc-1, Routes: [{DestinationCidrBlock: 10.1.0.0/16, GatewayId: local, State: active}, {DestinationCidrBlock: 10.0.0.0/8, TransitGatewayId: tgw-1, State: active}], Associations: [{SubnetId: subnet-a}]}}
    - Resources:  # behind a peering, beside an internet gateway that is no way out without an address
        api: *api
        subnet: *subnet
        table: {Type: AWS::EC2::RouteTable, Region: us-west-2, Properties: {RouteTableId: rtb-a, VpcId: vpc-1, Routes: [{DestinationCidrBlock: 0.0.0.0/0, GatewayId: igw-1, State: active}, {DestinationCidrBlock: 10.9.0.0/16, VpcPeeringConnectionId: pcx-1, State: active}], Associations: [{SubnetId: subnet-a}]}}
    - Resources:  # the dual-stack hosts of the registry, over IPv6
        api: *api
        subnet: *subnet
        table: {Type: AWS::EC2::RouteTable, Region: us-west-2, Properties: {RouteTableId: rtb-a, VpcId: vpc-1, Routes: [{DestinationIpv6CidrBlock: "::/0", EgressOnlyInternetGatewayId: eigw-1, State: active}], Associations: [{SubnetId: subnet-a}]}}
    - Resources:  # a regional NAT gateway is in no subnet
        api: *api
        subnet: *subnet
        table: *to-nat
        gateway: {Type: AWS::EC2::NatGateway, Region: us-west-2, Properties: {NatGatewayId: nat-1, SubnetId: null, State: available}}
    - Resources:  # centralised endpoints
        api: *api
        subnet: *subnet
        table: {Type: AWS::EC2::RouteTable, Region: us-west-2, Properties: {RouteTableId: rtb-a, VpcId: vpc-1, Routes: [{DestinationCidrBlock: 0.0.0.0/0, TransitGatewayId: tgw-1, State: active}], Associations: [{SubnetId: subnet-a}]}}
    - Resources:  # an interface endpoint of S3
        api: *api
        subnet: *subnet
        table: *main
        ecrapi: *ecrapi
        ecrdkr: *ecrdkr
        s3: {Type: AWS::EC2::VPCEndpoint, Region: us-west-2, Properties: {VpcId: vpc-1, VpcEndpointType: Interface, ServiceName: com.amazonaws.us-west-2.s3, State: available}}
    - Resources:  # on instances
        api: {Type: AWS::ECS::Service, Region: us-west-2, Properties: {Cluster: payments, ServiceName: api, LaunchType: EC2, NetworkConfiguration: {AwsvpcConfiguration: {Subnets: [subnet-a]}}}}
        subnet: *subnet
        table: *main
    - Resources: {api: *api, subnet: *subnet, table: *main}
      Gaps: [{Reason: UnauthorizedOperation, Type: "AWS::EC2::VPCEndpoint", Operation: "ec2:DescribeVpcEndpoints", Region: us-west-2}]
    - Resources: {api: *api, table: *main}  # a subnet that another account shares
    - Resources: {api: *api, subnet: *subnet}
    - Resources: {api: *api, subnet: *subnet, table: *to-nat}  # the NAT gateway was not seen
    - Resources:
        api: *api
        subnet: *subnet
        table: *to-nat
        gateway: {Type: AWS::EC2::NatGateway, Region: us-west-2, Properties: {NatGatewayId: nat-1, SubnetId: subnet-p, ConnectivityType: private, State: available}}
    - Resources:  # a policy for some repositories, and which ones are pulled is not known
        nodes: *nodes
        subnet: *subnet
        table: *main
        ecrapi: *ecrapi
        ecrdkr:
          Type: AWS::EC2::VPCEndpoint
          Region: us-west-2
          Properties:
            VpcId: vpc-1
            VpcEndpointType: Interface
            ServiceName: com.amazonaws.us-west-2.ecr.dkr
            PrivateDnsEnabled: true
            State: available
            PolicyDocument: {Statement: {Effect: Allow, Principal: "*", Action: "ecr:*", Resource: "arn:aws:ecr:us-west-2:111122223333:repository/shop/*"}}
        s3: *s3
  not_applicable:
    - Resources:  # not in a standby
        api: {Type: AWS::ECS::Service, Properties: *service}
    - Resources: {api: *api}  # the standby of backup and restore has no network yet
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: backup-restore}]
"""

from scanner.model import InsufficientData
from scanner.network import has_address, path, subnets_of
from scanner.recovery import prepared
from scanner.regions import partition_by_name
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.workloads import reference_of


def check(workload, model, parameters):
    if not prepared(model, workload.place):
        yield NotApplicable("No pair has its prepared standby here.")
        return
    where, pointer = subnets_of(workload)

    def images():
        return repositories(workload, model)

    for id in where:
        try:
            found = path(model, workload.place, id, public_ip=has_address(workload, id, model), images=images)
        except InsufficientData as gap:
            yield Undecided(f"Whether subnet '{id}' reaches the registry is not known: {gap}.", pointer)
            continue
        if found.missing:
            yield Violation(
                f"Subnet '{id}' of '{workload.name}' has no way to the registry of '{workload.region}': "
                f"{'; '.join(found.missing)}.",
                pointer,
            )
        else:
            yield Evidence(**{id: found.via})


def repositories(workload, model):
    """Return the ARNs of the repositories that a service pulls from; none for nodes, which start any pod."""
    if workload.type != "AWS::ECS::Service":
        return ()
    id = workload["TaskDefinition"]
    definition = model.get("AWS::ECS::TaskDefinition", id) if id else None
    if definition is None:
        return ()
    references = [reference_of(container["Image"]) for container in definition["ContainerDefinitions"] or ()]
    keys = [reference.key for reference in references if reference.key]
    return tuple(sorted(arn(key) for key in keys))


def arn(key):
    partition, _ = partition_by_name(key.region)
    return f"arn:{partition}:ecr:{key.region}:{key.account}:repository/{key.name}"
