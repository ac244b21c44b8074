"""
title: Pipelines can deploy to the standby without the primary
severity: high
link: delivery
resource: AWS::CodePipeline::Pipeline
across: standby
needs: [GitHub::Actions::Workflow, GitLab::CI::Pipeline]
rationale: |
  A pipeline lives in one Region. One in the primary that deploys to both, by cross-Region actions, deploys to neither
  once the primary is gone: the actions are elsewhere, the pipeline that starts them is not. The fix that the failover
  needs on that day cannot be built or shipped.
remediation: |
  Deploy the pipeline to the standby too, from the same code (`aws codepipeline create-pipeline --region <standby>
  --cli-input-json file://pipeline.json`, `aws_codepipeline`, `AWS::CodePipeline::Pipeline`). Where a CI service outside of
  AWS deploys the same, give its file the name of the pipeline (`.github/workflows/<pipeline>.yml`) and the standby's Region,
  or name the pipeline under the parameter `elsewhere`.
references:
  - https://docs.aws.amazon.com/codepipeline/latest/userguide/actions-create-cross-region.html
  - https://docs.aws.amazon.com/wellarchitected/latest/framework/rel_planning_for_recovery_auto_recovery.html
controls:
  aws-well-architected: [REL13-BP05]
  nist-800-53: [CP-10]
traps:
  - Cross-Region actions of a pipeline in the primary stop with it, so they do not count.
  - A CI service outside of AWS may deploy the same and shows in no account; its file in the repository, or the parameter `elsewhere`, shows it.
  - A workflow that deploys to the standby under another name may deploy something else, so it is undecided; so is one that does not say to which Region, or what it deploys.
  - Runners of one's own may be in the primary, so a workflow that needs them is undecided.
  - The pipeline of the standby may carry its Region in its name where the primary's does.
  - A pipeline in a third Region that has actions in the standby survives the primary too; where pipelines of one were not seen it is undecided.
  - A pipeline of the same name that deploys nothing into the standby is no counterpart.
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
        standby: {Type: AWS::CodePipeline::Pipeline, Region: us-west-2, Properties: {Name: payments-us-west-2, Stages: [{Actions: [{ActionTypeId: {Category: Deploy, Provider: CloudFormation}}]}]}}
    - Resources:  # in a third Region, which is in its name
        primary: {Type: AWS::CodePipeline::Pipeline, Properties: {Name: payments-us-east-1, Stages: [{Actions: [{Region: us-east-1, ActionTypeId: {Category: Deploy, Provider: CloudFormation}}]}]}}
        tooling: {Type: AWS::CodePipeline::Pipeline, Region: eu-west-1, Properties: {Name: payments-eu-west-1, Stages: [{Actions: [{Region: us-west-2, ActionTypeId: {Category: Deploy, Provider: CloudFormation}}]}]}}
    - Resources:  # commands deploy, here and there
        primary: {Type: AWS::CodePipeline::Pipeline, Properties: {Name: infra, Stages: [{Actions: [{ActionTypeId: {Category: Compute, Provider: Commands}}]}]}}
        standby: {Type: AWS::CodePipeline::Pipeline, Region: us-west-2, Properties: {Name: infra, Stages: [{Actions: [{ActionTypeId: {Category: Compute, Provider: Commands}}]}]}}
    - Resources:  # in a third Region
        primary: *deploys
        tooling: {Type: AWS::CodePipeline::Pipeline, Region: eu-west-1, Properties: {Name: payments, Stages: [{Actions: [{Region: us-west-2, ActionTypeId: {Category: Deploy, Provider: ECS}}]}]}}
    - Resources: {primary: *deploys}
      Parameters: {elsewhere: ["pay*"]}
    - Resources:  # GitHub deploys the same
        primary: *deploys
        workflow: &workflow {Type: GitHub::Actions::Workflow, Properties: {Name: payments, Regions: [us-east-1, us-west-2], Deploys: true, HostedRunners: true}}
    - Resources:  # by a workflow for each Region
        primary: {Type: AWS::CodePipeline::Pipeline, Properties: {Name: payments-us-east-1, Stages: [{Actions: [{Region: us-east-1, ActionTypeId: {Category: Deploy, Provider: ECS}}]}]}}
        workflow: {Type: GitHub::Actions::Workflow, Properties: {Name: payments-us-west-2, Regions: [us-west-2, {Unknown: an input}], Deploys: true, HostedRunners: true}}
  fail:
    - Resources:  # workflows that deploy nothing, or elsewhere
        primary: *deploys
        test: {Type: GitHub::Actions::Workflow, Properties: {Name: payments, Regions: [us-west-2], Deploys: false, HostedRunners: true}}
        workflow: {Type: GitHub::Actions::Workflow, Properties: {Name: payments, Regions: [us-east-1], Deploys: true, HostedRunners: true}}
        lint: {Type: GitLab::CI::Pipeline, Properties: {Name: gitlab-ci, Regions: [{Unknown: none is named}], Deploys: false, HostedRunners: true}}
    - Resources:  # one of its name in the standby that deploys nothing, or elsewhere
        primary: *deploys
        standby: {Type: AWS::CodePipeline::Pipeline, Region: us-west-2, Properties: {Name: payments, Stages: [{Actions: [{ActionTypeId: {Category: Source, Provider: S3}}, {Region: us-east-1, ActionTypeId: {Category: Deploy, Provider: ECS}}]}]}}
    - Resources:  # what is only built in a third Region is not deployed
        primary: *deploys
        tooling: {Type: AWS::CodePipeline::Pipeline, Region: eu-west-1, Properties: {Name: payments, Stages: [{Actions: [{Region: us-west-2, ActionTypeId: {Category: Approval, Provider: Manual}}]}]}}
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
    - Resources:  # something is deployed to the standby
        primary: *deploys
        ci: {Type: GitLab::CI::Pipeline, Properties: {Name: gitlab-ci, Regions: [us-west-2], Deploys: true, HostedRunners: true}}
    - Resources:  # the runners may be in the primary
        primary: *deploys
        workflow: {Type: GitHub::Actions::Workflow, Properties: {Name: payments, Regions: [us-west-2], Deploys: true, HostedRunners: false}}
    - Resources:
        primary: *deploys
        workflow: {Type: GitHub::Actions::Workflow, Properties: {Name: payments, Regions: [us-west-2], Deploys: true, HostedRunners: {Unknown: a label}}}
    - Resources:  # where to is not in the file
        primary: *deploys
        workflow: {Type: GitHub::Actions::Workflow, Properties: {Name: payments, Regions: [us-east-1, {Unknown: a variable}], Deploys: true, HostedRunners: true}}
    - Resources:  # what is deployed is not in the file
        primary: *deploys
        workflow: {Type: GitHub::Actions::Workflow, Properties: {Name: payments, Regions: [us-west-2], Deploys: {Unknown: a script}, HostedRunners: true}}
    - Resources: {primary: *deploys}
      Gaps: [{Reason: ParseError, Type: "GitHub::Actions::Workflow", Path: .github/workflows/payments.yml, Account: null, Region: null}]
    - Resources: {primary: *deploys}  # one in a third Region may deploy there
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::CodePipeline::Pipeline", Operation: "codepipeline:ListPipelines", Region: eu-west-1}]
    - Resources: {primary: *deploys}
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::CodePipeline::Pipeline", Operation: "codepipeline:ListPipelines", Region: us-west-2}]
    - Resources: {primary: {Type: AWS::CodePipeline::Pipeline, Properties: {Name: payments, Stages: {Unknown: denied}}}}
    - Resources:
        primary: *deploys
        tooling: {Type: AWS::CodePipeline::Pipeline, Region: eu-west-1, Properties: {Name: payments, Stages: {Unknown: denied}}}
    - Resources: {primary: *deploys}  # nobody looked there
      Scanned: [us-east-1]
    - Resources:  # whose name is not known
        primary: *deploys
        standby: {Type: AWS::CodePipeline::Pipeline, Region: us-west-2, Properties: {Stages: [{Actions: [{ActionTypeId: {Category: Deploy, Provider: ECS}}]}]}}
    - Resources:  # whose Region is not known
        primary: *deploys
        standby: {Type: AWS::CodePipeline::Pipeline, Region: null, Properties: {Name: payments, Stages: [{Actions: [{ActionTypeId: {Category: Deploy, Provider: ECS}}]}]}}
  not_applicable:
    - Resources: {primary: {Type: AWS::CodePipeline::Pipeline, Properties: {Name: site, Stages: [{Actions: [{ActionTypeId: {Category: Build, Provider: CodeBuild}}, {ActionTypeId: {Category: Deploy, Provider: S3}}]}]}}}
    - Resources: {primary: {Type: AWS::CodePipeline::Pipeline, Properties: {Name: site, Stages: [{Actions: [{ActionTypeId: {Category: Source, Provider: S3}}]}]}}}
"""

from fnmatch import fnmatchcase

from scanner.model import InsufficientData
from scanner.rule import Evidence, NotApplicable, Violation

PIPELINE = "AWS::CodePipeline::Pipeline"
WORKFLOWS = ("GitHub::Actions::Workflow", "GitLab::CI::Pipeline")
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
    doubts = []
    other = survivor(pipeline, standby, model, doubts) or outside(pipeline, standby, model, doubts)
    if other is not None:
        yield Evidence(pipeline=other.id)
        return
    if doubts:
        raise InsufficientData(doubts[0])
    if gap := next(filter(None, (model.hidden(type) for type in (PIPELINE, *WORKFLOWS))), None):
        raise InsufficientData(f"another pipeline that deploys '{pipeline['Name']}' may exist unseen: {gap}")
    if standby not in model.scanned:
        raise InsufficientData(f"'{standby}' was not scanned, and a pipeline there may deploy the same")
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
    deployed = {kind["Provider"] for kind in kinds(actions(pipeline)) if kind["Category"] == "Deploy"}
    return bool(deployed & set(DEPLOYS)) or (not deployed and any(map(works, kinds(actions(pipeline)))))


def kinds(found):
    return [action["ActionTypeId"] for action in found]


def works(kind):
    """Tell whether an action of a kind can bring something out; builds and commands may deploy as well."""
    return kind["Category"] in ("Build", "Compute", "Deploy")


def survivor(pipeline, standby, model, doubts):
    """Return a pipeline of its name, Regions in names apart, outside of the lost Region, that deploys to the standby."""
    for other in model.of_type(PIPELINE):
        if other.name is None or other.region is None:
            doubts.append(f"'{other.id}' may deploy the same: its name or Region is not known")
        elif other.region != pipeline.region and neutral(other.name, other.region) == neutral_of(pipeline):
            try:
                reaching = [action for action in actions(other) if (action["Region"] or other.region) == standby.region]
                if any(map(works, kinds(reaching))):
                    return other
            except InsufficientData as gap:
                doubts.append(str(gap))
    return None


def outside(pipeline, standby, model, doubts):
    """Return a workflow of its name, Regions in names apart, that deploys to the standby from outside of AWS."""
    for workflow in (workflow for type in WORKFLOWS for workflow in model.of_type(type)):
        try:
            if not workflow["Deploys"] or not any(region == standby.region for region in workflow["Regions"]):
                continue
            hosted = workflow["HostedRunners"]
        except InsufficientData as gap:
            doubts.append(f"'{workflow.id}' may deploy the same to '{standby.region}': {gap}")
            continue
        if neutral(workflow.name, standby.region) != neutral_of(pipeline):
            doubts.append(
                f"whether '{workflow.id}', which deploys to '{standby.region}', deploys the same was not seen"
            )
        elif not hosted:
            doubts.append(f"whether the runners of '{workflow.id}' are lost with the primary was not seen")
        else:
            return workflow
    return None


def neutral_of(pipeline):
    return neutral(pipeline.name, pipeline.region)


def neutral(name, region):
    """Return a name with a mark in the place of a Region."""
    return name.replace(region, "<region>")
