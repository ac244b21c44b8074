"""
title: CI that deploys to the primary deploys to the standby too
severity: high
link: delivery
resource: [GitHub::Actions::Workflow, GitLab::CI::Pipeline]
rationale: |
  What is deployed to one Region alone exists in one Region alone: with each release the standby falls further behind,
  and on the day of the failover the workflow that could catch up has never deployed there. Well-Architected asks that
  pipelines deploy to both. A CI service outside of AWS goes on when a Region is lost; a runner in that Region does not.
remediation: |
  Give the workflow both Regions, for example by a matrix of GitHub Actions, the standby after the primary:

      strategy:
        max-parallel: 1
        matrix: {region: [<primary>, <standby>]}
      steps:
        - uses: aws-actions/configure-aws-credentials@v4
          with: {aws-region: "${{ matrix.region }}", role-to-assume: <role>}

  In GitLab CI `parallel: {matrix: [{AWS_DEFAULT_REGION: [<primary>, <standby>]}]}`. Where something else deploys the same
  to the standby, name the file under the parameter `elsewhere`.
references:
  - https://docs.aws.amazon.com/wellarchitected/latest/framework/rel_planning_for_recovery_config_drift.html
  - https://docs.github.com/en/actions/how-tos/write-workflows/choose-what-workflows-do/run-job-variations
controls:
  aws-well-architected: [REL13-BP04]
traps:
  - A file that takes its Region from a variable or an input names none, so it is undecided where it deploys to.
  - One workflow for each Region is as good as one for both; one of another name may deploy something else, so it is undecided.
  - A file does not say which account it deploys to, so where pairs name accounts it is undecided whether it is about them.
  - A workflow that runs on machines of one's own stops with them, and where they are is not in the file, so it is undecided.
  - A workflow that deploys no containers and no stacks is another's business; what scripts and included files do is unknown.
parameters:
  elsewhere:
    type: array
    items: {type: string}
    default: []
    description: "Globs of paths of CI files whose work something else does for the standby."
examples:
  pass:
    - {Name: payments, Path: a.yml, Regions: [us-east-1, us-west-2], Deploys: true, HostedRunners: true}
    - Resources:  # one for each Region
        primary: {Type: GitHub::Actions::Workflow, Properties: {Name: payments-us-east-1, Path: a.yml, Regions: [us-east-1], Deploys: true, HostedRunners: true}}
        standby: {Type: GitHub::Actions::Workflow, Properties: {Name: payments-us-west-2, Path: b.yml, Regions: [us-west-2], Deploys: true, HostedRunners: true}}
    - Resources:  # either Region may be lost
        ci: {Type: GitLab::CI::Pipeline, Properties: {Name: gitlab-ci, Path: .gitlab-ci.yml, Regions: [us-east-1, us-west-2], Deploys: true, HostedRunners: true}}
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: active-active}]
    - Resources: {ci: &alone {Type: GitHub::Actions::Workflow, Properties: {Name: payments, Path: .github/workflows/payments.yml, Regions: [us-east-1], Deploys: true, HostedRunners: true}}}
      Parameters: {elsewhere: ["*/payments.yml"]}
  fail:
    - {Name: payments, Path: a.yml, Regions: [us-east-1], Deploys: true, HostedRunners: true}
    - Resources: {ci: *alone}
      Parameters: {elsewhere: ["*/shop.yml"]}
    - Resources:  # the runners do not matter where nothing is deployed there
        ci: {Type: GitHub::Actions::Workflow, Properties: {Name: payments, Path: a.yml, Regions: [us-east-1], Deploys: true, HostedRunners: false}}
    - Resources:  # the other deploys nothing
        ci: *alone
        test: {Type: GitHub::Actions::Workflow, Properties: {Name: payments, Path: b.yml, Regions: [us-west-2], Deploys: false, HostedRunners: true}}
    - Resources:  # either Region may be lost
        ci: {Type: GitHub::Actions::Workflow, Properties: {Name: payments, Path: a.yml, Regions: [us-west-2], Deploys: true, HostedRunners: true}}
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: active-active}]
    - Resources:  # of two standbys of one primary it has one
        ci: {Type: GitHub::Actions::Workflow, Properties: {Name: payments, Path: a.yml, Regions: [us-east-1, us-west-2], Deploys: true, HostedRunners: true}}
      Pairs: [{primary: us-east-1, standby: us-west-2}, {primary: us-east-1, standby: eu-west-1}]
  unknown:
    - {Name: payments, Path: a.yml, Regions: [us-east-1, {Unknown: a variable}], Deploys: true, HostedRunners: true}
    - {Name: payments, Path: a.yml, Regions: [{Unknown: none is named}], Deploys: true, HostedRunners: true}
    - {Name: payments, Path: a.yml, Regions: [us-east-1], Deploys: {Unknown: a script}, HostedRunners: true}
    - {Name: payments, Path: a.yml, Regions: [us-east-1, us-west-2], Deploys: true, HostedRunners: false}
    - {Name: payments, Path: a.yml, Regions: [us-east-1, us-west-2], Deploys: true, HostedRunners: {Unknown: a label}}
    - Resources: &two  # whether the other deploys the same
        ci: *alone
        other: {Type: GitLab::CI::Pipeline, Properties: {Name: gitlab-ci, Path: .gitlab-ci.yml, Regions: [us-west-2], Deploys: true, HostedRunners: true}}
    - Resources:  # where the other deploys to
        ci: *alone
        other: {Type: GitHub::Actions::Workflow, Properties: {Name: payments, Path: b.yml, Regions: [{Unknown: an input}], Deploys: true, HostedRunners: true}}
    - Resources: {ci: *alone}  # a file that cannot be read may deploy there
      Gaps: [{Reason: ParseError, Type: "GitLab::CI::Pipeline", Path: .gitlab-ci.yml, Account: null, Region: null}]
    - Resources: {ci: *alone}  # an account may be meant that is in no pair
      Pairs: [{primary: {account: "111122223333", region: us-east-1}, standby: {account: "111122223333", region: us-west-2}}]
  not_applicable:
    - {Name: lint, Path: a.yml, Regions: [us-east-1], Deploys: false, HostedRunners: true}
    - {Name: payments, Path: a.yml, Regions: [eu-west-1], Deploys: true, HostedRunners: true}
    - {Name: payments, Path: a.yml, Regions: [us-west-2], Deploys: true, HostedRunners: true}  # to the standby alone
"""

from fnmatch import fnmatchcase

from scanner.model import InsufficientData
from scanner.rule import Evidence, NotApplicable, Undecided, Violation

WORKFLOWS = ("GitHub::Actions::Workflow", "GitLab::CI::Pipeline")


def check(workflow, model, parameters):
    if not workflow["Deploys"]:
        yield NotApplicable("It deploys no containers and no stacks.")
        return
    if any(fnmatchcase(workflow["Path"], glob) for glob in parameters["elsewhere"]):
        yield Evidence(elsewhere=True)
        return
    found = False
    for primary, standby in sorted(set(directions(model)), key=str):
        if reaches(workflow, primary.region):
            found = True
            yield from judge(workflow, primary, standby, model)
    if not found:
        yield NotApplicable("It deploys to no primary.")


def directions(model):
    """Yield (primary, standby) of each pair, both ways where both are active."""
    for pair in model.pairs:
        yield pair.primary, pair.standby
        if pair.dr_class == "active-active":
            yield pair.standby, pair.primary


def reaches(workflow, region):
    """Tell whether a workflow is given a Region; raise where it may be."""
    return any(each == region for each in workflow["Regions"])


def judge(workflow, primary, standby, model):
    named = f"'{workflow['Path']}' deploys to '{primary.region}'"
    if reaches(workflow, standby.region):
        if workflow["HostedRunners"]:
            yield Evidence(standby=standby.region)
        else:
            yield Undecided(f"{named} from machines of one's own; whether they are lost with it is not in the file.")
        return
    doubts = []
    if other := twin_of(workflow, primary, standby, model, doubts):
        yield Evidence(standby=standby.region, by=other.id)
    elif doubts:
        yield Undecided(f"{named}; {doubts[0]}.")
    elif primary.account:
        yield Undecided(f"{named} alone; whether that is in account '{primary.account}' is not in the file.")
    else:
        yield Violation(f"{named} and not to its standby '{standby.region}'; both were expected.", "/Regions")


def twin_of(workflow, primary, standby, model, doubts):
    """Return the workflow that has its name, Regions in names apart, and deploys to the standby."""
    for other in (other for type in WORKFLOWS for other in model.of_type(type)):
        try:
            there = other["Deploys"] and reaches(other, standby.region) and other["HostedRunners"]
        except InsufficientData as gap:
            doubts.append(f"whether '{other.id}' deploys the same to '{standby.region}' is not known: {gap}")
            continue
        if there and neutral(other.name, standby.region) == neutral(workflow.name, primary.region):
            return other
        if there:
            doubts.append(f"whether '{other.id}', which deploys to '{standby.region}', deploys the same is not known")
    doubts += [f"a file that was not read may deploy the same: {gap}" for gap in map(model.hidden, WORKFLOWS) if gap]
    return None


def neutral(name, region):
    """Return a name with a mark in the place of a Region."""
    return name.replace(region, "<region>")
