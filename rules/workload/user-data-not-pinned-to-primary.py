r"""
title: What boots in the standby names no registry of the primary's Region
severity: high
resource: [AWS::AutoScaling::LaunchConfiguration, AWS::EC2::Instance, AWS::EC2::LaunchTemplate]
rationale: |
  Nodes pull images too, before any orchestrator does: agents, pause images and whole applications, by commands in the
  user data of a launch template. A registry in it that is in the primary's Region is one more thing that works on every
  day but one. No image of a workload shows it, since the name is in the middle of a script.
remediation: |
  Let the template put the Region in, or let the machine ask for its own:

      UserData:
        Fn::Base64: !Sub |
          #!/bin/bash
          docker run ${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}/ops/agent@sha256:...

  In Terraform take it from `data.aws_region.current` in `templatefile`. Replace the instances that were booted before.
references:
  - https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry_auth.html
traps:
  - User data may hold secrets, so of its text only names of registries and images are kept, and no account is asked for it; code alone is judged.
  - A registry without an account written out (`$ACCOUNT.dkr.ecr.us-east-1...`) is in that Region all the same.
  - A Region that the machine looks up when it boots is most likely its own, and not in the text, so it is undecided.
  - A part of the text that is not known may name a registry, but what is certain in the rest still fails.
  - The name of a Region elsewhere in a script, in the address of a bucket say, pulls no image.
  - Where the pair is a backup to restore from, nothing boots in the standby yet.
controls:
  aws-well-architected: [REL13-BP04]
examples:
  pass:
    - Resources:
        nodes:
          Type: AWS::EC2::LaunchTemplate
          Region: us-west-2
          Properties:
            LaunchTemplateName: nodes
            LaunchTemplateData:
              UserData:
                Fn::Base64:
                  Fn::Sub: |
                    #!/bin/bash
                    /etc/eks/bootstrap.sh ${AWS::StackName} --token hunter2
                    docker run ${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}/ops/agent:3
    - Resources:  # a bucket of that Region is no registry, and a third Region no part of this pair
        vm:
          Type: AWS::EC2::Instance
          Region: us-west-2
          Properties:
            UserData: {"Fn::Base64": "aws s3 cp s3://x.s3.us-east-1.amazonaws.com/x . && docker pull 111122223333.dkr.ecr.eu-west-1.amazonaws.com/ops/agent:3"}
  fail:
    - Resources:
        nodes:
          Type: AWS::EC2::LaunchTemplate
          Region: us-west-2
          Properties:
            LaunchTemplateName: nodes
            LaunchTemplateData:
              UserData: {"Fn::Base64": {"Fn::Sub": "docker run ${AWS::AccountId}.dkr.ecr.us-east-1.${AWS::URLSuffix}/ops/agent:3 --token hunter2"}}
    - Resources:  # a registry to log in to, by a name with a variable of the shell
        group:
          Type: AWS::AutoScaling::LaunchConfiguration
          Region: us-west-2
          Properties:
            LaunchConfigurationName: group
            UserData: {"Fn::Base64": {"Fn::Join": ["\n", ["#!/bin/bash", "docker login $ACCOUNT.dkr.ecr.us-east-1.amazonaws.com"]]}}
    - Resources:  # each side of an active-active pair may be lost
        vm: {Type: AWS::EC2::Instance, Properties: {UserDataImages: [{Image: 111122223333.dkr.ecr.us-west-2.amazonaws.com/a, Region: us-west-2}]}}
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: active-active}]
    - Resources:  # written in base64: docker pull 111122223333.dkr.ecr.us-east-1.amazonaws.com/ops/agent:3
        vm:
          Type: AWS::EC2::Instance
          Region: us-west-2
          Properties: {UserData: "ZG9ja2VyIHB1bGwgMTExMTIyMjIzMzMzLmRrci5lY3IudXMtZWFzdC0xLmFtYXpvbmF3cy5jb20vb3BzL2FnZW50OjM="}
  unknown:
    - Resources:  # the machine looks it up
        vm:
          Type: AWS::EC2::Instance
          Region: us-west-2
          Properties: {UserData: {"Fn::Base64": "docker pull 111122223333.dkr.ecr.$REGION.amazonaws.com/ops/agent:3"}}
    - Resources: {vm: {Type: AWS::EC2::Instance, Region: us-west-2, Properties: {UserData: {Ref: UserData}}}}
    - Resources: {vm: {Type: AWS::EC2::Instance, Region: us-west-2, Properties: {UserData: {"Fn::Base64": {"Fn::Sub": "docker run ${Image}"}}}}}
    - Resources: {vm: {Type: AWS::EC2::Instance, Region: us-west-2, Properties: {UserDataImages: {Unknown: a script that was not read}}}}
    - Resources:  # where the template is deployed to is not declared
        vm: {Type: AWS::EC2::Instance, Region: null, Properties: {UserData: {"Fn::Base64": "docker pull 111122223333.dkr.ecr.us-east-1.amazonaws.com/ops/agent:3"}}}
  not_applicable:
    - Resources: {vm: {Type: AWS::EC2::Instance, Region: us-west-2, Properties: {}}}
    - Resources: {vm: {Type: AWS::EC2::Instance, Region: null, Properties: {}}}  # wherever it is
    - Resources: {vm: {Type: AWS::EC2::Instance, Region: us-west-2, Properties: {UserData: {"Fn::Base64": "echo in us-east-1"}}}}
    - Resources:  # it boots in the primary
        vm: &east {Type: AWS::EC2::Instance, Properties: {UserData: {"Fn::Base64": "docker pull 111122223333.dkr.ecr.us-east-1.amazonaws.com/ops/agent:3"}}}
    - Resources:  # a backup to restore from
        vm: {Type: AWS::EC2::Instance, Region: us-west-2, Properties: {UserData: {"Fn::Base64": "docker pull 111122223333.dkr.ecr.us-east-1.amazonaws.com/ops/agent:3"}}}
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: backup-restore}]
    - Resources: {vm: *east}  # two accounts in one Region
      Pairs: [{primary: {account: "444455556666", region: us-east-1}, standby: {account: "111122223333", region: us-east-1}}]
"""

from scanner.model import InsufficientData
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.workloads import regions_that_fail_over_to


def check(machine, model, parameters):
    images = machine["UserDataImages"] or ()
    if not len(images):
        yield NotApplicable("Its user data names no private registry of ECR.")
        return
    place, name = machine.place, machine.name or machine.id
    lost = regions_that_fail_over_to(model, place, deployed=True) - {place.region}
    if not lost:
        yield NotApplicable("No other Region fails over to this one.")
        return
    yield Evidence(primary_regions=sorted(lost))
    for number in range(len(images)):
        try:
            image, region = images[number]["Image"], images[number]["Region"]
        except InsufficientData as gap:
            yield Undecided(
                f"Which registries the user data of '{name}' names is not all known: {gap}.", "/UserDataImages"
            )
            continue
        if region in lost:
            yield Violation(
                f"The user data of '{name}' names '{image}', which cannot be had when '{region}' is lost; a registry in "
                f"'{place.region}', which takes over, was expected.",
                "/UserDataImages",
            )
