"""
title: What deploys to the primary can deploy to the standby without it
severity: high
resource: AWS::CodePipeline::Pipeline
across: standby
rationale: |
  A pipeline lives in one Region. One in the primary that deploys to both, by cross-Region actions, deploys to neither
  once the primary is gone: the actions are elsewhere, the pipeline that starts them is not. The fix that the failover
  needs on that day cannot be built or shipped.
remediation: |
  Deploy the pipeline to the standby too, from the same code (`aws codepipeline create-pipeline --region <standby>`,
  `aws_codepipeline`, `AWS::CodePipeline::Pipeline`). Where a CI service outside of AWS deploys the same, name the
  pipeline under the parameter `elsewhere`.
references:
  - https://docs.aws.amazon.com/codepipeline/latest/userguide/actions-create-cross-region.html
  - https://docs.aws.amazon.com/wellarchitected/latest/framework/rel_planning_for_recovery_auto_recovery.html
controls:
  aws-well-architected: [REL13-BP05]
  nist-800-53: [CP-10]
traps:
  - Cross-Region actions of a pipeline in the primary stop with it, so they do not count.
  - A CI service outside of AWS may deploy the same and shows in no account; the parameter `elsewhere` declares it.
  - The pipeline of the standby may carry its Region in its name where the primary's does.
  - A pipeline in a third Region that has actions in the standby survives the primary too.
  - A pipeline that deploys no containers and no stacks is another's business.
parameters:
  elsewhere:
    type: array
    items: {type: string}
    default: []
    description: "Globs of pipelines whose work a service outside of AWS can do as well."
examples:
  pass:
    - Resources:
        primary: &deploys {Type: AWS::CodePipeline::Pipeline, Properties: &stages {Name: payments, Stages: [{Actions: [{Region: us-east-1, ActionTypeId: {Category: Deploy, Provider: ECS}}]}]}}
        standby: {Type: AWS::CodePipeline::Pipeline, Region: us-west-2, Properties: {Name: payments, Stages: [{Actions: [{Region: us-west-2, ActionTypeId: {Category: Deploy, Provider: ECS}}]}]}}
    - Resources:  # the Region is in the name
        primary: {Type: AWS::CodePipeline::Pipeline, Properties: {Name: payments-us-east-1, Stages: [{Actions: [{Region: us-east-1, ActionTypeId: {Category: Deploy, Provider: CloudFormation}}]}]}}
        standby: {Type: AWS::CodePipeline::Pipeline, Region: us-west-2, Properties: {Name: payments-us-west-2, Stages: []}}
    - Resources:  # in a third Region
        primary: *deploys
        tooling: {Type: AWS::CodePipeline::Pipeline, Region: eu-west-1, Properties: {Name: payments, Stages: [{Actions: [{Region: us-west-2, ActionTypeId: {Category: Deploy, Provider: ECS}}]}]}}
    - Resources: {primary: *deploys}
      Parameters: {elsewhere: ["pay*"]}
  fail:
    - Resources: {primary: *deploys}
    - Resources:  # cross-Region actions alone
        primary: {Type: AWS::CodePipeline::Pipeline, Properties: {Name: payments, Stages: [{Actions: [{Region: us-east-1, ActionTypeId: {Category: Deploy, Provider: ECS}}, {Region: us-west-2, ActionTypeId: {Category: Deploy, Provider: ECS}}]}]}}
    - Resources:  # one that only builds images
        primary: {Type: AWS::CodePipeline::Pipeline, Properties: {Name: images, Stages: [{Actions: [{ActionTypeId: {Category: Source, Provider: S3}}, {ActionTypeId: {Category: Build, Provider: CodeBuild}}]}]}}
    - Resources:  # in a third Region, and deploys there alone
        primary: *deploys
        tooling: {Type: AWS::CodePipeline::Pipeline, Region: eu-west-1, Properties: {Name: payments, Stages: [{Actions: [{Region: eu-west-1, ActionTypeId: {Category: Deploy, Provider: ECS}}]}]}}
    - Resources:  # in the primary's Region of another account
        primary: *deploys
        tooling: {Type: AWS::CodePipeline::Pipeline, Account: "444455556666", Properties: {Name: payments, Stages: [{Actions: [{Region: us-west-2, ActionTypeId: {Category: Deploy, Provider: ECS}}]}]}}
      Pairs: [{primary: {account: "111122223333", region: us-east-1}, standby: {account: "111122223333", region: us-west-2}}]
    - Resources: {primary: *deploys}
      Parameters: {elsewhere: [shop]}
  unknown:
    - Resources: {primary: *deploys}
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::CodePipeline::Pipeline", Operation: "codepipeline:ListPipelines", Region: us-west-2}]
    - Resources: {primary: {Type: AWS::CodePipeline::Pipeline, Properties: {Name: payments, Stages: {Unknown: denied}}}}
    - Resources:
        primary: *deploys
        tooling: {Type: AWS::CodePipeline::Pipeline, Region: eu-west-1, Properties: {Name: payments, Stages: {Unknown: denied}}}
    - Resources: {primary: *deploys}  # nobody looked there
      Scanned: [us-east-1]
  not_applicable:
    - Resources: {primary: {Type: AWS::CodePipeline::Pipeline, Properties: {Name: site, Stages: [{Actions: [{ActionTypeId: {Category: Build, Provider: CodeBuild}}, {ActionTypeId: {Category: Deploy, Provider: S3}}]}]}}}
    - Resources: {primary: {Type: AWS::CodePipeline::Pipeline, Properties: {Name: site, Stages: [{Actions: [{ActionTypeId: {Category: Source, Provider: S3}}]}]}}}
"""

from fnmatch import fnmatchcase

from scanner.rule import Evidence, NotApplicable, Violation

PIPELINE = "AWS::CodePipeline::Pipeline"
DEPLOYS = (
    "CloudFormation",
    "CloudFormationStackInstances",
    "CloudFormationStackSet",
    "CodeDeployToECS",
    "ECS",
    "EKS",
    "Lambda",
)


def check(twin, model, parameters):
    pipeline, standby = twin.primary, twin.pair.standby
    if not deploys_containers(pipeline):
        yield NotApplicable("The pipeline deploys no containers and no stacks.")
        return
    if any(fnmatchcase(pipeline["Name"], glob) for glob in parameters["elsewhere"]):
        yield Evidence(elsewhere=True)
        return
    names = {pipeline["Name"], pipeline["Name"].replace(pipeline.region, standby.region)}
    for name in sorted(names):
        if (other := model.find(PIPELINE, name, standby)) is not None:
            yield Evidence(pipeline=other.id)
            return
    if (other := survivor(pipeline, names, standby, model)) is not None:
        yield Evidence(pipeline=other.id)
        return
    across = any(action["Region"] == standby.region for action in actions(pipeline))
    reach = ", whose actions there stop with it" if across else ""
    yield Violation(
        f"Pipeline '{pipeline['Name']}' is in '{pipeline.place}' alone{reach}; one in '{standby}', or outside of "
        f"'{pipeline.region}' with actions in '{standby.region}', was expected.",
        "/Stages",
    )


def actions(pipeline):
    return [action for stage in pipeline["Stages"] or () for action in stage["Actions"] or ()]


def deploys_containers(pipeline):
    """Tell whether a pipeline deploys containers or stacks, or builds without deploying, as image pipelines do."""
    kinds = [action["ActionTypeId"] for action in actions(pipeline)]
    deployed = {kind["Provider"] for kind in kinds if kind["Category"] == "Deploy"}
    return bool(deployed & set(DEPLOYS)) or (not deployed and any(kind["Category"] == "Build" for kind in kinds))


def survivor(pipeline, names, standby, model):
    """Return a pipeline in a Region that is not lost, and that deploys to the standby."""
    for other in model.of_type(PIPELINE):
        outside = other.name in names and other.region not in (None, pipeline.region)
        if outside and any(action["Region"] == standby.region for action in actions(other)):
            return other
    return None
